"""One parameter of a space and its scale: values on one side, the unit interval on the other.

Every scale is an increasing function ``f``; a value's place in the unit interval is
``(f(x) - f(a)) / (f(b) - f(a))`` between the ends ``a`` and ``b``.

    linear        f(x) = x
    log           f(x) = log x              equal shares for equal ratios
    reverse_log   f(x) = -log(1 - x)        equal shares for equal ratios of 1 - x

For whole numbers the ends are ``low - 1/2`` and ``high + 1/2``, so that on the linear scale each of
``low..high`` owns an interval of the same length and the first and last are not halved.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from caviar.contract.messages import ParameterValue
from caviar.contract.views import ParameterView
from caviar.space.words import near_one, number

Scale = Literal["linear", "log", "reverse_log"]
Floats = npt.NDArray[np.float64]
When = tuple[tuple[str, tuple[ParameterValue, ...]], ...]
"""Conditions: the parameter is active where every parent is active and has one of the values."""


def same(left: ParameterValue, right: ParameterValue) -> bool:
    """Equality that keeps ``True`` and ``1`` apart."""
    return isinstance(left, bool) == isinstance(right, bool) and left == right


def when_json(when: When) -> dict[str, list[ParameterValue]]:
    return {parent: list(values) for parent, values in when}


@dataclass(frozen=True, slots=True)
class Numeric:
    """A float or a whole number between two bounds, both included, on a scale.

    >>> momentum = Numeric("momentum", "float", 0.9, 0.999, "reverse_log")
    >>> round(momentum.from_unit(0.5), 6)
    0.99
    """

    name: str
    type: Literal["float", "int"]
    low: float
    high: float
    scale: Scale = "linear"
    tier: int | None = None
    tier_given: bool = False
    when: When = ()
    default: float | None = None
    live: bool = False
    """The training reads it as it goes: it may be changed meanwhile."""

    def forward(self, values: npt.ArrayLike) -> Floats:
        """``f`` of the module's docstring, elementwise, any shape."""
        x = np.asarray(values, dtype=np.float64)
        if self.scale == "log":
            return np.asarray(np.log(x))
        if self.scale == "reverse_log":
            return np.asarray(-np.log1p(-x))
        return x

    def ends(self) -> tuple[float, float]:
        """``f(a)`` and ``f(b)``."""
        half = 0.5 if self.type == "int" else 0.0
        a, b = self.forward([self.low - half, self.high + half])
        return float(a), float(b)

    def to_units(self, values: npt.ArrayLike) -> Floats:
        """Values within the bounds, any shape -> the same shape in [0, 1]."""
        a, b = self.ends()
        return np.asarray(np.clip((self.forward(values) - a) / (b - a), 0.0, 1.0))

    def to_unit(self, value: ParameterValue) -> float:
        return float(self.to_units(float(value)))

    def from_unit(self, unit: float) -> float:
        """The value at a place in [0, 1]; never outside the bounds. An ``int`` for whole numbers."""
        a, b = self.ends()
        if self.type == "float" and not 0.0 < unit < 1.0:
            return self.low if unit <= 0.0 else self.high  # exactly, without the scale's rounding
        t = a + min(max(float(unit), 0.0), 1.0) * (b - a)
        x = math.exp(t) if self.scale == "log" else -math.expm1(-t) if self.scale != "linear" else t
        if self.type == "int":
            return int(min(max(math.floor(x + 0.5), self.low), self.high))
        return min(max(x, self.low), self.high)

    def snap(self, units: Floats) -> Floats:
        """Places, any shape -> the places of the values that they stand for."""
        if self.type == "float":
            return np.asarray(np.clip(units, 0.0, 1.0))
        a, b = self.ends()
        t = a + np.clip(units, 0.0, 1.0) * (b - a)
        x = t if self.scale == "linear" else np.exp(t) if self.scale == "log" else -np.expm1(-t)
        return self.to_units(np.clip(np.floor(x + 0.5), self.low, self.high))

    def whole_numbers(self, lo: float, hi: float) -> tuple[int, int]:
        """First and last whole number whose own place lies in ``[lo, hi]``; the nearest one if none does."""
        first, last = int(self.from_unit(lo)), int(self.from_unit(hi))
        while first < self.high and self.to_unit(first) < lo:
            first += 1
        while last > self.low and self.to_unit(last) > hi:
            last -= 1
        if first > last:
            first = last = int(self.from_unit((lo + hi) / 2))
        return first, last

    def check(self, value: object) -> tuple[ParameterValue | None, str]:
        """The value in its own type and an empty text, or None and what is wrong with it."""
        if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
            return None, f"{value!r} is not a number"
        if not isinstance(value, int) and not math.isfinite(value):  # a large one is no float
            return None, f"{value!r} is not finite"
        if self.type == "int" and value != int(value):
            return None, f"{value!r} is not a whole number"
        if not self.low <= value <= self.high:
            return None, f"{value!r} lies outside {self.range_words()}"
        return (int(value) if self.type == "int" else float(value)), ""

    def say(self, value: ParameterValue) -> str:
        if self.scale == "reverse_log":
            return near_one(float(value))
        return number(int(value) if self.type == "int" else float(value))

    def range_words(self) -> str:
        return f"[{self.say(self.low)}, {self.say(self.high)}]"

    def to_view(self) -> ParameterView:
        return ParameterView(
            name=self.name,
            type=self.type,
            scale=self.scale,
            low=self.low,
            high=self.high,
            tier=self.tier,
            when=when_json(self.when) or None,
            live=self.live,
        )

    def to_json(self) -> dict[str, Any]:
        ends = {"type": self.type, "low": self.low, "high": self.high, "scale": self.scale}
        return ends | _extras(self)


@dataclass(frozen=True, slots=True)
class Categorical:
    """One of two or more named choices without an order."""

    name: str
    choices: tuple[ParameterValue, ...]
    tier: int | None = None
    tier_given: bool = False
    when: When = ()
    default: ParameterValue | None = None
    live: bool = False
    """The training reads it as it goes: it may be changed meanwhile."""

    @property
    def type(self) -> Literal["categorical"]:
        return "categorical"

    def index(self, value: ParameterValue) -> int:
        """Place of a choice, 0-based; ValueError where there is none."""
        for place, choice in enumerate(self.choices):
            if same(choice, value):
                return place
        raise ValueError(value)

    def to_units(self, values: Sequence[ParameterValue]) -> Floats:
        """Each choice at the middle of its own bin of length 1/len(choices)."""
        places = {choice: place for place, choice in enumerate(self.choices)}
        return (np.array([places[value] for value in values], dtype=np.float64) + 0.5) / len(places)

    def to_unit(self, value: ParameterValue) -> float:
        return (self.index(value) + 0.5) / len(self.choices)

    def snap(self, units: Floats) -> Floats:
        """Places, any shape -> the middles of their bins."""
        count = len(self.choices)
        return np.asarray((np.clip(np.floor(units * count), 0, count - 1) + 0.5) / count)

    def from_unit(self, unit: float) -> ParameterValue:
        return self.choices[min(max(int(unit * len(self.choices)), 0), len(self.choices) - 1)]

    def check(self, value: object) -> tuple[ParameterValue | None, str]:
        """The choice and an empty text, or None and what is wrong with the value."""
        if isinstance(value, (bool, int, float, str)):
            for choice in self.choices:
                if same(choice, value):
                    return choice, ""
        return None, f"{value!r} is not one of {list(self.choices)}"

    def say(self, value: ParameterValue) -> str:
        return str(value)

    def to_view(self) -> ParameterView:
        return ParameterView(
            name=self.name,
            type="categorical",
            choices=list(self.choices),
            tier=self.tier,
            when=when_json(self.when) or None,
            live=self.live,
        )

    def to_json(self) -> dict[str, Any]:
        return {"type": "categorical", "choices": list(self.choices)} | _extras(self)


Parameter = Numeric | Categorical


def _extras(parameter: Parameter) -> dict[str, Any]:
    extras: dict[str, Any] = {}
    if parameter.tier_given:
        extras["tier"] = parameter.tier
    if parameter.when:
        extras["when"] = when_json(parameter.when)
    if parameter.default is not None:
        extras["default"] = parameter.default
    if parameter.live:
        extras["live"] = True
    return extras
