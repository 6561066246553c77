"""A region of the space: an interval of the unit scale for every number, the categories that are left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from caviar.contract.messages import ParameterValue
from caviar.contract.views import SideView
from caviar.errors import InputError, Problem
from caviar.space.parameter import Categorical, Numeric, Parameter, same
from caviar.space.space import Params, Space

CLOSE = 1e-9
"""Places on the unit scale nearer than this are the same: a value's round trip costs a few ulps."""


@dataclass(frozen=True, slots=True)
class Interval:
    """``0 <= lo < hi <= 1`` on a parameter's unit scale."""

    lo: float
    hi: float

    @property
    def width(self) -> float:
        return self.hi - self.lo


@dataclass(frozen=True, slots=True)
class Kept:
    """The categories that are left, in the parameter's order; at least one."""

    choices: tuple[ParameterValue, ...]


Side = Interval | Kept


@dataclass(frozen=True, slots=True)
class Box:
    """One side for each parameter of the space, in its order. Never empty, never out of bounds.

    An interval of whole numbers is widened to the outer edges of the ones that it holds.

    >>> space = Space.parse({"units": {"type": "int", "low": 1, "high": 10}})
    >>> Box.whole(space).replaced({"units": Interval(0.12, 0.48)}).to_views()["units"].high
    5
    """

    space: Space
    sides: tuple[Side, ...]

    def __post_init__(self) -> None:
        if len(self.sides) != len(self.space):
            raise InputError(f"{len(self.sides)} sides for {len(self.space)} parameters")
        pairs = zip(self.space, self.sides, strict=True)
        object.__setattr__(self, "sides", tuple(_valid(p, side) for p, side in pairs))

    @classmethod
    def whole(cls, space: Space) -> Box:
        return cls(space, tuple(_whole(parameter) for parameter in space))

    def side(self, name: str) -> Side:
        return self.sides[self.space.names.index(name)]

    def replaced(self, sides: Mapping[str, Side]) -> Box:
        """The same box with some sides replaced."""
        pairs = zip(self.space.names, self.sides, strict=True)
        return Box(self.space, tuple(sides.get(name, side) for name, side in pairs))

    def contains(self, params: Params) -> bool:
        """Whether every active value of the point lies within its side."""
        return all(
            _holds(parameter, side, params[parameter.name])
            for parameter, side in zip(self.space, self.sides, strict=True)
            if parameter.name in params
        )

    def inside(self, other: Box) -> bool:
        """Whether no side of this box leaves the other box's."""
        return all(_inside(a, b) for a, b in zip(self.sides, other.sides, strict=True))

    def to_views(self) -> dict[str, SideView]:
        """The sides on each parameter's own scale, bounds included."""
        pairs = zip(self.space, self.sides, strict=True)
        return {parameter.name: _view(parameter, side) for parameter, side in pairs}

    def to_json(self) -> dict[str, Any]:
        """``{"lr": [0.2, 0.6], "solver": {"choices": ["sgd"]}}`` in unit coordinates; exact."""
        return {
            name: [side.lo, side.hi] if isinstance(side, Interval) else {"choices": [*side.choices]}
            for name, side in zip(self.space.names, self.sides, strict=True)
        }

    @classmethod
    def from_json(cls, space: Space, data: Mapping[str, Any]) -> Box:
        """Raises InputError where a side is missing, unknown or empty."""
        if set(data) != set(space.names):
            odd = ", ".join(sorted(set(data) ^ set(space.names)))
            raise InputError(Problem(("box",), f"the sides do not fit the space: {odd}"))
        sides: list[Side] = []
        for name in space.names:
            side = data[name]
            try:
                sides.append(
                    Kept(tuple(side["choices"]))
                    if isinstance(side, Mapping)
                    else Interval(float(side[0]), float(side[1]))
                )
            except (TypeError, KeyError, IndexError, ValueError):
                raise InputError(Problem(("box", name), f"{side!r} is not a side")) from None
        return cls(space, tuple(sides))


def _whole(parameter: Parameter) -> Side:
    if isinstance(parameter, Categorical):
        return Kept(parameter.choices)
    return Interval(0.0, 1.0)


def _valid(parameter: Parameter, side: Side) -> Side:
    place = ("box", parameter.name)
    if isinstance(parameter, Categorical):
        if not isinstance(side, Kept) or any(parameter.check(c)[1] for c in side.choices):
            raise InputError(Problem(place, f"{side!r} does not list choices of the parameter"))
        kept = [c for c in parameter.choices if any(same(c, other) for other in side.choices)]
        if not kept:
            raise InputError(Problem(place, "no choice is left"))
        return Kept(tuple(kept))
    if not isinstance(side, Interval) or not 0.0 <= side.lo < side.hi <= 1.0:
        raise InputError(Problem(place, f"{side!r} is not an interval within [0, 1]"))
    if parameter.type == "float":
        return side
    first, last = parameter.whole_numbers(side.lo, side.hi)
    a, b = parameter.ends()
    lo, hi = ((float(e) - a) / (b - a) for e in parameter.forward([first - 0.5, last + 0.5]))
    return Interval(
        0.0 if first == parameter.low else lo,
        1.0 if last == parameter.high else hi,
    )


def _holds(parameter: Parameter, side: Side, value: ParameterValue) -> bool:
    if isinstance(side, Kept):
        return any(same(value, choice) for choice in side.choices)
    return side.lo - CLOSE <= parameter.to_unit(value) <= side.hi + CLOSE


def _inside(side: Side, other: Side) -> bool:
    if isinstance(side, Interval) and isinstance(other, Interval):
        return other.lo - CLOSE <= side.lo and side.hi <= other.hi + CLOSE
    if isinstance(side, Kept) and isinstance(other, Kept):
        return all(any(same(c, kept) for kept in other.choices) for c in side.choices)
    return False


def _view(parameter: Parameter, side: Side) -> SideView:
    if isinstance(side, Kept):
        return SideView(choices=list(side.choices))
    assert isinstance(parameter, Numeric)
    if parameter.type == "int":
        first, last = parameter.whole_numbers(side.lo, side.hi)
        return SideView(low=first, high=last)
    return SideView(low=parameter.from_unit(side.lo), high=parameter.from_unit(side.hi))
