"""Whether a champion still holds: which trainings a check needs, one after the other, and what they say.

Pure: from the trainings so far to the next one, or to the verdict. Nothing is remembered, so a restart goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from caviar.contract.messages import ParameterValue
from caviar.search.rounds import Round
from caviar.search.values import Result, Settings
from caviar.space import Box, Params, Space

Word = Literal["holds", "moved", "inconclusive"]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a check is about. ``points[0]`` is the champion, ``points[1]`` the runner-up, the others its neighbours."""

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


@dataclass(frozen=True, slots=True)
class Training:
    """One training of a check, running or over. ``seed`` counts from 0: the same seed is shared by all points."""

    point: Params
    seed: int
    over: bool = False
    value: float | None = None
    """None while it runs, and where it failed."""


@dataclass(frozen=True, slots=True)
class Drift:
    """Where a better value of one parameter lies now. ``distance`` is in box widths, on the parameter's scale."""

    parameter: str
    scale: str
    before: ParameterValue
    after: ParameterValue
    distance: float


@dataclass(frozen=True, slots=True)
class Verdict:
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


def points_to_check(
    space: Space,
    settings: Settings,
    box: Box,
    results: Sequence[Result],
    champion: Params,
    trials: int,
    runner_up: Params | None = None,
) -> tuple[Params, ...]:
    """The champion, the runner-up and a few neighbours, a box width away along what matters most. All different."""
    raise NotImplementedError


def next_training(
    space: Space, terms: Terms, trainings: Sequence[Training]
) -> tuple[Params, int] | None:
    """The point and the seed of the training to start now; None: wait for those that run, or it is decided."""
    raise NotImplementedError


def verdict(space: Space, terms: Terms, trainings: Sequence[Training]) -> Verdict | None:
    """What the trainings say; None while more are needed or some run."""
    raise NotImplementedError


def reopened(round_: Round, title: str, user: str | None = None) -> Round:
    """Round 0 of a study that tunes again: the last good box, widened."""
    raise NotImplementedError
