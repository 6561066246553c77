"""The API at its edge: who may ask, what a wrong question gets, and that nothing is half done by it."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from caviar.adapters.sql import Store, Teams, migrate, open_engine
from caviar.api import create_app
from caviar.api.access import Access
from caviar.contract.messages import Hello
from caviar.scheduler import Scheduler
from caviar.search import Searcher
from caviar.studies.spec import load_study

CLIENT = {"Authorization": "Bearer client-token"}
WORKER = {"Authorization": "Bearer worker-token"}
STUDY = """\
name: parabola
metric: {name: loss, goal: minimize}
trainer: {function: "parabola:train"}
space:
  x: {type: float, low: 0.001, high: 1.0}
budget: {trials: 3}
"""


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    engine = open_engine(f"sqlite:///{tmp_path / 'caviar.db'}")
    migrate(engine)
    return engine


@pytest.fixture
def store(engine: Engine) -> Store:
    return Store(engine)


@pytest.fixture
def access(engine: Engine) -> Access:
    return Access(Teams(engine), "client-token", "worker-token")


@pytest.fixture
def api(store: Store, access: Access) -> TestClient:
    scheduler = Scheduler(store, lambda *_: None, lease_s=10, claim_s=5, local=True)
    app = create_app(store, scheduler, access, mlflow_uri="http://mlflow")
    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/api/v1/studies", {}),
        ("/api/v1/studies", WORKER),
        ("/api/v1/studies", {"Authorization": "client-token-and-more"}),
        ("/api/v1/worker/studies/a/ship-target", CLIENT),
    ],
)
def test_each_side_needs_its_own_token(api: TestClient, path: str, headers: dict[str, str]) -> None:
    """A worker's token opens nothing of the clients', nor the reverse."""
    answer = api.get(path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


def test_health_needs_no_token(api: TestClient) -> None:
    """A container's health check has none."""
    assert api.get("/api/v1/health").json()["status"] == "ok"


def test_a_study_is_accepted_with_its_warnings(api: TestClient) -> None:
    """The linear range over three decades is accepted, and said."""
    answer = api.post("/api/v1/studies", json={"text": STUDY}, headers=CLIENT)
    assert answer.status_code == 201
    assert any("log" in warning for warning in answer.json()["warnings"])
    view = api.get(f"/api/v1/studies/{answer.json()['id']}", headers=CLIENT).json()
    assert (view["state"], view["budget"], view["counts"]["done"]) == ("running", 3, 0)
    assert [round_["kind"] for round_ in view["rounds"]] == ["start"]


def test_a_wrong_study_names_its_lines(api: TestClient) -> None:
    """Every problem with its place, and no study made."""
    wrong = STUDY.replace("high: 1.0", "high: 0.0001").replace("trials: 3", "trails: 3")
    answer = api.post("/api/v1/studies", json={"text": wrong}, headers=CLIENT)
    assert answer.status_code == 422
    problems = {".".join(p["path"]): p["line"] for p in answer.json()["problems"]}
    assert problems["budget.trails"] == 6
    assert any(path.startswith("space.x") for path in problems)
    assert api.get("/api/v1/studies", headers=CLIENT).json() == []


def test_a_malformed_request_is_refused(api: TestClient) -> None:
    """Unknown fields are an error, not ignored: a misspelt option would do nothing."""
    answer = api.post("/api/v1/studies", json={"text": STUDY, "folderr": "/"}, headers=CLIENT)
    assert answer.status_code == 422
    assert "folderr" in answer.json()["detail"]


def test_a_forged_claim_gets_nothing(api: TestClient) -> None:
    """Ids that do not fit the pattern never reach the store; those that name no trial are not granted."""
    claim = {"trial": "../x", "attempt": 1, "nonce": "n" * 8, "host": "h", "incarnation": "i"}
    assert (
        api.post("/api/v1/worker/claim", json=claim | {"slot": 0}, headers=WORKER).status_code
        == 422
    )
    known = claim | {"trial": "abc-1", "slot": 0}
    assert api.post("/api/v1/worker/claim", json=known, headers=WORKER).json()["granted"] is False


def test_what_is_not_there_is_404_and_what_is_not_possible_409(api: TestClient) -> None:
    """Both with a sentence that says what to do."""
    assert "caviar studies" in api.get("/api/v1/studies/zz", headers=CLIENT).json()["detail"]
    study = api.post("/api/v1/studies", json={"text": STUDY}, headers=CLIENT).json()["id"]
    assert api.post(f"/api/v1/studies/{study}/stop", headers=CLIENT).json()["state"] == "stopped"
    answer = api.post(f"/api/v1/studies/{study}/resume", headers=CLIENT)
    assert answer.status_code == 409
    assert "stopped" in answer.json()["detail"]


def test_a_point_is_added_over_http(api: TestClient) -> None:
    """It is queued as the next trial, or with a value only noted; a wrong one names what is wrong."""
    study = api.post("/api/v1/studies", json={"text": STUDY}, headers=CLIENT).json()["id"]
    path = f"/api/v1/studies/{study}/trials"
    answer = api.post(path, json={"params": {"x": "0.5"}}, headers=CLIENT)
    assert (answer.status_code, answer.json()["trial"]) == (201, 0)
    assert api.get(f"{path}/0", headers=CLIENT).json()["kind"] == "added"
    known = api.post(path, json={"params": {"x": 0.25}, "value": 1.5}, headers=CLIENT).json()
    assert (known["trial"], known["value"]) == (None, 1.5)
    wrong = api.post(path, json={"params": {"x": 2, "y": 1}}, headers=CLIENT)
    assert wrong.status_code == 422
    assert [problem["path"] for problem in wrong.json()["problems"]] == [["x"], ["y"]]


def test_a_study_says_what_it_waits_for(api: TestClient) -> None:
    """An experiment that nobody could read yet is a note, not a study that hangs."""
    text = STUDY + "warm_start: {experiments: [vision]}\n"
    study = api.post("/api/v1/studies", json={"text": text}, headers=CLIENT).json()["id"]
    (note,) = api.get(f"/api/v1/studies/{study}", headers=CLIENT).json()["notes"]
    assert note["text"] == "to be read once MLflow answers: experiment vision"
    api.post(f"/api/v1/studies/{study}/stop", headers=CLIENT)
    (note,) = api.get(f"/api/v1/studies/{study}", headers=CLIENT).json()["notes"]
    assert note == {"text": "not read before the study ended: experiment vision", "warning": True}


def rounds_of(api: TestClient, study: str) -> list[str]:
    answer = api.get(f"/api/v1/studies/{study}/rounds", headers=CLIENT)
    return [entry["kind"] for entry in answer.json()]


def test_an_undo_answers_with_its_round(api: TestClient, store: Store) -> None:
    """The ledger says of each round what was before, and which ones were taken back."""
    study = api.post("/api/v1/studies", json={"text": STUDY}, headers=CLIENT).json()["id"]
    searcher = Searcher(load_study(STUDY).space, goal="minimize")
    while len(searcher.rounds) < 4:
        point = searcher.ask()
        searcher.tell(point, float(point.params["x"]))
    for round_ in searcher.rounds[1:]:
        store.add_round(study, round_.index, round_.to_json(), [])
    path = f"/api/v1/studies/{study}/rounds"
    new = api.post(f"{path}/2/undo", json={"user": "ada"}, headers=CLIENT).json()
    assert (new["round"], new["kind"], new["parent"]) == (4, "undo", 1)
    ledger = api.get(path, headers=CLIENT).json()
    assert ledger[4] == new
    assert [entry["undone"] for entry in ledger] == [False, False, True, True, False]
    assert [entry["before"] for entry in ledger] == [{}, *(entry["box"] for entry in ledger[:4])]
    assert ledger[1]["support"] == list(searcher.rounds[1].support)
    assert ledger[1]["edges"] == searcher.rounds[1].edges
    again = api.post(f"{path}/2/undo", json={}, headers=CLIENT)
    assert (again.status_code, len(api.get(path, headers=CLIENT).json())) == (409, 5)


def test_a_round_that_cannot_be_undone_is_refused(api: TestClient) -> None:
    """The first one, one that is not there, and all of a study that has ended; the ledger stays as it is."""
    study = api.post("/api/v1/studies", json={"text": STUDY}, headers=CLIENT).json()["id"]
    ledger = f"/api/v1/studies/{study}/rounds"
    first = api.post(f"{ledger}/0/undo", json={}, headers=CLIENT)
    assert (first.status_code, first.json()["problems"][0]["path"]) == (422, ["round"])
    assert "round 0" in first.json()["detail"]
    assert api.post(f"{ledger}/7/undo", json={}, headers=CLIENT).status_code == 422
    hostile = {"user": "ada\x1b[2J"}
    assert api.post(f"{ledger}/1/undo", json=hostile, headers=CLIENT).status_code == 422
    assert api.post(f"{ledger}/1/undo", json={}, headers=WORKER).status_code == 401
    api.post(f"/api/v1/studies/{study}/stop", headers=CLIENT)
    assert api.post(f"{ledger}/1/undo", json={}, headers=CLIENT).status_code == 409
    assert rounds_of(api, study) == ["start"]


def test_a_branch_is_made_by_a_request(api: TestClient) -> None:
    """Of a study that has ended, too; a name that is none is told by its place, and nothing is made."""
    study = api.post("/api/v1/studies", json={"text": STUDY}, headers=CLIENT).json()["id"]
    api.post(f"/api/v1/studies/{study}/stop", headers=CLIENT)
    path = f"/api/v1/studies/{study}/rounds/0/branch"
    wrong = api.post(path, json={"name": "no name"}, headers=CLIENT)
    assert wrong.status_code == 422
    assert [p["path"] for p in wrong.json()["problems"]] == [["name"]]
    assert len(api.get("/api/v1/studies", headers=CLIENT).json()) == 1
    answer = api.post(path, json={"user": "ada"}, headers=CLIENT)
    assert answer.status_code == 201
    view = api.get(f"/api/v1/studies/{answer.json()['id']}", headers=CLIENT).json()
    assert (view["name"], view["branched_from"], view["branched_round"]) == (
        "parabola-r0",
        study,
        0,
    )
    assert rounds_of(api, answer.json()["id"]) == ["branch"]
    assert (
        api.post("/api/v1/studies/zz/rounds/0/branch", json={}, headers=CLIENT).status_code == 404
    )


def test_one_trial_is_stopped(api: TestClient, store: Store) -> None:
    """A trial that waits is cancelled at once; a second time there is nothing to stop."""
    study = api.post("/api/v1/studies", json={"text": STUDY}, headers=CLIENT).json()["id"]
    api.post(f"/api/v1/studies/{study}/trials", json={"params": {"x": 0.5}}, headers=CLIENT)
    path = f"/api/v1/studies/{study}/trials"
    stopped = api.post(f"{path}/0/stop", headers=CLIENT)
    assert (stopped.status_code, stopped.json()["state"]) == (200, "cancelled")
    assert api.post(f"{path}/0/stop", headers=CLIENT).status_code == 409
    assert api.post(f"{path}/9/stop", headers=CLIENT).status_code == 404
    assert api.post(f"{path}/0/stop", headers=WORKER).status_code == 401


def test_workers_are_listed_with_what_is_held_against_them(store: Store, access: Access) -> None:
    """A host that is set aside says so until it is trusted; trusting another one is refused."""
    store.set_aside("sick", "its last 4 trials failed in a row")
    scheduler = Scheduler(store, lambda *_: None, lease_s=10, claim_s=5)
    app = create_app(store, scheduler, access, mlflow_uri="")
    api = TestClient(app)
    for host in ("sick", "well"):
        scheduler.hello(Hello(host=host, incarnation="one", slots=4, gpus=4))
    listed = api.get("/api/v1/workers", headers=CLIENT).json()
    assert [(w["host"], w["free"], w["gpus"], w["aside"]) for w in listed] == [
        ("sick", 0, 4, "its last 4 trials failed in a row"),
        ("well", 4, 4, ""),
    ]
    refused = api.post("/api/v1/workers/trust", json={"host": "well"}, headers=CLIENT)
    assert (refused.status_code, refused.json()["detail"]) == (409, "Host well is not set aside.")
    trusted = api.post("/api/v1/workers/trust", json={"host": "sick"}, headers=CLIENT).json()
    assert [(w["free"], w["aside"]) for w in trusted] == [(4, ""), (4, "")]


def test_priority_and_place_are_edited(api: TestClient) -> None:
    """What is left out stays; what is out of its range changes nothing."""
    study = api.post("/api/v1/studies", json={"text": STUDY + "priority: 2\n"}, headers=CLIENT)
    path = f"/api/v1/studies/{study.json()['id']}"
    assert api.get(path, headers=CLIENT).json()["priority"] == 2
    edited = api.patch(path, json={"place": "first"}, headers=CLIENT).json()
    assert (edited["priority"], edited["place"]) == (2, "first")
    assert api.patch(path, json={"priority": 10}, headers=CLIENT).status_code == 422
    assert api.patch(path, json={"priority": 0}, headers=CLIENT).json()["place"] == "first"


def test_an_edited_quota_counts_at_once(store: Store, access: Access) -> None:
    """The scheduler is told, not restarted."""
    scheduler = Scheduler(
        store, lambda *_: None, teams=access.teams.all, lease_s=10, claim_s=5, local=True
    )
    api = TestClient(create_app(store, scheduler, access, mlflow_uri=""))
    new = {"text": STUDY, "resume": False}
    assert api.post("/api/v1/studies", json=new, headers=CLIENT).status_code == 201
    quota = {"quota": {"studies": 1}}
    assert api.patch("/api/v1/teams/default", json=quota, headers=CLIENT).status_code == 200
    refused = api.post("/api/v1/studies", json=new, headers=CLIENT)
    assert refused.status_code == 409
    assert "its quota is 1" in refused.json()["detail"]
