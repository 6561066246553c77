"""One check's trainings: the champion beside its rivals, for the run of the check in MLflow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from caviar.contract.recheck import VerdictView
from caviar.figures.drawing.style import (
    INK,
    MUTED,
    ORANGE,
    SMALL,
    TEXT,
    TITLE,
    bare,
    nothing,
    one_at_a_time,
    paper,
    plain,
    written,
)
from caviar.figures.drawing.values import metric_axis, whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Trained:
    """What a check trained at one point, the champion's or another."""

    words: str
    """How it differs from the champion."""
    role: Literal["champion", "challenger", "rival"]
    values: tuple[float, ...]


def check_svg(metric: str, points: Sequence[Trained], verdict: VerdictView) -> bytes:
    """The verdict is the title; a row a point with every training and their mean."""
    with one_at_a_time:
        return written(_figure(metric, points, verdict), "svg", "check")


def _figure(metric: str, points: Sequence[Trained], verdict: VerdictView) -> Figure:
    figure = paper(6.2, 1.25 + 0.3 * max(2, len(points)))
    who = "the challenger" if verdict.challenger else "the best rival"
    figure.suptitle(
        f"{verdict.word}", fontsize=TITLE, color=INK, x=0.01, ha="left", fontweight="bold"
    )
    if not points:
        return nothing(figure, "Nothing was trained.")
    axes = figure.subplots()
    better = f"{who} is better by {verdict.effect:.4g}"
    axes.set_title(
        f"{better} (90%: {verdict.low:.4g} to {verdict.high:.4g})",
        fontsize=TEXT,
        loc="left",
        color=MUTED,
    )
    for place, point in enumerate(points):
        colour = {"champion": INK, "challenger": ORANGE, "rival": MUTED}[point.role]
        marker = {"champion": "D", "challenger": "^", "rival": "o"}[point.role]
        values = [value for value in point.values if math.isfinite(value)]
        axes.plot(values, [place] * len(values), marker, color=colour, alpha=0.7, markersize=4.5)
        if values:
            mean = sum(values) / len(values)
            axes.plot([mean], [place], "|", color=colour, markersize=15, markeredgewidth=2)
    metric_axis(axes, metric, whole([v for point in points for v in point.values]), along="x")
    axes.set_yticks(range(len(points)), [_label(point) for point in points])
    axes.set_ylim(len(points) - 0.4, -0.6)
    bare(axes, "bottom")
    axes.tick_params(axis="y", labelsize=SMALL, labelcolor=INK)
    return figure


def _label(point: Trained) -> str:
    role = {"champion": "champion", "challenger": "challenger: ", "rival": ""}[point.role]
    return role if point.role == "champion" else role + plain(point.words, 60)
