"""Races: the same steps of a training, from one checkpoint, under several values; which of them did best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from statistics import fmean
from typing import Any, Literal

Kind = Literal["jump", "refine", "raise", "try"]
"""``jump`` and ``refine`` begin at the first step and take the place of a search; ``raise`` is for a nurse that comes
later. ``try`` has one lower value, forward from where the training is, against the window before it."""

WAYS: dict[Kind, tuple[float, ...]] = {
    "jump": (10.0, 1 / 10.0),
    "refine": (1 / 3.0,),
    "raise": (3.0,),
    "try": (),
}
"""By which factors the value is changed: by each until that does not win any more, by one way only if it won."""
SAME = 0.005
"""Levels that differ by less than this share of themselves are the same."""
CLOSE = 0.02
"""At the start a lower value wins where it gains as much as a higher one but for this share."""
NOTHING = 0.1
"""Where neither learned anything yet, a higher value loses only if it is worse by this share of the level."""
HOPELESS = 3.0
"""Standard errors behind at half of the window, at which a value is given up."""


@dataclass(frozen=True, slots=True)
class Runner:
    """What one value came to: the mean of the window's second half, its standard error, the mean of its second quarter.

    ``level`` is inf for a value that diverged or was given up. All levels are losses: less is better.
    """

    value: float
    level: float
    error: float = 0.0
    half: float = math.inf


@dataclass(frozen=True, slots=True)
class Race:
    """From the checkpoint at step ``start``, ``window`` steps for each value; ``first`` is the level at its start."""

    kind: Kind
    start: int
    window: int
    first: float
    runners: tuple[Runner, ...] = ()

    def add(self, runner: Runner) -> Race:
        return replace(self, runners=(*self.runners, runner))

    def best(self) -> Runner:
        """The winner so far. The first runner is the value that the training had."""
        best = self.runners[0]
        for other in self.runners[1:]:
            if self._beats(other, best):
                best = other
        return best

    def _beats(self, other: Runner, best: Runner) -> bool:
        if not math.isfinite(other.level) or not math.isfinite(best.level):
            return other.level < best.level
        same = SAME * abs(best.level)
        clear = best.level - same - math.hypot(best.error, other.error)
        if self.kind in ("raise", "try"):
            return other.level < clear
        if other.value > best.value:
            return other.level < best.level + same
        if self.first - other.level < same:
            return other.level < best.level - NOTHING * abs(best.level)
        return other.level < best.level + CLOSE * (self.first - best.level)

    def following(self, low: float, high: float) -> float | None:
        """The next value to run, within ``low`` to ``high``: on from the best one; None when the race is over."""
        best, first = self.best().value, self.runners[0].value
        for factor in WAYS[self.kind]:
            value = best * factor
            back = best != first and (best > first) != (factor > 1)
            seen = any(math.isclose(value, other.value, rel_tol=1e-6) for other in self.runners)
            if not back and not seen and low <= value <= high:
                return value
        return None

    def hopeless(self, half: float) -> bool:
        """Whether a value whose second quarter has the mean ``half`` need not run to the end."""
        best = self.best()
        return half > best.half + max(HOPELESS * best.error, SAME * abs(best.level))

    def to_json(self) -> dict[str, Any]:
        """JSON has no infinity: None stands for it."""
        runners = [
            {name: x if math.isfinite(x) else None for name, x in asdict(runner).items()}
            for runner in self.runners
        ]
        return {**asdict(self), "runners": runners}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Race:
        runners = tuple(
            Runner(**{name: math.inf if x is None else x for name, x in runner.items()})
            for runner in data["runners"]
        )
        return cls(**{**data, "runners": runners})


def runner(value: float, window: Sequence[float]) -> Runner:
    """``window``: the losses of the whole window, in order; at least two."""
    half = len(window) // 2
    return Runner(value, fmean(window[half:]), error(window[half:]), quarter(window[:half]))


def quarter(losses: Sequence[float]) -> float:
    """The mean of the second half of ``losses``, the first half of a window."""
    return fmean(losses[len(losses) // 2 :]) if losses else math.inf


def error(losses: Sequence[float]) -> float:
    """The standard error of the mean, by differences of neighbours: a steady slope is hardly noise."""
    if len(losses) < 2:
        return 0.0
    steps = [(after - before) ** 2 for before, after in pairwise(losses)]
    return math.sqrt(fmean(steps) / 2 / len(losses))
