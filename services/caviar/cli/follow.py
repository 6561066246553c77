"""Follows a study until it ends: a live picture on a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from rich.console import Console
from rich.live import Live

from caviar.cli.views.parts import clean
from caviar.cli.views.progress import counts_line, progress, round_line, trial_line
from caviar.client.connection import Client, finished_after
from caviar.client.study import ENDED, FINAL_TRIALS, POLL_S
from caviar.contract.views import Note, StudyView, TrialView

LINES_AT_ONCE = 20
"""More trials than this in one look are counted in one line."""


class Screen(Protocol):
    def show(self, study: StudyView) -> None: ...


class LiveScreen:
    """One picture, drawn over itself."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def show(self, study: StudyView) -> None:
        self._live.update(progress(study, self._live.console.width), refresh=True)


class LineScreen:
    """One line for each trial that ended and each new round. Says nothing twice."""

    def __init__(
        self, write: Callable[[str], None], fetch: Callable[[int], list[TrialView]]
    ) -> None:
        self._write, self._fetch = write, fetch
        self._cursor, self._seen = -1, set[int]()
        self._rounds, self._said = 0, False
        self._noted: list[Note] = []
        self._state = "running"

    def show(self, study: StudyView) -> None:
        if not self._said:
            self._said = True
            for warning in study.warnings:
                self._write(f"warning: {clean(warning)}")
        for note in study.notes:
            if note not in self._noted:
                self._noted.append(note)
                self._write(f"{'warning: ' if note.warning else ''}{clean(note.text)}")
        ended, self._cursor = finished_after(self._fetch, self._cursor, self._seen, FINAL_TRIALS)
        for trial in ended[:LINES_AT_ONCE]:
            self._write(trial_line(trial, study))
        if len(ended) > LINES_AT_ONCE:
            self._write(f"and {len(ended) - LINES_AT_ONCE} more: {counts_line(study)}")
        for round_view in study.rounds[self._rounds :]:
            self._write(round_line(round_view))
        self._rounds = len(study.rounds)
        if study.state != self._state:
            self._state = study.state
            reason = f": {clean(study.reason)}" if study.reason else ""
            self._write(f"{study.state}{reason}")


def follow(client: Client, study_id: str, console: Console) -> StudyView:
    """Show the study's progress on ``console`` until it has ended and its MLflow run is complete.

    A service that goes away meanwhile is waited for.
    """

    def write(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    client = client.patient(write)
    if not console.is_terminal:
        return _until_ended(
            client, study_id, LineScreen(write, lambda after: client.trials(study_id, after))
        )
    with Live(console=console, auto_refresh=False, transient=True) as live:
        return _until_ended(client, study_id, LiveScreen(live))


def _until_ended(client: Client, study_id: str, screen: Screen) -> StudyView:
    while True:
        study = client.study(study_id)
        screen.show(study)
        if study.state in ENDED and study.mlflow.closed:
            return study
        time.sleep(POLL_S)
