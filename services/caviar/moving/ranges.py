"""Numbers as other tools describe them, as a range with a scale; each difference is noted."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from caviar.errors import InputError
from caviar.space import Space
from caviar.space.parameter import Scale
from caviar.space.parsing import LARGEST_INT

SPREAD = 3.0
"""A normal distribution is carried as this many standard deviations on both sides of its mean."""
FEW = 20
"""Up to so many steps are listed as choices that could be written instead."""
WIDE = 1000.0
"""Three decades: the same span from which Caviar warns of a linear scale."""


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers between two bounds, both included. ``step``: only low, low + step, ... up to high came in the source."""

    low: float
    high: float
    scale: Scale = "linear"
    whole: bool = False
    step: float | None = None
    notes: tuple[str, ...] = ()
    """How it differs from the source so far."""

    def noted(self, note: str, **changes: Any) -> Range:
        return replace(self, notes=(*self.notes, note), **changes)


class NoRange(Exception):
    """Nothing in a study file stands for it; the message says why."""


def normal(mean: float, deviation: float, step: float | None = None) -> Range:
    """A normal distribution: it has no bounds, so the part that nearly all of its values fall in."""
    reach = SPREAD * deviation
    low, high = on_steps(mean - reach, mean + reach, step)
    note = (
        f"normal({mean:g}, {deviation:g}) has no bounds: mean ± {SPREAD:g} sd, each value as likely"
    )
    return Range(low, high, step=step, notes=(note,))


def log_normal(mean: float, deviation: float, step: float | None = None) -> Range:
    """A distribution whose logarithm is normal, on the logarithmic scale."""
    low, high = exponents(mean - SPREAD * deviation, mean + SPREAD * deviation)
    note = (
        f"log-normal({mean:g}, {deviation:g}) has no bounds: exp(mean ± {SPREAD:g} sd), each ratio as"
        " likely"
    )
    low, high = on_steps(low, high, step)
    return Range(low, high, "log", step=step, notes=(note,))


def exponents(low: float, high: float) -> tuple[float, float]:
    """e to both. Raises NoRange where that is no finite number."""
    try:
        return math.exp(low), math.exp(high)
    except OverflowError:
        raise NoRange(f"exp({high:g}) is larger than any number") from None


def on_steps(low: float, high: float, step: float | None) -> tuple[float, float]:
    """The bounds rounded to multiples of ``step``, as W&B and Hyperopt round what they draw."""
    if step is None:
        return tidy(low), tidy(high)
    return multiple(round(low / step), step), multiple(round(high / step), step)


def multiple(count: int, step: float) -> float:
    """``count * step`` without the noise of the last binary digit: 3 steps of 0.1 are 0.3."""
    return tidy(count * step)


def tidy(value: float) -> float:
    """``value`` as a person would write it: 0.9 - 0.06 is 0.84."""
    return float(f"{value:.15g}")


def entry(given: Range) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The entry of a study file's space, and everything that differs from the source.

    Raises NoRange where there is none. ``low`` equal to ``high`` is the caller's to see: it is a constant.
    """
    if not (math.isfinite(given.low) and math.isfinite(given.high)):
        raise NoRange(f"[{given.low:g}, {given.high:g}] is not finite")
    found = _scaled(_whole(_stepless(given)))
    low, high = (int(found.low), int(found.high)) if found.whole else (found.low, found.high)
    made: dict[str, Any] = {"type": "int" if found.whole else "float", "low": low, "high": high}
    if found.scale != "linear":
        made["scale"] = found.scale
    try:
        Space.parse({"x": made})
    except InputError as error:
        raise NoRange(error.problems[0].reason) from None
    return made, found.notes


def _stepless(given: Range) -> Range:
    """A study file has no steps: whole numbers are exact, all else becomes the range around them."""
    step = given.step
    if step is None:
        return given
    if all(float(value).is_integer() for value in (given.low, given.high, step)):
        given = replace(given, whole=True)
        if step == 1:
            return given
    between = "whole number" if given.whole else "value"
    note = f"steps of {step:g} are not kept: any {between} between the bounds can come"
    count = round((given.high - given.low) / step) + 1
    if 2 <= count <= FEW:
        values = (multiple(i, step) + given.low for i in range(count))
        listed = ", ".join(f"{value:.12g}" for value in values)
        note += f"; where only the steps will do: choices: [{listed}]"
    return given.noted(note)


def _whole(given: Range) -> Range:
    if not given.whole or max(abs(given.low), abs(given.high)) <= LARGEST_INT:
        return given
    return given.noted(f"whole numbers beyond {LARGEST_INT:g} come as float", whole=False)


def _scaled(given: Range) -> Range:
    if given.scale == "log" and given.low <= 0:
        return given.noted(f"a log scale cannot reach {given.low:g}: linear", scale="linear")
    if given.scale == "reverse_log" and given.whole:
        return given.noted("whole numbers have no reverse_log scale: linear", scale="linear")
    if given.scale == "reverse_log" and given.high >= 1:
        return given.noted(
            f"a reverse_log scale cannot reach {given.high:g}: linear", scale="linear"
        )
    return given


def words(made: dict[str, Any]) -> str:
    """An entry in a few words: ``0.0001 to 1, log``."""
    if "choices" in made:
        shown = ", ".join(str(choice) for choice in made["choices"][:6])
        return f"{shown}, ... ({len(made['choices'])})" if len(made["choices"]) > 6 else shown
    scale = made.get("scale")
    kind = "whole numbers " if made["type"] == "int" else ""
    return f"{kind}{made['low']:.6g} to {made['high']:.6g}" + (f", {scale}" if scale else "")


def guessed_scale(low: float, high: float) -> Scale:
    """For tools that choose a scale by themselves: log from three decades on."""
    return "log" if low > 0 and high / low >= WIDE else "linear"
