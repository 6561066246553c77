"""Figures as files over the API: SVG and PNG for who may see the study, safe to open, and drawn once."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from fastapi.testclient import TestClient

from caviar.adapters.sql import Store
from caviar.api import drawings
from caviar.api.access import Access
from caviar.contract.access import Quota
from caviar.contract.figures import FigureName
from caviar.teams import new_token
from tests.support.large_study import make_large_study
from tests.support.real_api import serving

NAMES = get_args(FigureName)


@pytest.fixture
def study(store: Store) -> str:
    return make_large_study(store, 60, 4)


def path(study: str, file: str) -> str:
    return f"/api/v1/studies/{study}/figures/{file}"


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_is_a_file_in_two_formats(api: TestClient, study: str, name: str) -> None:
    """With the types that browsers show, and a name to save it under."""
    svg, png = (api.get(path(study, f"{name}.{ending}")) for ending in ("svg", "png"))
    assert (svg.status_code, png.status_code) == (200, 200)
    assert svg.headers["Content-Type"] == "image/svg+xml"
    assert svg.headers["Content-Disposition"] == f'inline; filename="large-{name}.svg"'
    ET.fromstring(svg.content)
    assert png.headers["Content-Type"] == "image/png"
    assert png.content.startswith(b"\x89PNG")


def test_an_svg_may_do_nothing(api: TestClient, study: str) -> None:
    """Opened by itself it is a document of the service: no script runs in it, and it asks for nothing."""
    headers = api.get(path(study, "zoom.svg")).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; ")
    assert "script-src" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_it_says_that_nothing_changed(api: TestClient, study: str) -> None:
    """With the tag of the data that it is drawn from."""
    tag = api.get(path(study, "zoom.svg")).headers["ETag"]
    assert api.get(path(study, "zoom")).headers["ETag"] == tag
    again = api.get(path(study, "zoom.svg"), headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")


def test_no_name_of_a_study_ends_a_header_or_leaves_a_folder(store: Store, study: str) -> None:
    """A study file allows none of these signs; a record that came back from MLflow is not trusted either."""
    record = store.study(study)
    assert record is not None
    record = replace(record, name='../a"\r\nSet-Cookie: b')
    headers = drawings.headers_of(record, "progress", "png", '"tag"')
    assert headers["Content-Disposition"] == 'inline; filename="a-Set-Cookie-b-progress.png"'


@pytest.mark.parametrize("file", ["pie.svg", "zoom.pdf", "zoom.svg.png", ".svg"])
def test_what_there_is_not_is_refused(api: TestClient, study: str, file: str) -> None:
    assert api.get(path(study, file)).status_code == 422


def test_another_teams_figures_are_not_there(
    api: TestClient, access: Access, store: Store, study: str
) -> None:
    """The same answer as for a study that does not exist; a shared one is drawn for all."""
    store_of_teams = access.teams
    store_of_teams.add("vision", 1.0, Quota())
    token = new_token()
    access.changed(store_of_teams.add_token(token, "eve", "viewer", "vision", None))
    eve = {"Authorization": f"Bearer {token.text}"}
    for file in ("zoom.svg", "zoom.png", "zoom"):
        assert api.get(path(study, file), headers=eve).status_code == 404
    assert (
        api.get(path(study, "zoom.svg"), headers={"Authorization": "Bearer no"}).status_code == 401
    )
    store.edit_study(study, {"shared": True})
    assert api.get(path(study, "zoom.svg"), headers=eve).status_code == 200


def test_a_figure_is_drawn_once_for_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes a second of a processor: of eight that ask together, seven get what the first one's drawing gave."""
    drawn: list[str] = []
    real = drawings.draw

    def counting(name: FigureName, *rest: Any) -> bytes:
        drawn.append(name)
        return real(name, *rest)

    monkeypatch.setattr(drawings, "draw", counting)
    with serving(tmp_path) as service, service.client() as client:
        file = f"/studies/{make_large_study(service.store, 60, 4)}/figures/progress.svg"
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: client.get(file), range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert drawn == ["progress"]
