"""The points of a grid, counted and reached by number without ever being listed.

Parameters that depend on each other form a group; the grid is the product of the groups. Within a group
the parents' consistent values are walked one by one, and below each the active others are a plain product.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from caviar.contract.messages import ParameterValue
from caviar.space.parameter import Categorical, Numeric, Parameter
from caviar.space.space import Space

Axis = Sequence[ParameterValue]
Point = dict[str, ParameterValue]


def grid_values(parameter: Parameter, per_number: int | None) -> Axis:
    """All categories; of a number ``per_number`` values evenly spaced on its scale, both bounds included.

    None takes every whole number (the parameter must not be a float). Whole numbers that coincide count once.
    """
    if isinstance(parameter, Categorical):
        return parameter.choices
    if per_number is None:
        return range(int(parameter.low), int(parameter.high) + 1)
    if parameter.type == "int" and parameter.high - parameter.low < per_number:
        return grid_values(parameter, None)
    values = [parameter.from_unit(i / (per_number - 1)) for i in range(per_number)]
    return tuple(dict.fromkeys(values))


@dataclass(frozen=True)
class Lattice:
    """The grid with ``per_number`` values of every number; None: every point of a space without floats."""

    space: Space
    per_number: int | None

    @cached_property
    def axes(self) -> dict[str, Axis]:
        return {p.name: grid_values(p, self.per_number) for p in self.space}

    @cached_property
    def _parents(self) -> set[str]:
        return {parent for parameter in self.space for parent, _ in parameter.when}

    @cached_property
    def _groups(self) -> list[list[tuple[Point, list[str], int]]]:
        """For each group: (parents' values, active others, number of points) of every consistent case."""
        return [list(self._cases(group)) for group in _linked(self.space)]

    def _cases(self, group: list[str]) -> Iterator[tuple[Point, list[str], int]]:
        order = [p.name for _, p in self.space.parents_first if p.name in group]
        parents = [name for name in order if name in self._parents]

        def walk(point: Point, rest: list[str]) -> Iterator[Point]:
            if not rest:
                yield point
            elif rest[0] in self.space.active(point):
                for value in self.axes[rest[0]]:
                    yield from walk(point | {rest[0]: value}, rest[1:])
            else:
                yield from walk(point, rest[1:])

        for point in walk({}, parents):
            active = set(self.space.active(point))
            others = [name for name in order if name in active and name not in self._parents]
            yield point, others, math.prod(len(self.axes[name]) for name in others)

    @cached_property
    def size(self) -> int:
        """Number of distinct points."""
        return math.prod(sum(count for _, _, count in cases) for cases in self._groups)

    def point(self, index: int) -> Point:
        """The point of an index in ``0..size - 1``; a bijection."""
        drawn: Point = {}
        for cases in self._groups:
            index, place = divmod(index, sum(count for _, _, count in cases))
            for parents, others, count in cases:
                if place < count:
                    drawn |= parents
                    for name in others:
                        place, digit = divmod(place, len(self.axes[name]))
                        drawn[name] = self.axes[name][digit]
                    break
                place -= count
        return {name: drawn[name] for name in self.space.names if name in drawn}


def _linked(space: Space) -> list[list[str]]:
    """Names in groups that conditions connect."""
    groups: list[set[str]] = []
    for parameter in space:
        joined = {parameter.name, *(parent for parent, _ in parameter.when)}
        apart = [group for group in groups if not group & joined]
        groups = [*apart, joined.union(*(group for group in groups if group & joined))]
    return [[name for name in space.names if name in group] for group in groups]


FREE_CHOICE = 4
"""Values of each number where no budget says how many fit."""


def grid_lattice(space: Space, budget: int | None) -> Lattice:
    """The finest grid of the space that the budget can train whole, with 2 values of a number at least.

    A grid of 2 that does not fit is cut by the budget. Without a budget it has 4 values of each number.
    """
    if budget is None:
        return Lattice(space, FREE_CHOICE)
    if not any(isinstance(parameter, Numeric) for parameter in space):
        return Lattice(space, 2)
    fits, too_fine = 2, max(budget, 2) + 1
    while too_fine - fits > 1:
        middle = (fits + too_fine) // 2
        if Lattice(space, middle).size <= budget:
            fits = middle
        else:
            too_fine = middle
    return Lattice(space, fits)


MOST_LISTED = 1_000_000
"""A space with more points is treated as one that never runs out of them."""


def every_point(space: Space) -> Lattice | None:
    """All points of a space without floats; None where there are floats, or too many points to run out of."""
    if any(parameter.type == "float" for parameter in space):
        return None
    lattice = Lattice(space, None)
    most = math.prod(len(axis) for axis in lattice.axes.values())
    return lattice if most <= MOST_LISTED else None
