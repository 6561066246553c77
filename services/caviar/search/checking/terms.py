"""What a check is about, what it is told and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from caviar.contract.messages import ParameterValue
from caviar.space import Box, Params

HUGE = 1e100
"""A value beyond this is a failure like one that is not finite: its square is no number."""

Word = Literal["holds", "moved", "inconclusive"]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a check is about. ``points[0]`` is the champion, ``points[1]`` the runner-up, the others its neighbours.

    Without a runner-up all but the first are neighbours.
    """

    goal: Literal["minimize", "maximize"]
    points: tuple[Params, ...]
    trials: int
    """Most trainings, at least 2."""
    noise: float | None = None
    """Standard deviation of a training's value over seeds, from the study's new runs; None where there were none."""
    freedom: int = 0
    """Degrees of freedom behind ``noise``."""
    tolerance: float = 0.0
    """A difference in the metric up to this does not matter."""
    box: Box | None = None
    """The last good one: drifts are told in its widths. Without one, in how far the neighbours go."""


@dataclass(frozen=True, slots=True)
class Training:
    """One training of a check, running or over. ``seed`` counts from 0: the same seed is shared by all points."""

    point: Params
    seed: int
    over: bool = False
    value: float | None = None
    """None while it runs, and where it failed."""

    @property
    def failed(self) -> bool:
        """A value that is not finite counts as a failure, as everywhere in a search."""
        return self.over and (self.value is None or not abs(self.value) <= HUGE)


@dataclass(frozen=True, slots=True)
class Drift:
    """Where a better value of one parameter lies now. ``distance`` is in box widths, on the parameter's scale.

    Of another category the distance is 1.
    """

    parameter: str
    scale: str
    before: ParameterValue
    after: ParameterValue
    distance: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """``effect`` and its interval are 0 where champion and challenger gave no two values to compare.

    ``challenger`` is the rival that was trained again, also where the champion holds; None where none was worth it.
    ``drifts`` are empty unless it moved.
    """

    word: Word
    effect: float
    """By how much the challenger is better than the champion, in units of the metric; below 0 it is worse."""
    low: float
    high: float
    """90% interval of ``effect``."""
    challenger: Params | None
    drifts: tuple[Drift, ...]
    champion: float | None
    """Mean of the champion's values in this check."""
    trainings: int
    reason: str
    """One sentence for people."""
