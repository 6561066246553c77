"""Follows a study until it ends: a live picture on a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from caviar.cli.plot import Point
from caviar.cli.views.parts import clean
from caviar.cli.views.progress import (
    MAX_RUNNING_SHOWN,
    Course,
    counts_line,
    fitted,
    round_line,
    trial_line,
)
from caviar.client.babysitting import BabysatTrial
from caviar.client.connection import Address, Client, finished_after
from caviar.client.study import ENDED, FINAL_TRIALS, POLL_S
from caviar.contract.figures import ProgressView
from caviar.contract.views import Note, StudyView, TrialView
from caviar.contract.words import finished_count
from caviar.errors import CaviarError

LINES_AT_ONCE = 20
"""More trials than this in one look are counted in one line."""


Finder = Callable[[], Address]

LOOK_S = 1.0
"""Between two looks of the live picture."""
CURVE_LOOKS = 2
"""In one of so many looks a curve is asked for."""
REDRAWN = 2.0
"""How often a second: a terminal whose size changed is filled again, also while the service is away."""


class Screen(Protocol):
    def show(self, study: StudyView) -> None: ...


class LiveScreen:
    """One picture on a screen of its own, as large as the terminal is at the moment. A context manager.

    Beside the look itself it asks for the curve of a running trial at times, and else draws what each look says.
    """

    def __init__(self, console: Console, client: Client, find: Finder | None) -> None:
        self._console = console
        self.client = client.patient(self.away, find=find)
        self._study: StudyView | None = None
        self._course = Course()
        self._asked: dict[int, int] = {}
        """By running trial, the look in which its curve was asked for."""
        self._looks = 0
        self._live = Live(
            console=console,
            screen=True,
            get_renderable=self._picture,
            refresh_per_second=REDRAWN,
            vertical_overflow="crop",
        )

    def __enter__(self) -> LiveScreen:
        self._live.start(refresh=True)
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.stop()

    def away(self, why: str) -> None:
        """Say in its place that what is shown is old."""
        at = time.strftime("%H:%M:%S")
        self._course = replace(self._course, away=f"{why} Since {at}.")

    def show(self, study: StudyView) -> None:
        first = self._study is None
        self._looks += 1
        curves = self._reported(study)
        best = self._course.best
        if first:
            self._study = study
            course = course_of(self.client, study.id)
            best = [] if course is None else pairs_of(course)
        elif self._looks % CURVE_LOOKS == 0 and (due := self._due(study)) is not None:
            self._asked[due] = self._looks
            with suppress(CaviarError):  # it ended meanwhile; the study itself is asked for again
                points = BabysatTrial(self.client, study.id, due).curve().points
                curves[due] = points or curves[due]
        self._study, self._course = study, Course(curves, _grown(best, study))

    def _reported(self, study: StudyView) -> dict[int, Sequence[Point]]:
        """The curves of what runs, with what this look says."""
        curves: dict[int, Sequence[Point]] = {}
        for trial in study.running:
            known = list(self._course.curves.get(trial.number, ()))
            if trial.step is not None and (not known or known[-1][0] < trial.step):
                known.append((trial.step, trial.last))
            curves[trial.number] = known
        self._asked = {number: at for number, at in self._asked.items() if number in curves}
        return curves

    def _due(self, study: StudyView) -> int | None:
        """Of the running trials that are shown, the one whose curve was asked for longest ago."""
        shown = [t.number for t in study.running[:MAX_RUNNING_SHOWN] if t.step is not None]
        return min(shown, key=lambda number: self._asked.get(number, 0), default=None)

    def _picture(self) -> RenderableType:
        if self._study is None:
            return Text(self._course.away or "Asking the service.")
        width, height = self._console.size
        return fitted(self._study, self._course, width, height)


def _grown(best: Sequence[tuple[int, float]], study: StudyView) -> list[tuple[int, float]]:
    """The best so far, with what it is now."""
    steps = list(best)
    if study.best is not None and (not steps or steps[-1][1] != study.best.value):
        last = steps[-1][0] if steps else 0
        steps.append((max(last, finished_count(study) - 1), study.best.value))
    return steps


def course_of(client: Client, study_id: str) -> ProgressView | None:
    """The best so far over all trials. None where the service does not tell it: all else is shown without."""
    try:
        return client.read(f"/studies/{study_id}/figures/progress", ProgressView)
    except CaviarError:
        return None


def pairs_of(course: ProgressView) -> list[tuple[int, float]]:
    return list(zip(course.best.number, course.best.value, strict=True))


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


def follow(
    client: Client, study_id: str, console: Console, find: Finder | None = None
) -> StudyView:
    """Show the study's progress on ``console`` until it has ended and its MLflow run is complete.

    A service that goes away meanwhile is waited for, and looked for where ``find`` says.
    """

    def write(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    if not is_live(console):
        client = client.patient(write, find=find)
        lines = LineScreen(write, lambda after: client.trials(study_id, after))
        return _until_ended(client, study_id, lines, POLL_S)
    study = client.study(study_id)
    if _is_over(study):
        return study
    with LiveScreen(console, client, find) as screen:
        return _until_ended(screen.client, study_id, screen, LOOK_S)


def is_live(console: Console) -> bool:
    """Whether pictures may be drawn over: on a terminal that can move its cursor, whatever colours were asked for."""
    return console.is_interactive and not console.is_dumb_terminal and console.file.isatty()


def _is_over(study: StudyView) -> bool:
    return study.state in ENDED and study.mlflow.closed


def _until_ended(client: Client, study_id: str, screen: Screen, pause_s: float) -> StudyView:
    while True:
        study = client.study(study_id)
        screen.show(study)
        if _is_over(study):
            return study
        time.sleep(pause_s)
