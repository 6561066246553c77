"""The axis of a metric: its scale and its ends, chosen so that a few wild values do not flatten all others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from caviar.figures.drawing.style import GRID, INK, TEXT, plain, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WILD = 4.0
"""So many times the middle half's width beyond it, a value is drawn at the edge."""
DECADES = 2.0
"""From so many on, positive values are drawn on a logarithmic scale."""
FAR = 1e300
"""An axis ends there: the distance of two numbers beyond may be none."""


@dataclass(frozen=True, slots=True)
class Range:
    """``low < high``; what is beyond is drawn at the edge."""

    low: float
    high: float
    log: bool = False

    def inside(self, value: float) -> float:
        return min(max(value, self.low), self.high)

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


def range_of(values: Sequence[float], goal: Literal["minimize", "maximize"]) -> Range:
    """What the axis of these finite numbers shows: always the best of them."""
    known = np.array(_known(values))
    if not len(known):
        return Range(0.0, 1.0)
    low, high = float(known.min()), float(known.max())
    q1, q3 = (float(q) for q in np.quantile(known, [0.25, 0.75]))
    if low > 0 and math.log10(high / low) >= DECADES and q3 > 3 * q1:
        return Range(low / 1.3, high * 1.3, log=True)
    if len(known) >= 8:
        fence = WILD * max(q3 - q1, 1e-3 * max(abs(q1), abs(q3)))
        if goal == "minimize":
            high = min(high, q3 + fence)
        else:
            low = max(low, q1 - fence)
    return whole([low, high])


def whole(values: Sequence[float]) -> Range:
    """All of them, evenly."""
    known = _known(values)
    if not known:
        return Range(0.0, 1.0)
    low, high = min(known), max(known)
    room = 0.06 * (high - low) or 0.05 * abs(high) or 0.5
    return Range(low - room, high + room)


def _known(values: Sequence[float]) -> list[float]:
    return [min(max(value, -FAR), FAR) for value in values if math.isfinite(value)]


def metric_axis(axes: Axes, metric: str, shown: Range, along: Literal["x", "y"] = "y") -> None:
    """Scale, ends, numbers and the metric's name."""
    from matplotlib.ticker import (
        FuncFormatter,
        LogLocator,
        MaxNLocator,
        NullFormatter,
        NullLocator,
        ScalarFormatter,
    )

    axis = axes.yaxis if along == "y" else axes.xaxis
    if shown.log:
        (axes.set_yscale if along == "y" else axes.set_xscale)("log")
        few = math.log10(shown.high / shown.low) < 3
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,), numticks=7))
        axis.set_minor_locator(NullLocator())
        axis.set_minor_formatter(NullFormatter())
    else:
        axis.set_major_locator(MaxNLocator(5))
    size = max(abs(shown.low), abs(shown.high))
    if shown.log or not 1e-3 <= size < 1e7:
        axis.set_major_formatter(FuncFormatter(lambda value, _: short(float(value))))
    else:
        plainly = ScalarFormatter(useOffset=False, useMathText=False)
        plainly.set_scientific(False)
        axis.set_major_formatter(plainly)
    (axes.set_ylim if along == "y" else axes.set_xlim)(shown.low, shown.high)
    axis.set_label_text(plain(metric), fontsize=TEXT, color=INK)
    axes.grid(axis=along, color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
