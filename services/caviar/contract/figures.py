"""What the pictures of a study show, as data, which pages, files, MLflow, notebooks and the report draw.

A position is a value on its parameter's own scale: 0 at the low end of the study's range, 1 at the high end. A rank is
a place among the trials of the same picture: 0 the worst, 1 the best. Lists in one object are columns of equal length.
"""

from __future__ import annotations

from typing import Literal

from caviar.contract.messages import ParameterValue
from caviar.contract.recheck import RecheckView
from caviar.contract.views import Confirmed, Importance, TrialKind, TrialState, View

FigureName = Literal[
    "progress", "zoom", "importance", "parallel", "curves", "confirmation", "champions"
]
Format = Literal["svg", "png"]

MOST_DOTS = 2_000
"""Trials in one picture, at most: the best ones, and of all others every so many."""
MOST_LINES = 80
"""Learning curves in one picture, at most."""


class AxisView(View):
    """One parameter on its own scale."""

    name: str
    scale: Literal["linear", "log", "reverse_log", "categories"]
    tier: int | None = None
    ticks: list[tuple[float, str]]
    """Positions and what is written there. Of categories: each one, in the middle of its part."""


class DotsView(View):
    """Trials, by number."""

    of: int
    """So many have ended, but for those that were cancelled; fewer are shown where they are many."""
    number: list[int]
    round: list[int]
    state: list[TrialState]
    kind: list[TrialKind]
    value: list[float | None]
    rank: list[float | None]
    """None where the trial has no value: it failed."""
    positions: dict[str, list[float | None]]
    """By parameter; None where it is not active."""
    values: dict[str, list[ParameterValue | None]]
    """To four digits."""


class BoxView(View):
    """One round of the ledger: where its box is, and why."""

    round: int
    kind: str
    reason: str
    undone: bool = False
    first: int
    last: int
    """The number of its first trial, and that of the next round's."""
    box: dict[str, tuple[float, float]]
    """By parameter, the positions of its sides; of categories, the span that the kept ones take."""
    sides: dict[str, str]
    """The same in words: "0.001 to 0.03", "sgd, adam"."""
    changes: dict[str, str]
    """By parameter, where it was not kept."""
    edges: dict[str, str]
    support: list[int]


class ZoomView(View):
    """The zoom, round by round; the parallel coordinates are drawn from it too."""

    study: str
    name: str
    metric: str
    goal: Literal["minimize", "maximize"]
    axes: list[AxisView]
    rounds: list[BoxView]
    dots: DotsView


class StepsView(View):
    """The best so far: a step at each trial that became the best."""

    number: list[int]
    seconds: list[float]
    """Since the study began."""
    slot_hours: list[float]
    """Spent by all trials that had ended by then: of each the last attempt, what was lost before it left out."""
    value: list[float]


class ProgressView(View):
    """Every trial's value and the best so far, over trials, time and cost."""

    study: str
    name: str
    metric: str
    goal: Literal["minimize", "maximize"]
    best: StepsView
    trials: StepsView
    """Those with a value, in the order in which they ended."""
    state: list[TrialState]
    kind: list[TrialKind]
    """Of ``trials``."""
    of: int
    """Trials with a value."""
    seconds: float
    slot_hours: float
    """How far the study is: to its end, or to that of the last trial."""


class ImportanceView(View):
    study: str
    name: str
    metric: str
    shares: list[Importance]
    """The largest first."""


class LineView(View):
    """One trial's learning curve: steps rising; values that were no finite numbers are left out."""

    number: int
    state: TrialState
    rank: float | None
    """Of its value, at its end."""
    steps: list[int]
    values: list[float]
    ended: str = ""
    """Why it was stopped, or failed."""


class CurvesView(View):
    study: str
    name: str
    metric: str
    goal: Literal["minimize", "maximize"]
    lines: list[LineView]
    of: int
    """Trials that trained, whole or not; a line has only who reported meanwhile."""


class RunsView(View):
    """One leader's trainings on new seeds."""

    trial: int
    first: float
    """What made it a leader; not among ``again``."""
    again: list[float]
    failed: int = 0
    """New runs without a value, or beyond the study's bounds; they are not among ``again``."""
    confirmed: Confirmed | None = None


class ConfirmationView(View):
    study: str
    name: str
    metric: str
    goal: Literal["minimize", "maximize"]
    leaders: list[RunsView]
    """The best first."""


FigureView = ProgressView | ZoomView | ImportanceView | CurvesView | ConfirmationView | RecheckView
