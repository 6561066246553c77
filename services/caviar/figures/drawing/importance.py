"""How much each parameter mattered, beside the tier that was declared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from caviar.contract.figures import ImportanceView
from caviar.contract.views import Importance
from caviar.figures.drawing.style import (
    BLUE,
    FAINT,
    INK,
    MUTED,
    SMALL,
    TEXT,
    bare,
    nothing,
    paper,
    plain,
    titled,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 6.2
MOST = 30
"""Parameters; those that matter less are counted."""


def importance_figure(view: ImportanceView) -> Figure:
    """A bar a parameter; the verdict on its tier behind it."""
    shares = view.shares[:MOST]
    figure = paper(WIDTH, 0.75 + 0.3 * max(2, len(shares)))
    titled(figure, view.name, "which parameters mattered")
    if not shares:
        return nothing(figure, "Nothing is measured yet: that takes a few more results.")
    axes = figure.subplots()
    most = max(entry.share for entry in shares) or 1.0
    places = range(len(shares))
    axes.barh(places, [entry.share for entry in shares], color=BLUE, height=0.58)
    for place, entry in zip(places, shares, strict=True):
        share = "<1%" if 0 < entry.share < 0.005 else f"{entry.share:.0%}"
        axes.annotate(
            share,
            (entry.share, place),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontsize=TEXT,
            color=INK,
        )
        axes.annotate(
            plain(entry.verdict, 60),
            (entry.share, place),
            (34, 0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL,
            color=MUTED,
        )
    axes.set_yticks(places, [_label(entry) for entry in shares])
    axes.set_ylim(len(shares) - 0.4, -0.6)
    axes.set_xlim(0, most * (2.1 if any(entry.verdict for entry in shares) else 1.2))
    bare(axes, "left")
    axes.set_xticks([])
    axes.tick_params(axis="y", labelsize=TEXT, labelcolor=INK)
    axes.spines["left"].set_color(FAINT)
    left_out = len(view.shares) - len(shares)
    more = f"; {left_out} more parameters have less" if left_out else ""
    axes.set_xlabel(
        f"share of the variation of {plain(view.metric, 40)}{more}", fontsize=TEXT, loc="left"
    )
    return figure


def _label(entry: Importance) -> str:
    return plain(entry.name, 32) + (
        f"  (tier {entry.tier})" if entry.tier and not entry.verdict else ""
    )
