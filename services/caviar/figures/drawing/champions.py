"""Champions over time, and what each check said of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from caviar.contract.recheck import ChampionView, CheckView, RecheckView
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
from caviar.figures.drawing.values import Range, metric_axis, whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

VERDICTS: dict[str, tuple[str, str]] = {
    "holds": ("o", BLUE),
    "moved": ("^", ORANGE),
    "inconclusive": ("s", MUTED),
}
"""By word: shape and colour."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a check found: when, in days, and the champion's mean there."""

    at: float
    value: float
    check: CheckView


def champions_figure(view: RecheckView) -> Figure:
    """Times are UTC."""
    figure = paper(PAGE, 3.1)
    titled(figure, view.name, "its champions, and whether they held")
    held = [c for c in view.champions if c.decided is not None and c.state != "rejected"]
    held = sorted((c for c in held if c.value is not None), key=_since)
    seen = [
        Seen(_date(check.ended or check.asked), check.verdict.champion, check)
        for check in view.checks
        if check.verdict is not None and check.verdict.champion is not None
    ]
    if not held and not seen:
        return nothing(figure, "It has had no champion yet.")
    axes = figure.subplots()
    for word, (marker, colour) in VERDICTS.items():
        points = [each for each in seen if each.check.verdict and each.check.verdict.word == word]
        if points:
            axes.plot(*_places(points), marker, color=colour, markersize=5.5, label=word, zorder=3)
    for number in {each.check.champion for each in seen}:
        its = [each for each in seen if each.check.champion == number]
        axes.plot(*_places(its), color=FAINT, linewidth=0.9, zorder=1)
    for index, champion in enumerate(held):
        _champion(axes, champion, first=index == 0)
    ends = [value for c in held for value in (c.value, c.low, c.high) if value is not None]
    shown = whole([*ends, *(each.value for each in seen)])
    metric_axis(axes, view.metric, Range(shown.low, shown.high + 0.1 * (shown.high - shown.low)))
    bare(axes, "bottom", "left")
    _dates(axes)
    axes.margins(x=0.07)
    _drifts(axes, seen)
    legend(axes, figure)
    return figure


def _places(seen: list[Seen]) -> tuple[list[float], list[float]]:
    return [each.at for each in seen], [each.value for each in seen]


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


def _drifts(axes: Axes, seen: list[Seen]) -> None:
    """What moved most, at the newest few of the checks that found it."""
    said = [(each, each.check.verdict) for each in seen]
    moved = [(each, v.drifts) for each, v in said if v and v.word == "moved" and v.drifts]
    for each, drifts in moved[-4:]:
        drift = max(drifts, key=lambda one: one.distance)
        words = f"{plain(drift.parameter, 20)} {short(drift.before)} → {short(drift.after)}"
        axes.annotate(
            words,
            (each.at, each.value),
            (0, 8),
            textcoords="offset points",
            ha="center",
            fontsize=SMALL - 0.5,
            color=ORANGE,
            bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "alpha": 0.8, "linewidth": 0},
            zorder=6,
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
