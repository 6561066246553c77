"""The best so far, over trials and over what they cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from caviar.contract.figures import ProgressView
from caviar.figures.drawing.style import (
    BLUE,
    FAINT,
    GRID,
    INK,
    MANY,
    MUTED,
    ORANGE,
    PAGE,
    TEXT,
    bare,
    legend,
    nothing,
    paper,
    smaller,
    titled,
    trials_drawn,
    whole_numbers,
)
from caviar.figures.drawing.values import Range, metric_axis, range_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def progress_figure(view: ProgressView) -> Figure:
    """Left by number of the trial, right by cost. Apart: what was stopped early, and new runs of the leaders."""
    figure = paper(PAGE, 2.9)
    drawn = trials_drawn(len(view.trials.number), view.of)
    titled(figure, view.name, f"{drawn}, and the best so far")
    known = [value for value in view.trials.value if math.isfinite(value)]
    if not known:
        return nothing(figure, "No trial has a result yet.")
    shown = range_of(known, view.goal)
    factor, unit = _unit(view.slot_hours)
    left, right = figure.subplots(1, 2, sharey=True)
    _dots(left, view, view.trials.number, shown)
    _dots(right, view, [hours * factor for hours in view.trials.slot_hours], shown)
    _best_by_number(left, view, shown)
    _best_by_cost(right, view, factor, shown)
    for axes, label in ((left, "trial"), (right, f"cost in {unit}")):
        bare(axes, "bottom", "left")
        axes.set_xlabel(label, fontsize=TEXT)
        axes.margins(x=0.03)
    whole_numbers(left)
    metric_axis(left, view.metric, shown)
    right.grid(axis="y", color=GRID, linewidth=0.6)
    right.set_axisbelow(True)
    legend(left, figure)
    return figure


def _unit(slot_hours: float) -> tuple[float, str]:
    """What hours are multiplied by, and the unit's name."""
    if slot_hours >= 2:
        return 1.0, "slot-hours"
    return (60.0, "slot-minutes") if slot_hours * 60 >= 2 else (3600.0, "slot-seconds")


def _dots(axes: Axes, view: ProgressView, at: Sequence[float], shown: Range) -> None:
    kinds: dict[str, list[tuple[float, float]]] = {
        name: []
        for name in ("trial", "stopped early", "added by hand", "again, new seed", "off the scale")
    }
    for x, value, state, kind in zip(at, view.trials.value, view.state, view.kind, strict=True):
        if not math.isfinite(value):
            continue
        name = {"confirm": "again, new seed", "added": "added by hand"}.get(kind, "trial")
        if state == "stopped":
            name = "stopped early"
        if not shown.holds(value):
            name = "off the scale"
        kinds[name].append((x, shown.inside(value)))
    beyond = "^" if view.goal == "minimize" else "v"
    for (name, points), (marker, size, fill, edge) in zip(
        kinds.items(),
        (
            ("o", 11, FAINT, "none"),
            ("x", 12, MUTED, MUTED),
            ("D", 14, "white", INK),
            ("o", 18, "white", BLUE),
            (beyond, 14, "white", MUTED),
        ),
        strict=True,
    ):
        if points:
            across, up = zip(*points, strict=True)
            paint: dict[str, Any] = (
                {"c": edge} if marker == "x" else {"facecolors": fill, "edgecolors": edge}
            )
            axes.scatter(
                *(across, up, size * (smaller(len(at)) if marker in "ox" else 1.0)),
                marker=marker,
                linewidths=0.9,
                label=name,
                zorder=3,
                rasterized=len(points) > MANY,
                clip_on=name != "off the scale",
                **paint,
            )


def _best_by_number(axes: Axes, view: ProgressView, shown: Range) -> None:
    """Trials end out of order: by number, the best so far is the best of those with smaller numbers."""
    sign = 1.0 if view.goal == "minimize" else -1.0
    at: list[float] = []
    values: list[float] = []
    for number, value in sorted(zip(view.best.number, view.best.value, strict=True)):
        if not values or sign * value < sign * values[-1]:
            at.append(number)
            values.append(value)
    if values:
        _steps(axes, [*at, max(*view.trials.number, at[-1])], [*values, values[-1]], shown)


def _best_by_cost(axes: Axes, view: ProgressView, factor: float, shown: Range) -> None:
    best = view.best
    if best.value:
        at = [*best.slot_hours, max(view.slot_hours, best.slot_hours[-1])]
        _steps(axes, [hours * factor for hours in at], [*best.value, best.value[-1]], shown)


def _steps(axes: Axes, at: Sequence[float], values: Sequence[float], shown: Range) -> None:
    inside = [shown.inside(float(value)) for value in values]
    line = {"color": ORANGE, "linewidth": 1.6, "label": "best so far", "zorder": 4}
    axes.step(at, inside, where="post", **line)
    axes.plot(at[:-1], inside[:-1], "o", color=ORANGE, markersize=3, zorder=4)
