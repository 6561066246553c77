"""How one side of the box moves between two rounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from caviar.search.values import Result
from caviar.search.zoom.pace import rank_weights
from caviar.space import Categorical, Interval, Kept, Parameter, Side
from caviar.space.parameter import Floats

DEVIATIONS = 5.0
"""Width of a side in standard deviations of the leaders: two and a half on each side."""
SLOWEST = 0.8
"""Smallest share of a side that one round keeps."""
NARROWEST = 0.02
"""Width below which a side no longer narrows."""
EDGE = 0.15
"""The best trial sits at the edge when it is nearer to it than this share of the side."""
TOGETHER = 0.7
"""Leaders that ask for less than this share of the side lie together: the side moves, not widens."""
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
    parameter: Parameter, side: Side, ranked: Sequence[Result], lead: Sequence[Result]
) -> Move:
    """The move of one side; ``ranked`` are all results, best first, ``lead`` the best of them."""
    name = parameter.name
    if isinstance(side, Kept):
        return Move(parameter, side, _plausible(parameter, side, ranked, lead))
    places = np.array([parameter.to_unit(r.params[name]) for r in lead if name in r.params])
    weights = rank_weights(len(lead))[[name in r.params for r in lead]]
    if name not in lead[0].params or len(places) < 2:
        return Move(parameter, side, side)
    return _followed(parameter, side, places, weights / weights.sum())


def _followed(parameter: Parameter, side: Interval, places: Floats, weights: Floats) -> Move:
    """A number's side; places of the leaders, best first, and their weights, both of shape (m,)."""
    best, mean = float(places[0]), float(weights @ places)
    wanted = max(DEVIATIONS * float(np.sqrt(weights @ (places - mean) ** 2)), NARROWEST)
    width = side.width
    low_bound, high_bound = (parameter.to_unit(end) for end in _ends(parameter))
    bound: Edge = (
        "lower" if best <= low_bound + 0.01 else "upper" if best >= high_bound - 0.01 else ""
    )
    below, above = _neighbours(parameter, best)
    at_lower = side.lo > 0.0 and (best < side.lo + EDGE * width or below < side.lo)
    at_upper = side.hi < 1.0 and (best > side.hi - EDGE * width or above > side.hi)
    if at_lower or at_upper:
        edge: Edge = "lower" if at_lower else "upper"
        if wanted < TOGETHER * width:
            lo = min(max(best - width / 2, 0.0), 1.0 - width)
            after = Interval(lo, min(lo + width, 1.0))
        elif at_lower:
            after = Interval(max(min(side.lo, best) - width / 2, 0.0), side.hi)
        else:
            after = Interval(side.lo, min(max(side.hi, best) + width / 2, 1.0))
        return Move(parameter, side, after, edge, bound)
    new = max(min(wanted, width), SLOWEST * width)
    if new > 0.95 * width:
        return Move(parameter, side, side, "", bound)
    middle = min(max((best + mean) / 2, best - 0.4 * new), best + 0.4 * new)
    lo = min(max(middle - new / 2, side.lo), side.hi - new)
    after = Interval(min(lo, below), max(min(lo + new, side.hi), above))
    return Move(parameter, side, after, "", bound)


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


def _plausible(
    parameter: Parameter, side: Kept, ranked: Sequence[Result], lead: Sequence[Result]
) -> Kept:
    """Kept: what a leader has, what was tried too little, and what may still match the best category.

    A category's quality is the mean rank of its trials in [0, 1] (0 is best), smoothed by one trial of
    rank 1/2 and known up to 1/2 / sqrt(trials + 1).
    """
    name = parameter.name
    seen = [(place / max(len(ranked) - 1, 1), r) for place, r in enumerate(ranked)]
    estimates = {}
    for choice in parameter.choices if isinstance(parameter, Categorical) else ():
        ranks = [rank for rank, r in seen if name in r.params and r.params[name] == choice]
        mean = (sum(ranks) + 0.5) / (len(ranks) + 1)
        estimates[choice] = (mean, 0.5 / (len(ranks) + 1) ** 0.5, len(ranks))
    best_mean, best_doubt, _ = min(estimates.values())
    used = {r.params[name] for r in lead if name in r.params}
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
