"""A study's figures in a program: shown in a notebook, saved for a paper, read as data."""

from __future__ import annotations

import asyncio
import base64
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

import caviar
from caviar.client import Study, connect_async
from caviar.client.figures import NAMES, Figure
from caviar.contract.figures import ZoomView
from caviar.errors import InputError
from tests.support.large_study import make_large_study
from tests.support.real_api import TOKEN, serving


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service with a study of 60 trials, and one that has just begun."""
    with serving(tmp_path_factory.mktemp("service")) as service:
        make_large_study(service.store, 60, 4)
        service.submit("new")
        yield service.url


@pytest.fixture
def study(address: str) -> Iterator[Study]:
    with caviar.connect(address, TOKEN) as service:
        yield service.study("large")


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_shows_itself(study: Study, name: str) -> None:
    """As SVG, with a PNG for where no SVG of strangers is shown, and a line for a terminal."""
    bundle = getattr(study.figures, name)._repr_mimebundle_()
    assert ET.fromstring(bundle["image/svg+xml"]).tag.endswith("}svg")
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert bundle["text/plain"] == f"Figure({name!r} of {study.id!r})"


def test_a_notebook_says_what_it_wants(study: Study) -> None:
    """What it does not want is not drawn."""
    figure = study.figures.zoom
    assert set(figure._repr_mimebundle_(include={"image/png"})) == {"image/png"}
    assert set(figure._repr_mimebundle_(exclude={"image/png", "text/plain"})) == {"image/svg+xml"}


def test_ipython_shows_it(study: Study) -> None:
    """With the real formatter of notebooks."""
    shell = pytest.importorskip("IPython.core.interactiveshell")
    data, _ = shell.InteractiveShell().display_formatter.format(study.figures.importance)
    assert {"image/svg+xml", "image/png", "text/plain"} <= set(data)


def test_all_of_them_are_images_with_words(study: Study) -> None:
    """Side by side in one document, where the ids of one would meet another's; without those that show nothing."""
    html = study.figures._repr_html_()
    assert html.count('<img alt="') == html.count("data:image/svg+xml;base64,") == 6
    assert "<svg" not in html
    assert "Champions" not in html


def test_its_data_are_the_view(study: Study) -> None:
    """For a picture of one's own."""
    view = study.figures.zoom.data
    assert isinstance(view, ZoomView)
    assert [axis.name for axis in view.axes][:2] == ["learning_rate", "optimizer"]


def test_it_is_asked_for_once(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell that shows it twice shows the same; ``study.figures`` looks again."""
    figures = study.figures
    first = figures.zoom.svg
    monkeypatch.setattr(study._client, "download", lambda _: b"<svg>another</svg>")
    assert figures.zoom.svg == first
    assert study.figures.zoom.svg == "<svg>another</svg>"


@pytest.mark.parametrize(("file", "begins"), [("a.svg", b"<?xml"), ("b.PNG", b"\x89PNG")])
def test_it_is_saved_as_its_name_ends(
    study: Study, tmp_path: Path, file: str, begins: bytes
) -> None:
    assert study.figures.progress.save(tmp_path / file) == tmp_path / file
    assert (tmp_path / file).read_bytes().startswith(begins)


def test_other_endings_are_refused(study: Study, tmp_path: Path) -> None:
    """With what there is instead; nothing is written."""
    with pytest.raises(InputError, match=r"a figure is an SVG or a PNG.*\.svg or \.png"):
        study.figures.zoom.save(tmp_path / "zoom.pdf")
    with pytest.raises(InputError, match="it cannot be written"):
        study.figures.zoom.save(tmp_path / "none" / "zoom.svg")
    assert list(tmp_path.iterdir()) == []


def test_all_are_saved_into_a_folder(study: Study, tmp_path: Path) -> None:
    """Those that show something, in both formats."""
    files = study.figures.save(tmp_path / "paper" / "figures")
    names = {"progress", "zoom", "importance", "parallel", "curves", "confirmation"}
    assert {file.name for file in files} == {f"{n}.{e}" for n in names for e in ("svg", "png")}
    assert all(file.stat().st_size > 1000 for file in files)


def test_a_new_study_has_nothing_to_show(address: str) -> None:
    """And no error."""
    with caviar.connect(address, TOKEN) as service:
        figures = service.study("new").figures
        assert all(figure.empty for figure in figures if figure.name != "importance")
        assert "No trial has a result yet" in figures.progress.svg


def test_in_an_event_loop_all_are_read_at_once(address: str) -> None:
    """What is shown later blocks nothing."""

    async def main() -> list[Figure]:
        async with await connect_async(address, TOKEN) as service:
            return list(await (await service.study("large")).figures())

    figures = asyncio.run(main())
    assert [figure.name for figure in figures] == list(NAMES)
    assert all("svg" in vars(figure) and "png" in vars(figure) for figure in figures)
