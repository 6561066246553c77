"""`caviar watch`: a study until it ends; of a trial, and of a study by hand, the learning curve while it grows."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import click
from rich.console import Console
from rich.live import Live

from caviar.cli import INTERRUPTED, reading
from caviar.cli.follow import Finder, follow, is_live
from caviar.cli.views.curve import Relative, Scene, curve_view
from caviar.cli.views.interventions import sentence, who_and_why
from caviar.cli.views.parts import clean, last_line, scale_of
from caviar.cli.views.result import exit_code, result, result_object
from caviar.client.babysitting import BabysatTrial
from caviar.client.connection import Client, find_service
from caviar.client.study import ENDED, FINAL_TRIALS
from caviar.contract.messages import Origin
from caviar.contract.numbers import number
from caviar.contract.panda import CurveView
from caviar.contract.views import StudyView, TrialView

POLL_S = 1.0
FORKS_SHOWN = 8
"""Of one trial, the newest ones."""
QUIET = 10
"""Where it is no terminal, the metric is said every so many looks."""


def watch(given: str, as_json: bool) -> int:
    with Client(find_service()) as client:
        if "/" in given:
            name, which = reading.trial_name(given)
            study_id = client.resolve(name)
            client.trial(study_id, which)  # told before anything is drawn, where there is none
            try:
                return _watch_trial(client, study_id, which, as_json)
            except KeyboardInterrupt:
                return _left(client.study(study_id))
        study = client.study(client.resolve(given))
        console = reading.console(stderr=as_json)
        follows = follow_by_hand if study.mode == "panda" else follow
        try:
            ended = follows(client, study.id, console, find_service)
        except KeyboardInterrupt:
            return _left(study)
    if as_json:
        reading.print_json(result_object(ended))
    else:
        console.print(result(ended, reading.width_of(console)))
    return exit_code(ended)


def _left(study: StudyView) -> int:
    again = f"`caviar watch {study.id}` follows it, `caviar stop {study.id}` ends it."
    click.echo(f"{clean(study.name)} goes on. {again}", err=True)
    return INTERRUPTED


def _watch_trial(client: Client, study_id: str, which: int, as_json: bool) -> int:
    """Until it has ended, and what goes on in its place."""
    with _Watching(client, study_id, reading.console(stderr=as_json), find_service) as watching:
        while True:
            scene = watching.look(which)
            if scene.trial.state not in FINAL_TRIALS:
                time.sleep(POLL_S)
            elif (successor := _successor(scene)) is not None:
                which = successor
            else:
                time.sleep(POLL_S)
                scene = watching.look(which)
                break
    if as_json:
        reading.print_json(scene.curve)
    return 0 if scene.trial.state in ("done", "stopped") else 1


def follow_by_hand(
    client: Client, study_id: str, console: Console, find: Finder | None = None
) -> StudyView:
    """Show the curve of the trial that runs, and of the next one after it, until the study has ended and its MLflow
    run is complete. A service that goes away meanwhile is waited for."""
    which: int | None = None
    with _Watching(client, study_id, console, find) as watching:
        while True:
            study = watching.study()
            others = [trial.number for trial in study.running if trial.number != which]
            if which is None:
                which = min(others, default=None)
            if which is not None:
                scene = watching.look(which)
                if scene.trial.state in FINAL_TRIALS:
                    successor = _successor(scene)
                    if successor is None:
                        successor = min(others, default=None)
                    if successor is not None:
                        which = successor
                        continue
            if study.state in ENDED and study.mlflow.closed:
                return study
            time.sleep(POLL_S)


def _successor(scene: Scene) -> int | None:
    """What goes on in the place of a trial that has ended: a rollback, a fork in its place, the one that was kept."""
    forks = [each.trial for each in scene.relatives if not each.parent]
    replacing = [fork.number for fork in forks if fork.origin is not None and fork.origin.in_place]
    if replacing:
        return max(replacing)
    running = [each.trial.number for each in scene.relatives if each.trial.state == "running"]
    return min(running, default=None)


class _Screen(Protocol):
    def show(self, scene: Scene) -> None: ...


class _Watching:
    """Looks at trainings and shows them. What has ended is asked for once. A context manager."""

    def __init__(
        self, client: Client, study_id: str, console: Console, find: Finder | None
    ) -> None:
        def write(line: str) -> None:
            console.print(line, markup=False, highlight=False, soft_wrap=True)

        self._client = client.patient(write, find=find)
        self._study_id = study_id
        self._ended: set[int] = set()
        self._over: dict[int, tuple[TrialView, CurveView]] = {}
        """Those that had ended a look before: their last points are told a moment after their end."""
        self._live = Live(console=console, auto_refresh=False) if is_live(console) else None
        self._screen: _Screen = _Picture(self._live) if self._live else Lines(write)

    def __enter__(self) -> _Watching:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live is not None:
            self._live.stop()

    def study(self) -> StudyView:
        return self._client.study(self._study_id)

    def look(self, which: int) -> Scene:
        """At one training, and show it."""
        trial, curve = self._trial(which)
        relatives: list[Relative] = []
        nearer = trial
        while (origin := nearer.origin) is not None and origin.number is not None:
            relative = self._relative(origin.number, origin, parent=True)
            relatives.append(relative)
            nearer = relative.trial
        children = [each.child for each in curve.interventions if each.child is not None]
        for child in children[-FORKS_SHOWN:]:
            relatives.append(self._relative(child, None, parent=False))
        scene = Scene(self.study(), trial, curve, tuple(relatives))
        self._screen.show(scene)
        return scene

    def _relative(self, which: int, origin: Origin | None, parent: bool) -> Relative:
        trial, curve = self._trial(which)
        between = origin or trial.origin
        branched = between.step if between is not None and between.step is not None else 0
        return Relative(trial, curve, parent, branched)

    def _trial(self, which: int) -> tuple[TrialView, CurveView]:
        if which in self._over:
            return self._over[which]
        trial = self._client.trial(self._study_id, which)
        curve = BabysatTrial(self._client, self._study_id, which).curve()
        if which in self._ended:
            self._over[which] = trial, curve
        if trial.state in FINAL_TRIALS:
            self._ended.add(which)
        return trial, curve


class _Picture:
    """One picture, drawn over itself."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def show(self, scene: Scene) -> None:
        console = self._live.console
        self._live.update(curve_view(scene, console.width, console.height), refresh=True)


class Lines:
    """One line for each change; the metric with it, and by itself from time to time. Says nothing twice."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._looks = 0
        self._step: int | None = None
        self._said: dict[tuple[int, int], tuple[str, str]] = {}
        self._states: dict[int, str] = {}

    def show(self, scene: Scene) -> None:
        trial = scene.trial
        self._looks += 1
        if self._states.get(trial.number) != trial.state:
            self._states[trial.number] = trial.state
            reason = f": {last_line(trial.error)}" if trial.error else ""
            self._write(f"trial {trial.number} {trial.state}{reason}{self._metric(scene)}")
        for each in scene.done:
            words = sentence(each, scale_of(scene.study.parameters))
            verdict = each.effect.word if each.effect else ""
            before, judged = self._said.get((each.trial, each.number), ("", ""))
            self._said[each.trial, each.number] = words, verdict
            if words != before:
                self._write(f"trial {each.trial}: {words} ({who_and_why(each)})")
            if each.effect is not None and verdict != judged:
                self._write(f"trial {each.trial}: {clean(each.effect.sentence)}")
        if self._looks >= QUIET and scene.last is not None and scene.last[0] != self._step:
            self._write(f"trial {trial.number}{self._metric(scene)}")

    def _metric(self, scene: Scene) -> str:
        """Where it stands, for the end of a line."""
        self._looks = 0
        if scene.last is None:
            return ""
        self._step, value = scene.last
        return f" step {self._step} {clean(scene.curve.metric)}={number(value)}"
