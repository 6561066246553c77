"""Early stopping on this host: what trials reached at the rungs, and whether one that reaches a rung goes on.

A trial writes its own file and reads the others (see ``folders``) at the few steps where values are compared. It waits
for nobody: what lies there is what is known now. Keep this module light: it is loaded in every trial's process.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caviar.contract import halving
from caviar_worker import spool
from caviar_worker.files import read_json, write_json
from caviar_worker.folders import AttemptFolder, held, rule_of

if TYPE_CHECKING:
    from caviar.contract.messages import StopRule

MOST_POINTS = 250
"""Of a curve in a message: its marks are far fewer, unless user code wrote the file."""
_MOST_BYTES = 65_536

Points = list[tuple[int, float | None]]


def keep_rule(root: Path, study: str, rule: StopRule) -> None:
    """Put the newest rule where this host's trials look."""
    path = rule_of(root, study)
    path.parent.mkdir(exist_ok=True, mode=0o700)
    write_json(path, rule.model_dump(mode="json"), 0o644)


def tidy(root: Path, studies: set[str]) -> None:
    """Remove the rules of all but ``studies``, and the curves of attempts that are not held.

    A rule that is removed too early comes again with the next claim; a curve never is, for its claim was there first.
    """
    paths = list(_files(root))
    attempts = {folder.path.name for folder in held(root)}
    for path in paths:
        if path.stem not in (attempts if "." in path.stem else studies):
            path.unlink(missing_ok=True)


def curve_so_far(folder: AttemptFolder) -> Points:
    """What a trial wrote down: all of it lies where other trials wrote something down as well."""
    return _read(folder.curve).points


def whole_curve(folder: AttemptFolder, metric: str) -> Points:
    """What a trial that trained to its end wrote down, and its last report."""
    points = curve_so_far(folder)
    last = spool.last_point(folder.spool, metric)
    if points and last is not None and last.step > points[-1][0]:
        points.append((last.step, last.value if math.isfinite(last.value) else None))
    return points


class Climb:
    """One attempt on its way up the rungs. It is asked to stop at one where others were better."""

    def __init__(
        self, folder: AttemptFolder, study: str, goal: str, rule: Mapping[str, Any]
    ) -> None:
        """``rule``: the StopRule of the assignment, as JSON."""
        self._folder = folder
        self._study = study
        self._goal = goal
        self._rule = rule
        self._first: int | None = rule["first"]
        self._resumed = False
        """It goes on from a checkpoint: at the rungs below, an earlier attempt was compared."""
        self._points: Points = []
        self._next = -1
        """The step from which on there is something to do."""

    def reached(self, step: int, value: float) -> None:
        """Take a reported value of the metric; write it down and compare it where that is due."""
        if step < self._next:
            return
        # A full disk or a file that somebody spoilt must not fail a training.
        with suppress(OSError, ValueError, TypeError, LookupError):
            self._compare(step, value)

    def _compare(self, step: int, value: float) -> None:
        if self._first is None:
            self._first = step
        if self._points:
            before = self._points[-1][0]
        else:
            self._resumed = self._folder.attempt > 1 and step > self._first
            before = step if self._resumed else self._first - 1
        marks = halving.marks(self._first, self._rule["reduction"], self._rule["min_steps"])
        self._next = next((mark for mark in marks if mark > step), 2**63)
        self._points.append((step, value if math.isfinite(value) else None))
        _append(self._folder.curve, self._study, self._resumed, *self._points[-1])

        rule = read_json(rule_of(self._folder.root, self._study)) or self._rule
        passed = [place for place, rung in enumerate(rule["rungs"]) if before < rung <= step]
        if not passed or self._rule["watch_only"]:
            return
        place = passed[-1]
        others = [*rule["values"][place], *self._neighbours(rule["rungs"][place])]
        if not halving.goes_on(value, others, rule["reduction"], self._goal):
            whole = "" if rule["last"] is None else f" of about {rule['last']}"
            note = f"stopped early at step {step}{whole}, rung {place + 1} of {len(rule['rungs'])}"
            self._folder.stop_early(note)

    def _neighbours(self, rung: int) -> Iterator[float]:
        """What the other trials of the study on this host have reached there."""
        for path in _files(self._folder.root):
            if "." not in path.stem or path == self._folder.curve:
                continue
            curve = _read(path)
            if curve.study == self._study and not curve.resumed:
                value = halving.value_at(curve.points, rung)
                if value is not None:
                    yield value


@dataclass(slots=True)
class _Curve:
    """A trial's file."""

    study: str | None = None
    resumed: bool = False
    points: Points = field(default_factory=list)


def _append(path: Path, study: str, resumed: bool, step: int, value: float | None) -> None:
    """One line and one write: a reader sees whole lines. Not a file anew: replacing one costs a flush on ext4."""
    line = json.dumps({"study": study, "resumed": resumed, "s": step, "v": value})
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def _read(path: Path) -> _Curve:
    """The curve in a trial's file, steps rising. User code may have written it: what is no point is passed over."""
    curve = _Curve()
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES)
    except OSError:
        return curve
    for line in data.splitlines()[:MOST_POINTS]:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        match entry:
            case {
                "study": str(study),
                "resumed": bool(resumed),
                "s": int(step),
                "v": int() | float() | None as value,
            } if 0 <= step < 2**63 and (not curve.points or step > curve.points[-1][0]):
                curve.study, curve.resumed = study, resumed
                finite = value is not None and math.isfinite(value)
                curve.points.append((step, float(value) if finite and value is not None else None))
    return curve


def _files(root: Path) -> Iterator[Path]:
    with suppress(FileNotFoundError):
        yield from (p for p in (root / "rungs").iterdir() if p.suffix in (".json", ".jsonl"))
