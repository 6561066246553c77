"""Figures as SVG: the zoom by rounds, the progress, the importance. Matplotlib is imported on first use."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from caviar.adapters.sql import TrialRow
from caviar.contract.views import ParameterView
from caviar.figures.boxes import extents, spans
from caviar.search import Round
from caviar.space import Space
from caviar.studies.spec import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, MUTED, ACCENT, BOX = "#1b1f24", "#8a929c", "#d1495b", "#9ec9e2"


def figure_of(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def svg_of(figure: Figure) -> bytes:
    from matplotlib import rc_context

    stream = io.BytesIO()
    with rc_context(
        {"svg.hashsalt": "caviar", "svg.fonttype": "none", "font.family": "sans-serif"}
    ):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()


def _ticks(space: Space, view: ParameterView) -> tuple[list[float], list[str]]:
    parameter = space[view.name]
    if view.choices is not None:
        return [parameter.to_unit(choice) for choice in view.choices], [
            str(c) for c in view.choices
        ]
    middle = parameter.from_unit(0.5)
    values = [view.low, middle, view.high]
    labels = [f"{v:.4g}" for v in values]
    return [parameter.to_unit(v) for v in values if v is not None], labels


def zoom(study: Study, rounds: Sequence[Round], trials: Sequence[TrialRow]) -> bytes:
    """A strip a parameter, on its own scale: trials as dots coloured by value, and the box of each round."""
    space, views = study.space, study.space.to_views()
    figure = figure_of(9.0, 0.8 + 0.95 * len(views))
    axes: Any = figure.subplots(len(views), 1, sharex=True, squeeze=False)[:, 0]
    done = [row for row in trials if row.value is not None]
    values = np.array([row.value for row in done], dtype=float)
    sign = 1.0 if study.metric.goal == "maximize" else -1.0
    ranks = np.argsort(np.argsort(sign * values)) / max(1, len(done) - 1)
    periods = spans(rounds, trials)
    shade = None
    for axis, view in zip(axes, views, strict=True):
        for round_, (first, last) in zip(rounds, periods, strict=True):
            low, high = extents(space, round_)[view.name]
            axis.fill_between(
                [first - 0.5, last - 0.5], low, high, color=BOX, alpha=0.45, linewidth=0
            )
        points = [
            (row.number, space[view.name].to_unit(row.params[view.name]), rank)
            for row, rank in zip(done, ranks, strict=True)
            if view.name in row.params
        ]
        if points:
            x, y, colour = zip(*points, strict=True)
            shade = axis.scatter(x, y, c=colour, cmap="viridis", vmin=0, vmax=1, s=14, zorder=3)
        positions, labels = _ticks(space, view)
        axis.set_yticks(positions, labels, fontsize=7, color=MUTED)
        axis.set_ylim(-0.06, 1.06)
        tier = f", tier {view.tier}" if view.tier else ""
        axis.set_title(
            f"{view.name}  ({view.scale or 'categories'}{tier})",
            fontsize=8,
            loc="left",
            color=INK,
            pad=2,
        )
        axis.tick_params(length=0)
        for side in ("top", "right", "left", "bottom"):
            axis.spines[side].set_visible(False)
    axes[-1].set_xlabel("trial", fontsize=8, color=INK)
    axes[-1].tick_params(axis="x", labelsize=7)
    axes[-1].set_xlim(-1, max(periods[-1][1], 2))
    if shade is not None:
        bar = figure.colorbar(shade, ax=list(axes), shrink=0.4, aspect=30, pad=0.01)
        bar.set_ticks([0, 1], labels=["worst", "best"], fontsize=7)
        bar.outline.set_visible(False)
    figure.suptitle(f"{study.name}: the box of each round, and every trial", fontsize=10, color=INK)
    return svg_of(figure)


def progress(study: Study, trials: Sequence[TrialRow]) -> bytes:
    """Every trial's value, and the best so far of those that can be the best.

    Apart from them the new runs of the leaders, and trials that were stopped early, at the value of their last step.
    """
    figure = figure_of(7.0, 3.2)
    axis: Any = figure.subplots()
    done = [row for row in trials if row.value is not None]
    again = [row for row in done if row.kind == "confirm"]
    early = [row for row in done if row.state == "stopped"]
    searched = [row for row in done if row not in again and row not in early]
    eligible = [row for row in searched if row.result().succeeded]
    if searched:
        axis.scatter(*_places(searched), s=14, color=MUTED, label="trial")
    if eligible:
        best = np.maximum if study.metric.goal == "maximize" else np.minimum
        at, values = _places(eligible)
        axis.step(at, best.accumulate(values), where="post", color=ACCENT, label="best so far")
    if early:
        axis.scatter(
            *_places(early), s=14, marker="x", linewidths=0.8, color=MUTED, label="stopped early"
        )
    if again:
        ring = {"facecolors": "none", "edgecolors": ACCENT}
        axis.scatter(*_places(again), s=18, **ring, label="again, new seed")
    if done:
        axis.legend(frameon=False, fontsize=8)
    axis.set_xlabel("trial", fontsize=8)
    axis.set_ylabel(study.metric.name, fontsize=8)
    axis.tick_params(labelsize=7)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    return svg_of(figure)


def _places(rows: Sequence[TrialRow]) -> tuple[list[int], list[float]]:
    """Numbers and values of trials that have one."""
    return [row.number for row in rows], [float(row.value or 0.0) for row in rows]


def importance(shares: Sequence[dict[str, Any]]) -> bytes:
    """A bar a parameter, the declared tier beside its name."""
    figure = figure_of(6.0, 0.8 + 0.3 * len(shares))
    axis: Any = figure.subplots()
    ordered = sorted(shares, key=lambda entry: entry["share"])
    labels = [
        f"{entry['name']} (tier {entry['tier']})" if entry.get("tier") else entry["name"]
        for entry in ordered
    ]
    axis.barh(labels, [entry["share"] for entry in ordered], color=ACCENT, height=0.6)
    axis.set_xlabel("share of the metric's variation", fontsize=8)
    axis.tick_params(labelsize=8)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    return svg_of(figure)
