"""Numbers as people write them in a sentence."""

from __future__ import annotations

import math

FRACTIONS = {
    0.8: "four fifths",
    0.75: "three quarters",
    2 / 3: "two thirds",
    0.5: "half",
    1 / 3: "a third",
    0.25: "a quarter",
    0.2: "a fifth",
    0.1: "a tenth",
}


def number(value: float) -> str:
    """Three significant digits, thousands separated: ``0.0021``, ``16,384``, ``1.5e-07``."""
    if isinstance(value, int) or 999.5 <= abs(value) < 1e9:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def near_one(value: float) -> str:
    """A value below 1 with two significant digits of its distance to 1: ``0.9987``."""
    rest = 1.0 - value
    if not 0.0 < rest < 1.0:
        return number(value)
    return f"{value:.{1 - math.floor(math.log10(rest))}f}".rstrip("0").rstrip(".")


def fraction(ratio: float) -> str:
    """A ratio in words where a plain one is near (``a third``), otherwise in percent."""
    if ratio <= 0:
        return "0%"
    plain = min(FRACTIONS, key=lambda known: abs(math.log(ratio / known)))
    if abs(ratio / plain - 1) < 0.1:
        return FRACTIONS[plain]
    return f"{ratio:.0%}" if ratio >= 0.01 else f"{100 * ratio:.2g}%"


ORDINALS = (
    *("first", "second", "third", "fourth", "fifth", "sixth"),
    *("seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth"),
)
CARDINALS = (
    *("one", "two", "three", "four", "five", "six"),
    *("seven", "eight", "nine", "ten", "eleven", "twelve"),
)


def ordinal(place: int) -> str:
    """A place from 1: ``second``, ``twelfth``, ``21st``."""
    if place <= len(ORDINALS):
        return ORDINALS[place - 1]
    teens = 10 < place % 100 < 20
    return f"{place}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(place % 10, 'th')}"


def counted(count: int) -> str:
    """A number of things from 1: ``seven``, ``21``."""
    return CARDINALS[count - 1] if count <= len(CARDINALS) else str(count)
