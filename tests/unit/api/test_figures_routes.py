"""Pictures as data over the API: each by its name, said to be unchanged where it is, and made once for all who look."""

from __future__ import annotations

import threading
from typing import get_args

import pytest
from fastapi.testclient import TestClient

from caviar.adapters.sql import Store
from caviar.adapters.sql.tables import trials
from caviar.api.gallery import KEPT, Gallery
from caviar.contract.figures import FigureName
from caviar.recheck import Checks
from caviar.scheduler import Scheduler
from tests.support.large_study import make_large_study

NAMES = get_args(FigureName)


@pytest.fixture
def study(store: Store) -> str:
    return make_large_study(store, 200, 6)


@pytest.fixture
def gallery(store: Store, scheduler: Scheduler) -> Gallery:
    return Gallery(store, scheduler, Checks(store))


def path(study: str, name: str) -> str:
    return f"/api/v1/studies/{study}/figures/{name}"


def change(store: Store, study: str) -> None:
    """As the end of a trial does."""
    with store.engine.begin() as connection:
        row = trials.c.study_id == study, trials.c.number == 7
        connection.execute(
            trials.update().where(*row).values(value=0.99, state="done", changed=900)
        )


@pytest.mark.parametrize("name", NAMES)
def test_every_picture_is_answered_as_data(api: TestClient, study: str, name: str) -> None:
    """Under its name; a second look with the tag of the first says that nothing changed."""
    answer = api.get(path(study, name))
    assert answer.status_code == 200
    assert answer.json()["study"] == study
    again = api.get(path(study, name), headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == answer.headers["ETag"]


def test_the_parallel_coordinates_are_drawn_from_the_zoom(api: TestClient, study: str) -> None:
    """The same data under both names."""
    assert api.get(path(study, "parallel")).json() == api.get(path(study, "zoom")).json()


def test_a_trial_that_ends_changes_the_pictures(api: TestClient, store: Store, study: str) -> None:
    """The tag of before does not hold any more, and the new data have the trial."""
    before = api.get(path(study, "zoom"))
    change(store, study)
    after = api.get(path(study, "zoom"), headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200
    assert after.json()["dots"]["value"][7] == 0.99


def test_there_is_no_picture_of_another_name(api: TestClient, study: str) -> None:
    """What there is instead is said."""
    answer = api.get(path(study, "pie"))
    assert answer.status_code == 422
    assert "'progress'" in answer.json()["detail"]


def test_there_is_none_of_a_study_that_is_not_there(api: TestClient) -> None:
    assert api.get(path("nowhere", "zoom")).status_code == 404


def test_a_picture_is_made_once_for_all_who_look(
    store: Store, study: str, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight at once get the same one; after a change it is made anew, once."""
    made: list[str] = []
    real = gallery._made
    monkeypatch.setattr(
        gallery, "_made", lambda record, name: (made.append(name), real(record, name))[1]
    )
    record = store.study(study)
    assert record is not None
    bodies: list[bytes] = []
    many = [
        threading.Thread(target=lambda: bodies.append(gallery.body(record, "zoom")))
        for _ in range(8)
    ]
    for each in many:
        each.start()
    for each in many:
        each.join()
    assert made == ["zoom"]
    assert len(bodies) == 8
    assert len(set(bodies)) == 1
    change(store, study)
    assert gallery.body(record, "zoom") not in bodies
    assert gallery.body(record, "zoom") == gallery.view(record, "zoom").model_dump_json().encode()
    assert made == ["zoom", "zoom"]


def test_few_pictures_are_kept(store: Store, gallery: Gallery) -> None:
    """Those that were looked at last: memory does not grow with the number of studies."""
    for number in range(KEPT // 2 + 3):
        record = store.study(make_large_study(store, 20, 2, name=f"s-{number}"))
        assert record is not None
        gallery.view(record, "importance")
        gallery.view(record, "progress")
    assert len(gallery._shown) == KEPT
