"""Figures as files: SVG and PNG, good enough for a paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from caviar.contract.figures import (
    ConfirmationView,
    CurvesView,
    FigureName,
    FigureView,
    Format,
    ImportanceView,
    ProgressView,
    ZoomView,
)
from caviar.contract.recheck import RecheckView
from caviar.figures.drawing.champions import champions_figure
from caviar.figures.drawing.check import Trained, check_svg
from caviar.figures.drawing.confirmation import confirmation_figure
from caviar.figures.drawing.curves import curves_figure
from caviar.figures.drawing.importance import importance_figure
from caviar.figures.drawing.parallel import parallel_figure
from caviar.figures.drawing.progress import progress_figure
from caviar.figures.drawing.style import one_at_a_time, written
from caviar.figures.drawing.zoom import zoom_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Trained", "check_svg", "draw"]


def draw(name: FigureName, view: FigureView, format: Format) -> bytes:
    """The file of one figure; the same view gives the same bytes. PNG has 200 dots an inch. Any thread may call it.

    Raises TypeError where ``view`` is not what ``name`` shows.
    """
    with one_at_a_time:
        return written(_figure(name, view), format, name)


def _figure(name: FigureName, view: FigureView) -> Figure:
    match view:
        case ProgressView() if name == "progress":
            return progress_figure(view)
        case ZoomView() if name == "zoom":
            return zoom_figure(view)
        case ZoomView() if name == "parallel":
            return parallel_figure(view)
        case ImportanceView() if name == "importance":
            return importance_figure(view)
        case CurvesView() if name == "curves":
            return curves_figure(view)
        case ConfirmationView() if name == "confirmation":
            return confirmation_figure(view)
        case RecheckView() if name == "champions":
            return champions_figure(view)
        case _:
            raise TypeError(f"{name} is not drawn from a {type(view).__name__}")
