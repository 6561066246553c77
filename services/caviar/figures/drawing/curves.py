"""Learning curves; those of trials that were stopped end in a cross."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING

from caviar.contract.figures import CurvesView, LineView
from caviar.figures.drawing.style import (
    COLUMN,
    INK,
    ORANGE,
    TEXT,
    bare,
    legend,
    nothing,
    paper,
    ranks,
    shade_of,
    titled,
    whole_numbers,
)
from caviar.figures.drawing.values import Range, metric_axis, range_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RARE = 8.0
ENDS: dict[str, tuple[str, str]] = {
    "stopped": ("x", "stopped early"),
    "failed": ("v", "failed"),
    "quarantined": ("v", "failed"),
    "running": (">", "still trains"),
}
"""By state: the mark at a curve's end, and what it means."""


def curves_figure(view: CurvesView) -> Figure:
    """The colour is the trial's rank; the best is in front."""
    figure = paper(COLUMN + 0.6, 3.1)
    few = len(view.lines) < view.of
    drawn = f"{len(view.lines):,} of {view.of:,} learning curves" if few else "learning curves"
    titled(figure, view.name, drawn)
    lines = [line for line in view.lines if any(map(math.isfinite, line.values))]
    if not lines:
        return nothing(figure, "No trial has reported more than one step.")
    axes = figure.subplots()
    values = [value for line in lines for value in line.values if math.isfinite(value)]
    shown = range_of(values, view.goal)
    lines.sort(key=lambda line: -1.0 if line.rank is None else line.rank)
    best = [line for line in lines if line.rank is not None and line.state == "done"][-1:]
    said: set[str] = set()
    for line in lines:
        _line(axes, line, shown, line in best, said)
    metric_axis(axes, view.metric, shown)
    bare(axes, "bottom", "left")
    axes.set_xlabel("step", fontsize=TEXT)
    _steps_axis(axes, [step for line in lines for step in line.steps])
    if any(line.rank is not None for line in lines):
        ranks(figure, [axes])
    legend(axes, figure)
    return figure


def _steps_axis(axes: Axes, steps: list[int]) -> None:
    """Reports that come ever more rarely, as at the rungs of a stopping rule, need a logarithmic scale."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    if min(steps) > 0 and median(steps) < max(steps) / RARE:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(numticks=7))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
    else:
        whole_numbers(axes, 6)


def _line(axes: Axes, line: LineView, shown: Range, best: bool, said: set[str]) -> None:
    x, y = line.steps, [shown.inside(value) for value in line.values]
    shade = shade_of(line.rank)
    if best:
        axes.plot(x, y, color=INK, linewidth=2.8, zorder=3, solid_capstyle="round")
        axes.plot(
            *(x, y),
            color="#fde725",
            linewidth=1.6,
            zorder=4,
            label=f"trial {line.number}, first in rank",
        )
    else:
        axes.plot(x, y, color=shade, linewidth=0.9, alpha=0.85, zorder=2)
    mark = ENDS.get(line.state)
    if mark is None:
        if len(x) == 1:
            axes.plot(x, y, ".", color=shade, markersize=3, zorder=2)
        return
    sign, words = mark
    colour = ORANGE if sign == "v" else shade
    label = None if words in said else words
    said.add(words)
    axes.plot(
        *(x[-1:], y[-1:], sign),
        color=colour,
        markersize=4,
        markeredgewidth=1.1,
        zorder=5,
        label=label,
    )
