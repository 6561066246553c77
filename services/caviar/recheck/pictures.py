"""Figures as SVG: a check's trainings, a study's champions over time. Matplotlib is imported on first use."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from caviar.adapters.sql import TrialRow
from caviar.adapters.sql.rows import ChampionRow, CheckRow
from caviar.refinement.pictures import ACCENT, BOX, INK, MUTED, figure_of, svg_of
from caviar.studies.spec import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {"holds": "#2a9d5c", "moved": ACCENT, "inconclusive": MUTED}


def check_picture(study: Study, rows: Sequence[TrialRow], said: Mapping[str, Any]) -> bytes:
    """Every training's value by its point, the champion and the challenger named; the verdict as title."""
    points: dict[tuple[object, ...], list[float]] = {}
    words: dict[tuple[object, ...], str] = {}
    first: Mapping[str, Any] | None = None
    challenger = said.get("challenger")
    for row in rows:
        value = row.result().value
        first = row.params if first is None else first
        key: tuple[object, ...] = study.space.key(row.params)
        words.setdefault(key, _difference(first, row.params))
        points.setdefault(key, [])
        if value is not None and math.isfinite(value):
            points[key].append(value)
    figure = figure_of(7.2, 1.4 + 0.42 * max(1, len(points)))
    axes = figure.subplots()
    best: tuple[object, ...] | None = study.space.key(challenger) if challenger else None
    for place, (key, values) in enumerate(points.items()):
        colour = INK if place == 0 else ACCENT if key == best else MUTED
        axes.plot(values, [place] * len(values), "o", color=colour, alpha=0.7)
        if values:
            axes.plot([sum(values) / len(values)], [place], "|", color=colour, markersize=22)
    axes.set_yticks(range(len(points)), list(words.values()))
    axes.invert_yaxis()
    axes.set_xlabel(study.metric.name)
    effect = f"better by {said['effect']:.4g} (90%: {said['low']:.4g} to {said['high']:.4g})"
    axes.set_title(
        f"{said['word']}: {'the challenger is ' if best else 'the best rival is '}{effect}",
        color=COLOURS.get(str(said["word"]), INK),
        loc="left",
    )
    axes.grid(axis="x", color=BOX, alpha=0.4)
    return svg_of(figure)


def history_picture(
    study: Study, champions: Sequence[ChampionRow], checks: Sequence[CheckRow]
) -> bytes:
    """The metric of the champion over time, with each check's verdict."""
    figure = figure_of(7.2, 3.2)
    axes = figure.subplots()
    held = [row for row in champions if row.decided is not None and row.state != "rejected"]
    for row in held:
        if row.value is not None:
            at = _date(row.decided or row.created)
            axes.plot([at], [row.value], "D", color=INK)
            _beside(axes, at, row.value, f"champion {row.number}")
            if row.low is not None and row.high is not None:
                axes.vlines([at], row.low, row.high, color=INK)
    seen = [
        (_date(check.ended or check.asked), check.verdict)
        for check in checks
        if check.verdict is not None and check.verdict.get("champion") is not None
    ]
    axes.plot([at for at, _ in seen], [said["champion"] for _, said in seen], color=BOX, zorder=0)
    for at, said in seen:
        axes.plot([at], [said["champion"]], "o", color=COLOURS.get(str(said["word"]), INK))
        drifts = said.get("drifts") if said["word"] == "moved" else None
        if drifts:
            first = drifts[0]
            words = f"{first['parameter']} {_short(first['before'])} → {_short(first['after'])}"
            _beside(axes, at, said["champion"], words)
    for word, colour in COLOURS.items():
        axes.plot([], [], "o", color=colour, label=word)
    axes.xaxis_date()
    axes.legend(loc="best", fontsize=8, frameon=False)
    axes.set_ylabel(study.metric.name)
    axes.tick_params(axis="x", labelrotation=20, labelsize=8)
    axes.grid(color=BOX, alpha=0.4)
    return svg_of(figure)


def _difference(champion: Mapping[str, Any], params: Mapping[str, Any]) -> str:
    other = {name: value for name, value in params.items() if champion.get(name) != value}
    if not other:
        return "champion"
    words = [f"{name} {_short(value)}" for name, value in other.items()]
    return ", ".join(words[:3]) + (", ..." if len(words) > 3 else "")


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)[:20]


def _beside(axes: Axes, at: float, value: float, words: str) -> None:
    axes.annotate(
        words, (at, value), xytext=(6, 4), textcoords="offset points", fontsize=8, color=INK
    )


def _date(seconds: float) -> float:
    from matplotlib.dates import date2num

    return float(date2num(datetime.fromtimestamp(seconds, UTC)))
