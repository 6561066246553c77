"""A study's figures in a program: they show themselves in a notebook, and are written as files for a paper."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from functools import cached_property
from html import escape
from os import PathLike
from pathlib import Path
from typing import Any, Final, get_args

from caviar.client.connection import Client
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
from caviar.errors import InputError, Problem, ServiceError

NAMES: Final[tuple[FigureName, ...]] = get_args(FigureName)
FORMATS: Final[tuple[Format, ...]] = get_args(Format)
WORDS: Final[dict[FigureName, str]] = {
    "progress": "Every trial, and the best so far",
    "zoom": "The zoom, round by round",
    "importance": "Which parameters mattered",
    "parallel": "Every trial, from its parameters to its place",
    "curves": "Learning curves",
    "confirmation": "The leaders on new seeds",
    "champions": "Champions, and whether they held",
}
VIEWS: Final[dict[FigureName, type[FigureView]]] = {
    "progress": ProgressView,
    "zoom": ZoomView,
    "importance": ImportanceView,
    "parallel": ZoomView,
    "curves": CurvesView,
    "confirmation": ConfirmationView,
    "champions": RecheckView,
}


class Figure:
    """One picture of a study. Each of its forms is asked of the service once, when it is wanted."""

    def __init__(self, client: Client, study_id: str, name: FigureName) -> None:
        self._client = client
        self._path = f"/studies/{study_id}/figures/{name}"
        self._study_id = study_id
        self.name: FigureName = name

    def __repr__(self) -> str:
        return f"Figure({self.name!r} of {self._study_id!r})"

    @cached_property
    def data(self) -> FigureView:
        """What it shows, as columns and numbers: for a picture of your own."""
        return self._client.read(self._path, VIEWS[self.name])

    @cached_property
    def svg(self) -> str:
        return self._client.download(f"{self._path}.svg").decode()

    @cached_property
    def png(self) -> bytes:
        """200 dots an inch."""
        return self._client.download(f"{self._path}.png")

    @property
    def empty(self) -> bool:
        """There is nothing to show yet."""
        match self.data:
            case ProgressView(trials=trials):
                return not trials.number
            case ZoomView(dots=dots):
                return not dots.number
            case ImportanceView(shares=shares):
                return not shares
            case CurvesView(lines=lines):
                return not lines
            case ConfirmationView(leaders=leaders):
                return not leaders
            case RecheckView(champions=champions, checks=checks):
                return not champions and not checks

    def save(self, path: str | PathLike[str]) -> Path:
        """Write it as the name ends, in ``.svg`` or ``.png``; a file of that name is replaced.

        Raises InputError for another ending, or where it cannot be written.
        """
        file = Path(path)
        ending = file.suffix.lower()
        if ending not in (".svg", ".png"):
            way_out = "End the name in .svg or .png; LaTeX takes an SVG with the package svg."
            raise InputError(Problem((str(file),), "a figure is an SVG or a PNG", way_out))
        content = self.png if ending == ".png" else self.svg.encode()
        try:
            file.write_bytes(content)
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(Problem((str(file),), f"it cannot be written: {reason}")) from None
        return file

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """The PNG is for notebooks that show no SVG of strangers."""
        wanted = {"text/plain", "image/svg+xml", "image/png"}
        wanted = (wanted & set(include) if include else wanted) - set(exclude or ())
        bundle: dict[str, Any] = {}
        if "text/plain" in wanted:
            bundle["text/plain"] = repr(self)
        if "image/svg+xml" in wanted:
            bundle["image/svg+xml"] = self.svg
        if "image/png" in wanted:
            bundle["image/png"] = base64.b64encode(self.png).decode()
        return bundle

    def load(self) -> None:
        """Ask for all of its forms now."""
        _ = self.data, self.svg, self.png


class Figures:
    """Those of one study, as they are when they are first looked at."""

    def __init__(self, client: Client, study_id: str) -> None:
        self._client = client
        self._study_id = study_id

    def __repr__(self) -> str:
        return f"Figures({', '.join(NAMES)} of {self._study_id!r})"

    def __iter__(self) -> Iterator[Figure]:
        return iter([getattr(self, name) for name in NAMES])

    @cached_property
    def progress(self) -> Figure:
        """Every trial's value and the best so far, over trials and cost."""
        return self._figure("progress")

    @cached_property
    def zoom(self) -> Figure:
        """The box of each round, on each parameter's own scale, and every trial."""
        return self._figure("zoom")

    @cached_property
    def importance(self) -> Figure:
        """How much each parameter mattered, beside its declared tier."""
        return self._figure("importance")

    @cached_property
    def parallel(self) -> Figure:
        """Parallel coordinates."""
        return self._figure("parallel")

    @cached_property
    def curves(self) -> Figure:
        """Learning curves, those that were stopped with where they ended."""
        return self._figure("curves")

    @cached_property
    def confirmation(self) -> Figure:
        """The leaders on new seeds."""
        return self._figure("confirmation")

    @cached_property
    def champions(self) -> Figure:
        """Champions over time, and what the checks said."""
        return self._figure("champions")

    def save(self, folder: str | PathLike[str]) -> list[Path]:
        """An SVG and a PNG of each that shows something, into a folder, which is made where it is not there."""
        place = Path(folder)
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(Problem((str(place),), f"it cannot be made: {reason}")) from None
        there = [figure for figure in self if not figure.empty]
        return [figure.save(place / f"{figure.name}.{f}") for figure in there for f in FORMATS]

    def _repr_html_(self) -> str:
        return "".join(figure_html(figure) for figure in self if not figure.empty)

    def _figure(self, name: FigureName) -> Figure:
        return Figure(self._client, self._study_id, name)


def figure_html(figure: Figure) -> str:
    """The SVG as an image, so that its ids and styles meet no other's, with its words as caption."""
    if "<svg" not in figure.svg:
        raise ServiceError(f"The service's answer for {figure.name}.svg is no SVG.")
    data = base64.b64encode(figure.svg.encode()).decode()
    words = escape(WORDS[figure.name])
    return (
        f'<figure><img alt="{words}" src="data:image/svg+xml;base64,{data}">'
        f"<figcaption>{words}</figcaption></figure>"
    )
