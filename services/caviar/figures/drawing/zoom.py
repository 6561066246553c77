"""The zoom: a strip a parameter, on its own scale, with the box of each round and every trial."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from caviar.contract.figures import AxisView, BoxView, DotsView, ZoomView
from caviar.figures.drawing.style import (
    BOX,
    BOX_EDGE,
    FAINT,
    INK,
    MANY,
    MUTED,
    ORANGE,
    PAGE,
    SMALL,
    TEXT,
    bare,
    legend,
    nothing,
    paper,
    plain,
    ranks,
    smaller,
    spaced,
    titled,
    trials_drawn,
    whole_numbers,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LETTER_IN = 0.075
"""A letter's width, about, in inches."""
LINE_IN = 0.11
"""A line's height."""

Places = list[tuple[int, float, float | None]]
"""Of some trials along one parameter: number, position, rank."""


def zoom_figure(view: ZoomView) -> Figure:
    if not view.axes:
        return nothing(paper(PAGE, 1.5), "The study has no parameter.")
    heights = [_height(axis, len(view.axes)) for axis in view.axes]
    figure = paper(PAGE, 1.1 + sum(heights) + 0.22 * len(heights))
    drawn = trials_drawn(len(view.dots.number), view.dots.of)
    titled(figure, view.name, f"the box of each round, and {drawn}")
    strips: Sequence[Axes] = figure.subplots(
        1 + len(heights), 1, sharex=True, height_ratios=[0.16, *heights]
    )
    end = max([_end(box) for box in view.rounds] + [n + 1 for n in view.dots.number] + [1])
    _ribbon(strips[0], view.rounds, end)
    for axes, axis, height in zip(strips[1:], view.axes, heights, strict=True):
        _strip(axes, axis, view.rounds)
        _ticks(axes, axis, height)
        _trials(axes, axis.name, view.dots)
    strips[-1].set_xlabel("trial", fontsize=TEXT)
    strips[-1].set_xlim(-0.5 - 0.01 * end, end - 0.5 + 0.01 * end)
    whole_numbers(strips[-1])
    if any(rank is not None for rank in view.dots.rank):
        ranks(figure, strips)
    _explained(strips[-1], view, figure)
    return figure


def _height(axis: AxisView, count: int) -> float:
    """Of its strip, in inches: room for each category, and one page for ten parameters."""
    usual = 0.62 if count <= 8 else 0.5
    if axis.scale != "categories":
        return usual
    return min(1.5, max(usual * 0.8, 0.15 * len(axis.ticks)))


def _end(box: BoxView) -> int:
    """One place for a round that has no trial yet."""
    return max(box.last, box.first + 1)


def _ribbon(axes: Axes, rounds: Sequence[BoxView], end: int) -> None:
    """Each round's number and kind, as far as there is room."""
    bare(axes)
    axes.tick_params(labelbottom=False)
    axes.set_yticks([])
    axes.set_ylim(0, 1)
    inch = (PAGE - 1.6) / max(1, end)
    free = -1.0
    for box in rounds:
        room = (_end(box) - box.first) * inch
        words = f"{box.round} {plain(box.kind, 10)}"
        if len(words) * LETTER_IN > room:
            words = str(box.round)
        at = box.first * inch
        if at < free:
            continue
        free = at + (len(words) + 1.2) * LETTER_IN
        axes.axvline(box.first - 0.5, color=BOX_EDGE, linewidth=0.6)
        style: dict[str, Any] = (
            {"color": FAINT, "fontstyle": "italic"} if box.undone else {"color": MUTED}
        )
        axes.annotate(
            *(words, (box.first - 0.5, 0.5), (2.5, 0)),
            textcoords="offset points",
            fontsize=SMALL - 0.5,
            va="center",
            annotation_clip=False,
            **style,
        )
    axes.set_ylabel(
        "round", fontsize=SMALL - 0.5, color=MUTED, rotation=0, ha="right", va="center", labelpad=3
    )


def _strip(axes: Axes, axis: AxisView, rounds: Sequence[BoxView]) -> None:
    bare(axes)
    axes.set_facecolor("#f7f8f9")
    for box in rounds:
        if axis.name not in box.box:
            continue
        low, high = box.box[axis.name]
        at = [box.first - 0.5, _end(box) - 0.5]
        fill: dict[str, Any] = {"facecolor": BOX, "edgecolor": "none"}
        if box.undone:
            fill = {"facecolor": "none", "edgecolor": BOX_EDGE, "hatch": "////", "alpha": 0.6}
        axes.fill_between(at, low, high, linewidth=0, **fill)
        axes.hlines([low, high], *at, color=BOX_EDGE, linewidth=0.7, zorder=2.5)
    axes.set_ylim(-0.07, 1.07)
    kind = {"reverse_log": "reverse log", "categories": ""}.get(axis.scale, axis.scale)
    about = ", ".join(part for part in (kind, f"tier {axis.tier}" if axis.tier else "") if part)
    name = axes.set_title(plain(axis.name, 60), fontsize=TEXT, loc="left", color=INK, pad=2.5)
    axes.annotate(
        about,
        xy=(1, 0),
        xycoords=name,
        xytext=(5, 0),
        textcoords="offset points",
        va="bottom",
        fontsize=SMALL - 0.5,
        color=MUTED,
    )


def _ticks(axes: Axes, axis: AxisView, height: float) -> None:
    """As many as there is room for in ``height`` inches."""
    shown = spaced(axis.ticks, LINE_IN / height)
    axes.set_yticks([at for at, _ in shown], [plain(label, 16) for _, label in shown])
    axes.tick_params(axis="y", labelsize=SMALL - 0.5)


def _trials(axes: Axes, name: str, dots: DotsView) -> None:
    """The best ones on top."""
    groups: dict[str, Places] = {}
    for number, at, rank, state, kind in zip(
        *(dots.number, dots.positions[name], dots.rank, dots.state, dots.kind), strict=True
    ):
        if at is not None:
            groups.setdefault(group_of(state, kind, rank), []).append((number, at, rank))
    many = len(dots.number) * len(dots.positions) > MANY
    for group, places in groups.items():
        places.sort(key=lambda place: -1.0 if place[2] is None else place[2])
        x, y, shades = zip(*places, strict=True)
        mark = dict(MARKS[group])
        mark["s"] *= smaller(len(dots.number))
        if group in RANKED:
            mark |= {"c": list(shades), "cmap": "viridis", "vmin": 0.0, "vmax": 1.0}
        axes.scatter(x, y, zorder=3, rasterized=many, clip_on=False, **mark)
    best = best_of(dots)
    at = None if best is None else dots.positions[name][best]
    if best is not None and at is not None:
        axes.scatter(dots.number[best], at, s=90, zorder=5, clip_on=False, **BEST)


def best_of(dots: DotsView) -> int | None:
    """The place, in the columns, of the first in rank: a whole training that the search, or a person, chose."""
    able = [
        (rank, -i)
        for i, (rank, state, kind) in enumerate(zip(dots.rank, dots.state, dots.kind, strict=True))
        if rank is not None and state == "done" and kind != "confirm"
    ]
    return -max(able)[1] if able else None


BEST: dict[str, Any] = {
    "marker": "*",
    "facecolors": "#fde725",
    "edgecolors": INK,
    "linewidths": 0.8,
}
MARKS: dict[str, dict[str, Any]] = {
    "trial": {"s": 13, "marker": "o", "linewidths": 0.25, "edgecolors": INK},
    "stopped early": {"s": 12, "marker": "x", "linewidths": 0.9},
    "added by hand": {"s": 16, "marker": "D", "linewidths": 0.5, "edgecolors": INK},
    "again, new seed": {"s": 22, "marker": "s", "linewidths": 0.5, "edgecolors": ORANGE},
    "failed": {
        "s": 13,
        "marker": "v",
        "linewidths": 0.7,
        "facecolors": "none",
        "edgecolors": MUTED,
    },
    "no result yet": {
        "s": 10,
        "marker": "o",
        "linewidths": 0.6,
        "facecolors": "none",
        "edgecolors": FAINT,
    },
}
RANKED = frozenset({"trial", "stopped early", "added by hand", "again, new seed"})
"""Those whose colour is the rank."""


def group_of(state: str, kind: str, rank: float | None) -> str:
    """Which of ``MARKS`` a trial has."""
    if rank is None:
        return "failed" if state in ("failed", "quarantined") else "no result yet"
    if state == "stopped":
        return "stopped early"
    return {"confirm": "again, new seed", "added": "added by hand"}.get(kind, "trial")


def _explained(axes: Axes, view: ZoomView, figure: Figure) -> None:
    """The marks that occur, in the legend."""
    from matplotlib.patches import Patch

    dots = view.dots
    there = {group_of(*each) for each in zip(dots.state, dots.kind, dots.rank, strict=True)}
    patches = [Patch(facecolor=BOX, edgecolor=BOX_EDGE, label="box of the round")]
    if any(box.undone for box in view.rounds):
        look: dict[str, Any] = {"facecolor": "none", "edgecolor": BOX_EDGE, "hatch": "//////"}
        patches.append(Patch(label="taken back", **look))
    if best_of(dots) is not None:
        axes.scatter([], [], s=60, label="first in rank", **BEST)
    for group, mark in MARKS.items():
        if group in there:
            grey = {"c": MUTED} if group == "stopped early" else {"facecolors": MUTED}
            axes.scatter([], [], label=group, **((grey | mark) if group in RANKED else mark))
    legend(axes, figure, columns=8, before=patches)
