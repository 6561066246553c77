"""The leaders on new seeds: each run, the mean and its interval."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from caviar.contract.figures import ConfirmationView, RunsView
from caviar.figures.drawing.style import (
    BLUE,
    COLUMN,
    GRID,
    INK,
    MUTED,
    ORANGE,
    TEXT,
    bare,
    legend,
    nothing,
    paper,
    titled,
)
from caviar.figures.drawing.values import metric_axis, whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def confirmation_figure(view: ConfirmationView) -> Figure:
    """A row a leader, the best first."""
    figure = paper(COLUMN, 1.25 + 0.36 * max(2, len(view.leaders)))
    titled(figure, view.name, "leaders on new seeds")
    if not view.leaders:
        return nothing(figure, "No leader was trained again.")
    axes = figure.subplots()
    labelled: set[str] = set()
    for place, leader in enumerate(view.leaders):
        _row(axes, place, leader, labelled)
    values = [v for leader in view.leaders for v in (leader.first, *leader.again)]
    values += [
        end
        for leader in view.leaders
        if leader.confirmed
        for end in (leader.confirmed.low, leader.confirmed.high)
        if end is not None
    ]
    metric_axis(axes, view.metric, whole(values), along="x")
    axes.set_yticks(range(len(view.leaders)), [f"trial {leader.trial}" for leader in view.leaders])
    axes.set_ylim(len(view.leaders) - 0.4, -0.6)
    bare(axes, "bottom")
    axes.tick_params(axis="y", labelsize=TEXT, labelcolor=INK)
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    legend(axes, figure, columns=3)
    return figure


def _row(axes: Axes, place: int, leader: RunsView, labelled: set[str]) -> None:
    def once(words: str) -> str | None:
        new = words not in labelled
        labelled.add(words)
        return words if new else None

    again = [value for value in leader.again if math.isfinite(value)]
    if math.isfinite(leader.first):
        words = once("the run that made it a leader")
        axes.plot(
            *([leader.first], [place], "D"),
            markerfacecolor="white",
            markeredgecolor=MUTED,
            markersize=4.5,
            label=words,
            zorder=3,
        )
    if again:
        words = once("new seed")
        axes.plot(
            again, [place] * len(again), "o", color=BLUE, alpha=0.75, markersize=4, label=words
        )
    found = leader.confirmed
    if found is None:
        return
    if found.low is not None and found.high is not None:
        words = once("mean, 95% interval")
        axes.plot(
            [found.low, found.high],
            [place, place],
            color=ORANGE,
            linewidth=1.8,
            zorder=2,
            label=words,
        )
    axes.plot([found.mean], [place], "|", color=ORANGE, markersize=13, markeredgewidth=2, zorder=4)
