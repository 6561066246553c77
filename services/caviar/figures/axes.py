"""A parameter's own scale as an axis: which values are written beside it, and where."""

from __future__ import annotations

import math
from collections.abc import Iterable

from caviar.contract.figures import AxisView
from caviar.space import Numeric, Parameter, Space

NEAREST = 0.14
"""Two labels do not stand nearer than this share of the axis."""
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def axes(space: Space) -> list[AxisView]:
    return [
        AxisView(
            name=parameter.name,
            scale=parameter.scale if isinstance(parameter, Numeric) else "categories",
            tier=parameter.tier,
            ticks=ticks(parameter),
        )
        for parameter in space
    ]


def ticks(parameter: Parameter) -> list[tuple[float, str]]:
    """Rising: every category; of numbers both ends, and between them powers of ten, of 1 - x too, or round ones."""
    if not isinstance(parameter, Numeric):
        return [(at(parameter, choice), parameter.say(choice)) for choice in parameter.choices]
    ends = [(at(parameter, end), parameter.say(end)) for end in (parameter.low, parameter.high)]
    inner = list(_apart(parameter, _nice(parameter)))
    if not inner:
        inner = list(_apart(parameter, [parameter.from_unit(0.5)]))
    return [ends[0], *inner, ends[1]]


def at(parameter: Parameter, value: bool | float | str) -> float:
    """Four digits: a thousandth of a thousand pixels."""
    return round(parameter.to_unit(value), 4)


def _apart(parameter: Numeric, values: Iterable[float]) -> Iterable[tuple[float, str]]:
    """Those that have room on the axis, and say something that the ends do not."""
    end = at(parameter, parameter.high)
    last, said = (
        at(parameter, parameter.low),
        {parameter.say(parameter.low), parameter.say(parameter.high)},
    )
    for value in values:
        place, text = at(parameter, value), parameter.say(value)
        if place - last >= NEAREST and end - place >= NEAREST and text not in said:
            said.add(text)
            last = place
            yield place, text


def _nice(parameter: Numeric) -> list[float]:
    """Values within the range, rising."""
    low, high = parameter.low, parameter.high
    if parameter.scale == "log":
        found = [10.0**power for power in range(_power(low), _power(high) + 1)]
    elif parameter.scale == "reverse_log":
        # 10**-0 is 1 - 0: a scale that begins at 0 has it as its end.
        found = [1 - 10.0**power for power in range(_power(1 - low), _power(1 - high) - 1, -1)]
    else:
        step = _step((high - low) / 4)
        first = math.ceil(low / step)
        found = [place * step for place in range(first, math.floor(high / step) + 1)]
    if parameter.type == "int":
        found = [value for value in found if value == int(value)]
    return [value for value in found if low <= value <= high]


def _power(value: float) -> int:
    return round(math.log10(value)) if value > 0 else 0


def _step(about: float) -> float:
    """The smallest round step that is no less than ``about``."""
    power = 10.0 ** math.floor(math.log10(about))
    return next(step for each in STEPS if (step := each * power) >= about * (1 - 1e-9))
