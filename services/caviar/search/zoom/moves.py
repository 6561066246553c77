"""How one side of the box moves between two rounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from caviar.search.history import History
from caviar.search.values import Result
from caviar.space import Categorical, Interval, Kept, Parameter, Side

NARROWEST = 0.002
"""Width below which a side no longer narrows."""
EDGE = 0.15
"""The best trial sits at the edge when it is nearer to it than this share of the side."""
AT_BOUND = 0.01
FEWEST_TRIES = 3
"""Trials of a category before it can be dropped."""

Edge = Literal["", "lower", "upper"]


@dataclass(frozen=True, slots=True)
class Move:
    """One side before and after. ``edge``: where the best trial sat in the box; ``bound``: at which of
    the study's own bounds it sits."""

    parameter: Parameter
    before: Side
    after: Side
    edge: Edge = ""
    bound: Edge = ""

    @property
    def kind(self) -> Literal["kept", "narrowed", "widened", "moved"]:
        if self.after == self.before:
            return "kept"
        if isinstance(self.before, Interval) and isinstance(self.after, Interval):
            if self.before.lo <= self.after.lo and self.after.hi <= self.before.hi:
                return "narrowed"
            if self.after.lo <= self.before.lo and self.before.hi <= self.after.hi:
                return "widened"
            return "moved"
        assert isinstance(self.before, Kept)
        assert isinstance(self.after, Kept)
        old, new = set(self.before.choices), set(self.after.choices)
        return "narrowed" if new < old else "widened" if old < new else "moved"

    @property
    def ratio(self) -> float:
        """New length of the side over its old one; categories are counted."""
        if isinstance(self.before, Interval) and isinstance(self.after, Interval):
            return self.after.width / self.before.width
        assert isinstance(self.before, Kept)
        assert isinstance(self.after, Kept)
        return len(self.after.choices) / len(self.before.choices)

    def settled(self, side: Side) -> Move:
        """With the side as the box has it: whole numbers have their own edges."""
        return replace(self, after=side)


def moved(
    parameter: Parameter,
    side: Side,
    history: History,
    lead: Sequence[Result],
    centre: float,
    width: float,
) -> Move:
    """The move of one side to ``width`` around ``centre``, both in the cube; ``lead`` are the best trials."""
    best = lead[0].params.get(parameter.name)
    if isinstance(side, Kept) or isinstance(parameter, Categorical):
        assert isinstance(side, Kept)
        return Move(parameter, side, _plausible(parameter, side, history, lead))
    if best is None:
        return Move(parameter, side, side)
    place = parameter.to_unit(best)
    below, above = _neighbours(parameter, place)
    lo = max(min(centre - width / 2, below), 0.0)
    hi = min(max(centre + width / 2, above), 1.0)
    if hi - lo < NARROWEST:
        lo, hi = max(min(lo, 1.0 - NARROWEST), 0.0), min(max(hi, NARROWEST), 1.0)
    after = Interval(lo, hi)
    edge: Edge = ""
    if side.lo > 0.0 and place < side.lo + EDGE * side.width:
        edge = "lower"
    elif side.hi < 1.0 and place > side.hi - EDGE * side.width:
        edge = "upper"
    at_bound: Edge = "lower" if place <= AT_BOUND else "upper" if place >= 1 - AT_BOUND else ""
    return Move(parameter, side, after, edge, at_bound)


def _neighbours(parameter: Parameter, place: float) -> tuple[float, float]:
    """Places of the whole numbers next to one, which a box keeps in reach; of a float the place itself."""
    if parameter.type != "int":
        return place, place
    value = int(parameter.from_unit(place))
    low, high = map(int, _ends(parameter))
    return parameter.to_unit(max(value - 1, low)), parameter.to_unit(min(value + 1, high))


def _ends(parameter: Parameter) -> tuple[float, float]:
    assert not isinstance(parameter, Categorical)
    return parameter.low, parameter.high


def _plausible(parameter: Parameter, side: Kept, history: History, lead: Sequence[Result]) -> Kept:
    """Kept: what a leader has, what was tried too little, and what may still match the best category.

    A category's quality is the mean rank of its trials in [0, 1] (0 is best), smoothed by one trial of
    rank 1/2 and known up to 1/2 / sqrt(trials + 1).
    """
    assert isinstance(parameter, Categorical)
    column = history.space.names.index(parameter.name)
    order = np.lexsort((history.numbers, history.ranking))
    ranks = np.empty(len(history))
    ranks[order] = np.arange(len(history)) / max(len(history) - 1, 1)
    places = history.units[:, column]
    estimates = {}
    for choice in parameter.choices:
        mine = ranks[
            (np.abs(places - parameter.to_unit(choice)) < 1e-9) & history.active[:, column]
        ]
        doubt = 0.5 / (len(mine) + 1) ** 0.5
        estimates[choice] = ((mine.sum() + 0.5) / (len(mine) + 1), doubt, len(mine))
    best_mean, best_doubt, _ = min(estimates.values())
    used = {r.params[parameter.name] for r in lead if parameter.name in r.params}
    kept = [
        choice
        for choice, (mean, doubt, tries) in estimates.items()
        if choice in used
        or (
            choice in side.choices
            and (tries < FEWEST_TRIES or mean - doubt <= best_mean + best_doubt)
        )
    ]
    return Kept(tuple(kept))
