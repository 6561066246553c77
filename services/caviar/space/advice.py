"""What a study is warned of before it spends a trial, with the numbers of its own space."""

from __future__ import annotations

import math

from caviar.space.lattice import grid_lattice
from caviar.space.parameter import Numeric, Parameter
from caviar.space.space import Space
from caviar.space.words import near_one, number

DECADES = 3.0
"""A linear range from here on leaves its lower end to a trial in a thousand."""


def warnings(space: Space, strategy: str = "zoom", budget_trials: int | None = None) -> list[str]:
    """One sentence or two for each thing that will waste trials; empty where nothing will."""
    found = []
    for parameter in space:
        if isinstance(parameter, Numeric) and parameter.type == "float":
            found += _linear_over_decades(parameter) + _linear_close_to_one(parameter)
    if strategy == "grid":
        found += _grid(space, budget_trials)
    return found


def _share(part: float) -> str:
    return f"{part:.0%}" if part < 0.995 else f"{100 * part:.4g}%"


def _linear_over_decades(parameter: Numeric) -> list[str]:
    if parameter.scale != "linear" or parameter.low <= 0:
        return []
    decades = math.log10(parameter.high / parameter.low)
    if decades < DECADES - 1e-9:
        return []
    top = parameter.high / 10
    share = (parameter.high - top) / (parameter.high - parameter.low)
    return [
        f"{parameter.name} is linear over {decades:.3g} decades: {_share(share)} of trials would land "
        f"in [{number(top)}, {number(parameter.high)}]. Sample the exponent: scale: log."
    ]


def _linear_close_to_one(parameter: Numeric) -> list[str]:
    low, high = parameter.low, parameter.high
    if parameter.scale != "linear" or low < 0.5 or high >= 1 or (1 - low) / (1 - high) < 10 - 1e-9:
        return []
    middle = 1 - math.sqrt((1 - low) * (1 - high))
    share = (high - middle) / (high - low)
    return [
        f"{parameter.name} is linear close to 1, where 1 - {parameter.name} is what matters: only "
        f"{_share(share)} of trials would land in [{near_one(middle)}, {near_one(high)}], where it falls "
        f"from {number(1 - middle)} to {number(1 - high)}. Sample its exponent: scale: reverse_log."
    ]


def _grid(space: Space, budget: int | None) -> list[str]:
    lattice = grid_lattice(space, budget)
    numbers = [p for p in space if isinstance(p, Numeric)]
    if not numbers:
        return []
    first: Parameter = min(numbers, key=lambda parameter: parameter.tier or 5)
    distinct = len(lattice.axes[first.name])
    many = f"of each of {len(numbers)} parameters" if len(numbers) > 1 else f"of {first.name}"
    text = f"grid: {lattice.per_number} values {many}: {number(lattice.size)} trials, "
    text += f"{distinct} distinct values of {first.name}"
    if budget is not None and lattice.size > budget:
        text += f"; the budget covers {number(budget)} of them"
    rest = "random or zoom try a new value of every parameter in every trial."
    return [f"{text}. {rest[0].upper()}{rest[1:]}"]
