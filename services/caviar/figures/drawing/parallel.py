"""Parallel coordinates: a line a trial, from parameter to parameter, to its rank."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from caviar.contract.figures import ZoomView
from caviar.figures.drawing.style import (
    INK,
    MUTED,
    PAGE,
    SMALL,
    TEXT,
    nothing,
    paper,
    plain,
    shade_of,
    short,
    spaced,
    titled,
    trials_drawn,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OFF = -0.13
"""Where a line passes below a parameter that is not active for it."""
LINES = 600
"""In an SVG; more are pixels."""


def parallel_figure(view: ZoomView) -> Figure:
    """The better, the more yellow, thick and in front."""
    count = len(view.axes)
    figure = paper(max(PAGE, 0.75 * (count + 1)), 3.4)
    drawn = trials_drawn(len(view.dots.number), view.dots.of)
    titled(figure, view.name, f"{drawn}, from parameter to parameter to its place")
    dots = view.dots
    known = [(i, rank) for i, rank in enumerate(dots.rank) if rank is not None]
    if not known:
        return nothing(figure, "No trial has a result yet.")
    axes = figure.subplots()
    _lines(axes, view, sorted(known, key=lambda each: each[1]))
    for place, axis in enumerate(view.axes):
        for at, label in spaced(axis.ticks, 0.07):
            _label(axes, place, at, plain(label, 11))
        if any(at is None for at in dots.positions.get(axis.name, [])):
            _label(axes, place, OFF, "not active")
        axes.vlines(place, 0, 1, color=INK, linewidth=0.8, zorder=3)
    for rank, value in _marks(known, dots.value):
        _label(axes, count, rank, short(value), "left")
    axes.vlines(count, 0, 1, color=INK, linewidth=0.8, zorder=3)
    names = [*(axis.name for axis in view.axes), f"{view.metric} (by rank)"]
    letters = max(8, int(12 * (figure.get_figwidth() / (count + 1))))
    slanted = max(map(len, names)) > letters
    axes.set_xticks(
        range(count + 1),
        [plain(name, 24) for name in names],
        rotation=20 if slanted else 0,
        ha="left" if slanted else "center",
        fontsize=TEXT,
        color=INK,
    )
    axes.tick_params(length=0, top=False, labeltop=True, labelbottom=False)
    axes.set_yticks([])
    axes.set_ylim(OFF - 0.05, 1.04)
    axes.set_xlim(-0.45, count + 0.5)
    for spine in axes.spines.values():
        spine.set_visible(False)
    _explained(figure, view)
    return figure


def _lines(axes: Axes, view: ZoomView, known: list[tuple[int, float]]) -> None:
    from matplotlib.collections import LineCollection

    dots, count = view.dots, len(view.axes)
    many = len(known) > LINES
    faint = 0.25 if many else 0.45
    for stopped in (True, False):
        chosen = [(i, rank) for i, rank in known if (dots.state[i] == "stopped") is stopped]
        if not chosen:
            continue  # Matplotlib takes no empty list of opacities
        paths = []
        for i, rank in chosen:
            at = [_place(dots.positions.get(axis.name), i) for axis in view.axes]
            paths.append(np.column_stack([range(count + 1), [*at, rank]]))
        lines = LineCollection(
            paths,
            colors=[shade_of(rank) for _, rank in chosen],
            linewidths=[0.5 + 1.1 * rank**6 for _, rank in chosen],
            alpha=[min(1.0, faint + 0.6 * rank**4) for _, rank in chosen],
            linestyles="dotted" if stopped else "solid",
            zorder=2,
        )
        lines.set_rasterized(many)
        axes.add_collection(lines)


def _place(positions: list[float | None] | None, i: int) -> float:
    at = positions[i] if positions else None
    return OFF if at is None else at


def _label(axes: Axes, x: float, y: float, words: str, side: str = "right") -> None:
    away = 3 if side == "left" else -3
    axes.annotate(
        words,
        (x, y),
        (away, 0),
        textcoords="offset points",
        ha=side,
        va="center",
        fontsize=SMALL - 0.5,
        color=MUTED,
        zorder=6,
        bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "alpha": 0.75, "linewidth": 0},
    )


def _marks(known: list[tuple[int, float]], values: list[float | None]) -> list[tuple[float, float]]:
    """Up to five ranks, evenly, with the values that are there."""
    ordered = sorted(((rank, values[i]) for i, rank in known), key=lambda each: each[0])
    picked = sorted({round(share * (len(ordered) - 1)) for share in (0, 0.25, 0.5, 0.75, 1)})
    return [(rank, value) for rank, value in (ordered[i] for i in picked) if value is not None]


def _explained(figure: Figure, view: ZoomView) -> None:
    from matplotlib.lines import Line2D

    lines = [
        Line2D([], [], color=shade_of(1.0), linewidth=1.6, label="best"),
        Line2D([], [], color=shade_of(0.0), linewidth=0.8, label="worst"),
    ]
    if any(
        s == "stopped" and r is not None
        for s, r in zip(view.dots.state, view.dots.rank, strict=True)
    ):
        lines.append(
            Line2D([], [], color=MUTED, linewidth=0.9, linestyle="dotted", label="stopped early")
        )
    figure.legend(
        handles=lines,
        loc="outside lower left",
        ncols=4,
        frameon=False,
        fontsize=SMALL,
        labelcolor=INK,
    )
