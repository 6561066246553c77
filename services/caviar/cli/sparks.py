"""A curve in one line of text: ▁▃▅▆▇█, low values low."""

from __future__ import annotations

import math
from collections.abc import Sequence

from caviar.cli.plot import Axis, Point

BARS = "▁▂▃▄▅▆▇█"
EARLY = 10
"""Of the trials, the first of so many parts."""


def spark(points: Sequence[Point], width: int) -> str:
    """A curve, its steps rising: a character a point, and where they are more than ``width``, one a stretch of steps.

    A value that is no finite number is blank. Positive values that span more than a decade are on a log axis. Empty
    where no value is finite.
    """
    if len(points) > width:
        return _drawn(_stretches(points, points[-1][0], width))
    return _drawn([value for _, value in points])


def step_spark(changes: Sequence[tuple[int, float]], last: int, width: int) -> str:
    """What stays at each value until the next, from the first change up to ``last``, in ``width`` characters.

    The first few values are mostly far from all others: they end where the axis ends, which is that of the others.
    """
    if not changes:
        return ""
    values = _stretches(changes, last, width)
    later = values[len(values) // EARLY :]
    return _drawn(values, later if len(set(later)) > 1 else values)


def _stretches(points: Sequence[Point], last: int, width: int) -> list[float | None]:
    """The last value of each stretch of steps; where a stretch has none, the value before it."""
    first, taken = points[0][0], 0
    columns: list[float | None] = []
    value = points[0][1]
    for column in range(width):
        end = first + (last - first) * (column + 1) / width
        while taken < len(points) and points[taken][0] <= end:
            value = points[taken][1]
            taken += 1
        columns.append(value)
    return columns


def _drawn(values: Sequence[float | None], fitting: Sequence[float | None] = ()) -> str:
    known = fitting or values
    finite = [value for value in known if value is not None and math.isfinite(value)]
    if not finite:
        return ""
    axis = Axis.of(finite)
    return "".join(_bar(value, axis) for value in values)


def _bar(value: float | None, axis: Axis) -> str:
    if value is None or not math.isfinite(value):
        return " "
    place = min(max(axis.place(value), 0.0), 1.0)
    return BARS[round(place * (len(BARS) - 1))]


def as_steps(changes: Sequence[tuple[int, float]], last: int) -> list[Point]:
    """The corners of a line that stays at each value until the next, up to ``last``."""
    corners: list[Point] = []
    for number, value in changes:
        if corners:
            corners.append((number, corners[-1][1]))
        corners.append((number, value))
    if corners and last > corners[-1][0]:
        corners.append((last, corners[-1][1]))
    return corners
