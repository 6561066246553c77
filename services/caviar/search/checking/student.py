"""Student's t without SciPy, whose import costs the scheduler a second."""

from __future__ import annotations

import math

MOST = 200
"""Degrees of freedom from which on it is as good as normal."""


def tail(t: float, freedom: int) -> float:
    """P(T > t). Abramowitz and Stegun, eq. 26.7.3 and 26.7.4; 1/2 without any degree of freedom."""
    if freedom < 1:
        return 0.5
    freedom = min(freedom, MOST)
    angle = math.atan(t / math.sqrt(freedom))
    cosine = math.cos(angle) ** 2
    odd = freedom % 2
    term = total = math.cos(angle) if odd else 1.0
    for k in range(3 if odd else 2, freedom - 1, 2):
        term *= cosine * (k - 1) / k
        total += term
    if odd:
        inside = 2 / math.pi * (angle + (math.sin(angle) * total if freedom > 1 else 0.0))
    else:
        inside = math.sin(angle) * total
    return min(max(0.5 * (1.0 - inside), 0.0), 1.0)


def quantile(above: float, freedom: int) -> float:
    """The t that is exceeded with probability ``above``, below 1/2; ``inf`` without any degree of freedom."""
    if freedom < 1:
        return math.inf
    low, high = 0.0, 1.0
    while tail(high, freedom) > above:
        high *= 2.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if tail(middle, freedom) > above else (low, middle)
    return high
