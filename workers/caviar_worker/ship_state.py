"""What of one trial is in MLflow already: pure values, kept as JSON in ``runs/<trial>.json``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from caviar_worker.files import read_json, write_json
from caviar_worker.folders import AttemptFolder, state_of
from caviar_worker.spool import End, Point, last_step

Last = dict[str, Point]
"""The newest shipped point of each metric, in MLflow's order: step, time, value."""


@dataclass(frozen=True, slots=True)
class AttemptState:
    """``offset`` bytes of the attempt's spool are shipped; ``opened``: its tags and parameters are."""

    offset: int = 0
    opened: bool = False
    last: Last = field(default_factory=dict)
    changes: int = 0
    """How many changes of values are told."""


@dataclass(frozen=True, slots=True)
class ShipState:
    """``intent`` is written before a run is created: after a kill in between, the run is looked for."""

    run_id: str | None = None
    intent: bool = False
    attempts: dict[int, AttemptState] = field(default_factory=dict)

    def of(self, attempt: int) -> AttemptState:
        return self.attempts.get(attempt, AttemptState())

    def with_attempt(self, attempt: int, state: AttemptState) -> ShipState:
        return replace(self, attempts={**self.attempts, attempt: state})

    def earlier(self, attempt: int) -> Last:
        """The newest point of each metric that attempts before this one shipped."""
        found: Last = {}
        for number in sorted(self.attempts):
            if number < attempt:
                found = newest(found, self.attempts[number].last.values())
        return found


def unrepeated(points: Iterable[Point], earlier: Last) -> list[Point]:
    """The points at steps that no earlier attempt has shipped: a second attempt does not double them."""
    return [p for p in points if p.name not in earlier or p.step > earlier[p.name].step]


def newest(last: Last, points: Iterable[Point]) -> Last:
    found = dict(last)
    for point in points:
        if point.name not in found or _order(point) > _order(found[point.name]):
            found[point.name] = point
    return found


def final_points(end: End, metric: str, last: Last) -> list[Point]:
    """The points that make the final values MLflow's latest ones.

    MLflow takes as latest the point with the greatest (step, time, value). A value that is the latest
    already needs nothing; another one goes to the same step at a later time.
    """
    finals = dict(end.metrics)
    if end.value is not None:
        finals[metric] = end.value
    found = []
    for name, value in finals.items():
        before = last.get(name)
        if before is None:
            found.append(Point(name, 0, end.t_ms, value))
        elif before.value != value:
            found.append(Point(name, before.step, max(end.t_ms, before.t_ms + 1), value))
    return found


def _order(point: Point) -> tuple[int, int, float]:
    return point.step, point.t_ms, point.value


def load(path: Path) -> ShipState:
    raw = read_json(path)
    if raw is None:
        return ShipState()
    attempts = {
        int(number): AttemptState(
            one["offset"],
            one["opened"],
            {name: Point(name, step, t, float(v)) for name, (step, t, v) in one["last"].items()},
            one.get("changes", 0),
        )
        for number, one in raw["attempts"].items()
    }
    return ShipState(raw["run_id"], raw["intent"], attempts)


def save(path: Path, state: ShipState) -> None:
    """By a rename: a kill leaves the state before the last call, and its replay changes nothing."""
    attempts: dict[str, Any] = {
        str(number): {
            "offset": one.offset,
            "opened": one.opened,
            # As text: JSON has no NaN, and repr gives the same float back.
            "changes": one.changes,
            "last": {name: [p.step, p.t_ms, repr(p.value)] for name, p in one.last.items()},
        }
        for number, one in state.attempts.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_json(path, {"run_id": state.run_id, "intent": state.intent, "attempts": attempts})


def passed(folder: AttemptFolder, known: int | None) -> int | None:
    """The last step that earlier attempts of the trial have reported: here, or as the service has ``known``."""
    steps = [] if known is None else [known]
    for attempt in range(1, folder.attempt):
        earlier = AttemptFolder(folder.root, folder.trial, attempt)
        step, _ = last_step(earlier.spool, "")
        steps += [] if step is None else [step]
    for attempt, state in load(state_of(folder.root, folder.trial)).attempts.items():
        if attempt < folder.attempt:
            steps += [point.step for point in state.last.values()]
    return max(steps, default=None)
