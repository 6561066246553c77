"""How numbers and durations are written for people: short, and with every digit that matters."""

from __future__ import annotations

import math

from caviar.contract.messages import ParameterValue

NOTHING = "–"


def number(value: ParameterValue | None, scale: str | None = None) -> str:
    """At most four significant digits. On ``reverse_log`` what matters is 1 - value: its digits are kept.

    >>> number(0.00021), number(1.2e-05), number(123456.7), number(0.99912, "reverse_log")
    ('0.00021', '1.2e-05', '123457', '0.99912')
    """
    match value:
        case None:
            return NOTHING
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int():
            return str(value)
    if not math.isfinite(value):
        return str(value)
    if scale == "reverse_log" and 0.9 < value < 1:
        decimals = 1 - math.floor(math.log10(1 - value))
        return f"{value:.{min(decimals, 17)}f}".rstrip("0")
    if 1e4 <= abs(value) < 1e9:
        return f"{value:.0f}"
    return f"{value:.4g}"


def interval(low: float | None, high: float | None, scale: str | None = None) -> str:
    """For instance ``0.0021 … 0.045``."""
    left, right = number(low, scale), number(high, scale)
    return left if left == right else f"{left} … {right}"


def duration(seconds: float | None) -> str:
    """For instance ``0.8 s``, ``42 s``, ``3 min 20 s``, ``2 h 05 min``."""
    if seconds is None:
        return NOTHING
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def percent(share: float) -> str:
    """``share`` in [0, 1]."""
    return "<1%" if 0 < share < 0.005 else f"{share:.0%}"


def count(amount: int, singular: str, plural: str | None = None) -> str:
    """For instance ``1 trial``, ``1,200 trials``."""
    return f"{amount:,} {singular if amount == 1 else plural or singular + 's'}"
