"""The distributions of numbers in a W&B sweep as ranges, by what they draw."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from caviar.moving.ranges import NoRange, Range, exponents, log_normal, normal, on_steps
from caviar.moving.reading import Wrong


class Numbers:
    """The numbers of one distribution; what is wrong in them is noted."""

    def __init__(self, wrong: Wrong, path: tuple[str, ...], data: Mapping[str, Any]) -> None:
        self._wrong, self._path, self._data = wrong, path, data

    def bounds(self) -> tuple[float, float] | None:
        return self._wrong.bounds(self._data, self._path, ("min", "max"))

    def real(self, key: str, default: float, above: float = -math.inf) -> float:
        if key not in self._data:
            return default
        value = self._wrong.number(self._data, self._path, key)
        if value is not None and value <= above:
            self._wrong.note((*self._path, key), f"{value:g} is not above {above:g}")
            return default
        return default if value is None else value

    @property
    def step(self) -> float:
        return self.real("q", 1.0, above=0.0)


def _between(
    numbers: Numbers, *, log: bool = False, exponent: bool = False, steps: bool = False
) -> Range | None:
    """Uniform between the bounds, or their logarithms; ``exponent``: the bounds are exponents of e."""
    step = numbers.step if steps else None
    found = numbers.bounds()
    if found is None:
        return None
    low, high = exponents(*found) if exponent else found
    if log and low <= 0:
        raise NoRange(f"a log-uniform distribution cannot reach {low:g}")
    low, high = on_steps(low, high, step)
    if log and low <= 0 and step is not None:
        # W&B rounds the smallest values to 0, which no log scale has.
        given = Range(step, high, "log", step=step)
        return given.noted(f"W&B rounds values below {step / 2:g} to 0, which is left out")
    return Range(low, high, "log" if log else "linear", step=step)


def _whole(numbers: Numbers) -> Range | None:
    found = numbers.bounds()
    if found is not None and not all(float(bound).is_integer() for bound in found):
        raise NoRange("int_uniform has bounds that are no whole numbers")
    return None if found is None else Range(*found, whole=True)


def _inverse(numbers: Numbers, exponent: bool) -> Range | None:
    """1/X is log-uniform. So is X, between the inverses of the bounds, or of e to them."""
    found = numbers.bounds()
    if found is None:
        return None
    low, high = found
    if exponent:
        return Range(*exponents(-high, -low), "log")
    if low <= 0:
        raise NoRange(f"a log-uniform distribution cannot reach {low:g}")
    return Range(low, high, "log")


def _normal(numbers: Numbers, log: bool = False, steps: bool = False) -> Range:
    mean, deviation = numbers.real("mu", 0.0), numbers.real("sigma", 1.0)
    if deviation < 0:
        raise NoRange(f"its deviation {deviation:g} is below 0")
    found = (log_normal if log else normal)(mean, deviation, numbers.step if steps else None)
    if log and found.low <= 0 and found.step is not None:
        return Range(found.step, found.high, "log", step=found.step, notes=found.notes)
    return found


def _beta(numbers: Numbers, steps: bool = False) -> Range:
    a, b = numbers.real("a", 1.0), numbers.real("b", 1.0)
    found = Range(0.0, 1.0, step=numbers.step if steps else None)
    return (
        found if a == b == 1 else found.noted(f"beta({a:g}, {b:g}): each value is as likely here")
    )


RANGES: dict[str, Callable[[Numbers], Range | None]] = {
    "int_uniform": _whole,
    "uniform": _between,
    "q_uniform": lambda n: _between(n, steps=True),
    "log_uniform": lambda n: _between(n, log=True, exponent=True),
    "log_uniform_values": lambda n: _between(n, log=True),
    "q_log_uniform": lambda n: _between(n, log=True, exponent=True, steps=True),
    "q_log_uniform_values": lambda n: _between(n, log=True, steps=True),
    "inv_log_uniform": lambda n: _inverse(n, exponent=True),
    "inv_log_uniform_values": lambda n: _inverse(n, exponent=False),
    "normal": _normal,
    "q_normal": lambda n: _normal(n, steps=True),
    "log_normal": lambda n: _normal(n, log=True),
    "q_log_normal": lambda n: _normal(n, log=True, steps=True),
    "beta": _beta,
    "q_beta": lambda n: _beta(n, steps=True),
}
