"""What the nurse reads and writes: its limits, what is known of a training, its acts, and its memory."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from caviar.panda.races import Race
from caviar.studies.spec import Goal

CUT = 3.0
"""By what a value is divided."""
FEWEST = 3
"""Reports in a window, at least."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the user allows: ``parameter`` within ``low`` to ``high`` (positive), and steps trained in vain of at most
    ``waste`` times the planned length. Raises ValueError where these make no sense."""

    low: float
    high: float
    parameter: str = "learning_rate"
    goal: Goal = "minimize"
    waste: float = 0.3

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high < math.inf:
            raise ValueError("the limits must be 0 < low < high")
        if not 0 <= self.waste < math.inf:
            raise ValueError("waste must be 0 or more")


@dataclass(frozen=True, slots=True)
class Look:
    """What is known now.

    ``points``: (step, metric) as reported, of the line that is alive, steps rising; gains are counted from the first
    one, best of all at step 0. ``params``: the values in effect. ``checkpoints``: the steps of those kept on this line;
    a forward try begins only at a step that has one, and ``Memory.needs`` is to be kept while it says so.
    ``planned``: the length in steps; ``trained``: all steps trained, those of abandoned lines too.
    """

    points: Sequence[tuple[int, float]]
    params: Mapping[str, float]
    checkpoints: Sequence[int]
    planned: int
    trained: int


@dataclass(frozen=True, slots=True)
class Act:
    """``set``: ``params`` from the next step on. ``rollback``: back to the checkpoint at ``to_step``, then that."""

    kind: Literal["set", "rollback"]
    params: Mapping[str, float]
    reason: str
    to_step: int | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """What the nurse knows from before. ``value`` is the one that it set, or found, last: another one is a person's.

    ``races`` and ``late`` count those begun or passed over; ``acted``: the step of the last act on this line;
    ``quiet``: the step before which nothing but a divergence matters; ``ceiling``: the least value that diverged.
    """

    value: float | None = None
    race: Race | None = None
    races: int = 0
    late: int = 0
    acted: int = 0
    quiet: int = 0
    ceiling: float | None = None
    rescues: int = 0

    @property
    def needs(self) -> int | None:
        """The step of a checkpoint that must be kept for now."""
        return self.race.start if self.race else None

    @property
    def standing(self) -> float | None:
        """The best value known: what to go back to if the nurse is switched off in the middle of a race."""
        return self.race.best().value if self.race and self.race.runners else self.value

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "race": self.race.to_json() if self.race else None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Memory:
        race = data["race"]
        return cls(**{**data, "race": Race.from_json(race) if race else None})


class View:
    """``limits`` and ``look`` in the words of the rules: losses, of which less is better."""

    def __init__(self, limits: Limits, look: Look) -> None:
        self.limits, self.look = limits, look
        self.sign = -1.0 if limits.goal == "maximize" else 1.0
        self.value = look.params[limits.parameter]
        finite = [(step, x) for step, x in look.points if math.isfinite(x)]
        self.steps = [step for step, _ in finite]
        self.losses = [self.sign * x for _, x in finite]
        self.step = look.points[-1][0]
        wasted = look.trained - self.step
        self.room = math.floor(limits.waste * look.planned + 1e-9) - wasted
        self.lower = min(self.value / CUT, limits.high)

    def share(self, part: float) -> int:
        return max(1, round(part * self.look.planned))

    def window(self, after: int, to: int) -> list[float]:
        """The losses of steps beyond ``after`` up to ``to``."""
        return self.losses[bisect_right(self.steps, after) : bisect_right(self.steps, to)]

    @property
    def diverged(self) -> bool:
        """Not finite, or three times farther above the start than it ever came below, and three times as large."""
        if not math.isfinite(self.look.points[-1][1]):
            return True
        first, best = self.losses[0], min(self.losses)
        bound = first + 3 * (first - best) + 2 * abs(first)
        return len(self.losses) > FEWEST and min(self.losses[-FEWEST:]) > bound

    def name(self, value: float) -> str:
        return f"{self.limits.parameter} {value:.3g}"

    def metric(self, loss: float) -> str:
        return f"{self.sign * loss:.4g}" if math.isfinite(loss) else "given up"

    def set(self, value: float, reason: str) -> Act:
        return Act("set", {self.limits.parameter: value}, reason)

    def back(self, to: int, value: float, reason: str) -> Act:
        """Back to the checkpoint at ``to``; without it, or room to waste that much, only the value."""
        if to not in self.look.checkpoints or self.step - to > self.room:
            return self.set(value, reason)
        return Act("rollback", {self.limits.parameter: value}, reason, to)
