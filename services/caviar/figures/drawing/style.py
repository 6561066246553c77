"""What all figures have in common: paper, ink, colours that the colour-blind tell apart, and how a file is written.

Matplotlib is imported on first use, and without its pyplot, which keeps figures alive. Its settings belong to the whole
process, so one figure is drawn at a time.
"""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from caviar.contract.figures import Format
from caviar.contract.messages import ParameterValue
from caviar.contract.numbers import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

INK, MUTED, FAINT, GRID = "#1b1f24", "#5f6872", "#9aa3ad", "#e4e8ec"
BOX, BOX_EDGE = "#d5e3f0", "#8fb3d3"
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"
"""Of Okabe and Ito's eight colours."""

COLUMN, PAGE = 4.6, 7.4
"""Widths in inches. Letters are of 9 and 8 points: at a paper's column of 3.5 inches, and on its full page, 7 and 8."""
PIXELS = 200
"""An inch of a PNG."""
MANY = 3_000
"""Marks in an SVG. With more of them it has them as pixels, lest it takes megabytes."""

SMALL, TEXT, TITLE = 7.5, 8.5, 9.5

one_at_a_time: Final = threading.Lock()
"""Held from a figure's first line to its last byte."""


def paper(width: float, height: float) -> Figure:
    """An empty figure, in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=PIXELS, layout="constrained", facecolor="white")


def written(figure: Figure, format: Format, salt: str) -> bytes:
    """The file. The same figure gives the same bytes; ``salt`` makes its ids differ from another figure's."""
    from matplotlib import rc_context

    stream = io.BytesIO()
    with rc_context(_settings(salt)), warnings.catch_warnings():
        # A sign that the font lacks is a square in a PNG; a browser that shows the SVG has other fonts.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font")
        _take_literally(figure)
        _lay_out(figure)
        if format == "svg":
            figure.savefig(stream, format="svg", metadata={"Date": None}, dpi=PIXELS)
        else:
            figure.savefig(stream, format="png", metadata={"Software": None}, dpi=PIXELS)
    return stream.getvalue()


def _settings(salt: str) -> dict[Any, Any]:
    """Letters in an SVG stay text, which can be searched, selected and read aloud."""
    return {"svg.hashsalt": salt, "svg.fonttype": "none", "font.family": "sans-serif"}


def _lay_out(figure: Figure) -> None:
    """Put everything in its place, to a millionth: the solver's last digits differ from run to run, and ids are made of
    them."""
    engine = figure.get_layout_engine()
    assert engine is not None
    engine.execute(figure)
    figure.set_layout_engine("none")
    for axes in figure.axes:
        place = axes.get_position(original=True).bounds
        left, bottom, width, height = (round(side, 6) for side in place)
        axes.set_position((left, bottom, width, height))


def _take_literally(figure: Figure) -> None:
    """A dollar in a name begins no formula."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_parse_math(False)


def plain(text: object, most: int = 40) -> str:
    """What people wrote, on one line of at most ``most`` letters, without what no XML file may hold."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def short(value: ParameterValue) -> str:
    """For instance ``0.00021``, ``true``, ``adam``."""
    return plain(number(value), 24)


def spaced(ticks: Sequence[tuple[float, str]], gap: float) -> list[tuple[float, str]]:
    """Those that stay ``gap`` apart: the ends first, then from low to high."""
    kept: list[tuple[float, str]] = []
    for tick in [*ticks[:1], *ticks[-1:], *ticks[1:-1]]:
        if all(abs(tick[0] - other) >= gap for other, _ in kept):
            kept.append(tick)
    return kept


def trials_drawn(drawn: int, of: int) -> str:
    return "every trial" if drawn >= of else f"{drawn:,} of {of:,} trials"


def smaller(count: int) -> float:
    """What the area of a mark is multiplied by where there are ``count`` of them, in (0, 1]."""
    return max(0.3, min(1.0, 150 / max(1, count)))


def whole_numbers(axes: Axes, most: int = 8) -> None:
    """Below the axes, about ``most`` of them."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(
        MaxNLocator(most, integer=True, steps=[1, 2, 5, 10], min_n_ticks=1)
    )


def bare(axes: Axes, *sides: str) -> None:
    """Only these sides of the frame are drawn, thin."""
    axes.tick_params(length=0, labelsize=SMALL, labelcolor=MUTED, pad=3)
    for name, spine in axes.spines.items():
        spine.set_visible(name in sides)
        spine.set_linewidth(0.6)
        spine.set_color(FAINT)


def titled(figure: Figure, name: str, says: str) -> None:
    """The study's name and what is to be seen, over the left edge."""
    figure.suptitle(f"{plain(name, 36)}: {says}", fontsize=TITLE, color=INK, x=0.01, ha="left")


def nothing(figure: Figure, says: str) -> Figure:
    """A figure without anything to show says why."""
    axes = figure.subplots()
    axes.set_axis_off()
    axes.text(0.5, 0.5, says, ha="center", va="center", fontsize=TEXT, color=MUTED)
    return figure


def legend(axes: Axes, figure: Figure, columns: int = 6, before: Sequence[Patch] = ()) -> None:
    """What is told apart in ``axes``, in a row below all of the figure, after the patches ``before``."""
    handles, labels = axes.get_legend_handles_labels()
    handles = [*before, *handles]
    if handles:
        figure.legend(
            handles,
            [*(str(patch.get_label()) for patch in before), *labels],
            loc="outside lower left",
            ncols=columns,
            frameon=False,
            fontsize=SMALL,
            labelcolor=INK,
            handletextpad=0.4,
            columnspacing=1.4,
            borderaxespad=0.2,
        )


def ranks(figure: Figure, axes: Sequence[Axes]) -> None:
    """The bar beside ``axes`` that says which colour is the best."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    shade = ScalarMappable(Normalize(0.0, 1.0), "viridis")
    bar = figure.colorbar(shade, ax=list(axes), fraction=0.02, aspect=18, pad=0.01, shrink=0.6)
    bar.set_ticks([0.0, 1.0], labels=["worst", "best"])
    bar.ax.tick_params(length=0, labelsize=SMALL, labelcolor=MUTED)
    bar.outline.set_visible(False)


def shade_of(rank: float | None) -> Any:
    """The colour of a rank in [0, 1]; faint where there is none."""
    from matplotlib import colormaps

    return FAINT if rank is None else colormaps["viridis"](rank)
