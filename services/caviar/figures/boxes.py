"""Where the box of each round is: on the parameters' own scales, and among the trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from caviar.search import Round
from caviar.space import Interval, Kept, Numeric, Parameter, Side, Space


def extents(space: Space, round_: Round) -> dict[str, tuple[float, float]]:
    """By parameter: the box's side on its own scale, 0 to 1; for categories the span that the kept ones occupy."""
    pairs = zip(space, round_.box.sides, strict=True)
    return {parameter.name: _extent(parameter, side) for parameter, side in pairs}


def _extent(parameter: Parameter, side: Side) -> tuple[float, float]:
    if isinstance(side, Interval):
        return side.lo, side.hi
    units = [parameter.to_unit(choice) for choice in side.choices]
    half = 0.5 / len(_choices(parameter))
    return min(units) - half, max(units) + half


def _choices(parameter: Parameter) -> Sequence[object]:
    assert not isinstance(parameter, Numeric)
    return parameter.choices


def widths(space: Space, round_: Round) -> dict[str, float]:
    """By parameter: the share of its range that the box keeps, in [0, 1]."""
    pairs = zip(space, round_.box.sides, strict=True)
    return {
        parameter.name: len(side.choices) / len(_choices(parameter))
        if isinstance(side, Kept)
        else side.width
        for parameter, side in pairs
    }


def words(parameter: Parameter, side: Side) -> str:
    """``0.001 to 0.03``, or ``sgd, adam``."""
    if isinstance(side, Kept):
        return ", ".join(map(parameter.say, side.choices))
    assert isinstance(parameter, Numeric)
    return _from_to(parameter, side)


@lru_cache(maxsize=16_384)
def _from_to(parameter: Numeric, side: Interval) -> str:
    """A round never changes, and a study of many trials has hundreds: to say them takes longer than all else."""
    low: float
    high: float
    low, high = parameter.from_unit(side.lo), parameter.from_unit(side.hi)
    if parameter.type == "int":
        low, high = parameter.whole_numbers(side.lo, side.hi)
    return f"{parameter.say(low)} to {parameter.say(high)}"


def periods(rounds: int, firsts: Mapping[int, int], end: int) -> list[tuple[int, int]]:
    """For each of so many rounds the numbers of its first trial and of the next round's; one place for a round
    without a trial at the end. ``firsts``: the lowest number of a trial of each round that has one; ``end``: the
    number behind the last trial. Trials that began before a round was known are not its own, though their results are
    behind it."""
    starts = []
    first = end
    for index in range(max(firsts, default=0), rounds - 1, -1):
        first = min(first, firsts.get(index, end))
    for index in range(rounds - 1, 0, -1):
        first = min(first, firsts.get(index, end))
        starts.append(first)
    starts.reverse()
    last = max(end, starts[-1] + 1) if starts else end
    return list(zip([0, *starts], [*starts, last], strict=True))
