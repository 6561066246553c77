"""Champions over time, and what each check said of them."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from caviar.contract.recheck import ChampionView, RecheckView, VerdictView
from caviar.figures.drawing.style import (
    BLUE,
    FAINT,
    INK,
    MUTED,
    ORANGE,
    PAGE,
    SMALL,
    bare,
    legend,
    nothing,
    paper,
    plain,
    short,
    titled,
)
from caviar.figures.drawing.values import metric_axis, whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

VERDICTS: dict[str, tuple[str, str]] = {
    "holds": ("o", BLUE),
    "moved": ("^", ORANGE),
    "inconclusive": ("s", MUTED),
}
"""By word: shape and colour."""


def champions_figure(view: RecheckView) -> Figure:
    """Times are UTC."""
    figure = paper(PAGE, 3.1)
    titled(figure, view.name, "its champions, and whether they held")
    held = [c for c in view.champions if c.decided is not None and c.state != "rejected"]
    held = sorted((c for c in held if c.value is not None), key=_since)
    seen = [
        (_date(check.ended or check.asked), check.verdict)
        for check in view.checks
        if check.verdict is not None and _finite(check.verdict.champion)
    ]
    if not held and not seen:
        return nothing(figure, "It has had no champion yet.")
    axes = figure.subplots()
    for word, (marker, colour) in VERDICTS.items():
        points = [(at, said.champion) for at, said in seen if said.word == word]
        if points:
            x, y = zip(*points, strict=True)
            axes.plot(x, y, marker, color=colour, markersize=5.5, label=word, zorder=3)
    axes.plot(
        [at for at, _ in seen], [said.champion for _, said in seen], color=FAINT, linewidth=0.9, zorder=1
    )
    for index, champion in enumerate(held):
        _champion(axes, champion, first=index == 0)
    shown = [value for c in held for value in (c.value, c.low, c.high) if _finite(value)]
    metric_axis(axes, view.metric, whole([*shown, *(said.champion for _, said in seen)]))  # type: ignore[list-item]
    bare(axes, "bottom", "left")
    _dates(axes)
    axes.margins(x=0.07)
    _drifts(axes, seen)
    legend(axes, figure)
    return figure


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _since(champion: ChampionView) -> float:
    return champion.decided or champion.created


def _champion(axes: Axes, champion: ChampionView, first: bool) -> None:
    at, value = _date(_since(champion)), champion.value or 0.0
    if champion.low is not None and champion.high is not None:
        axes.vlines([at], champion.low, champion.high, color=INK, linewidth=1.1, zorder=2)
    axes.plot(
        [at],
        [value],
        "D",
        color=INK,
        markersize=6,
        label="champion, 95% interval" if first else None,
        zorder=4,
    )
    axes.annotate(
        str(champion.number),
        (at, value),
        (6, 5),
        textcoords="offset points",
        fontsize=SMALL,
        color=INK,
        fontweight="bold",
    )


def _drifts(axes: Axes, seen: list[tuple[float, VerdictView]]) -> None:
    """What moved most, at the newest few of the checks that found it."""
    moved = [(at, said) for at, said in seen if said.word == "moved" and said.drifts]
    for at, said in moved[-4:]:
        drift = max(said.drifts, key=lambda each: each.distance)
        words = f"{plain(drift.parameter, 20)} {short(drift.before)} → {short(drift.after)}"
        axes.annotate(
            words,
            (at, said.champion or 0.0),
            (0, -12),
            textcoords="offset points",
            ha="center",
            fontsize=SMALL - 0.5,
            color=ORANGE,
        )


def _dates(axes: Axes) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    axes.xaxis_date()
    locator = AutoDateLocator(minticks=2, maxticks=7)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.xaxis.offsetText.set_fontsize(SMALL)
    axes.xaxis.offsetText.set_color(MUTED)


def _date(seconds: float) -> float:
    from matplotlib.dates import date2num

    return float(date2num(datetime.fromtimestamp(seconds, UTC)))
