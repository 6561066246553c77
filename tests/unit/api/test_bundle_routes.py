"""Code bundles over the API: whose they are, what is refused, and what a worker gets."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from caviar.adapters.sql import Store, Teams, migrate, open_engine
from caviar.api import create_app
from caviar.api.access import Access
from caviar.contract import bundle
from caviar.contract.access import Quota
from caviar.contract.bundle import File, pack
from caviar.scheduler import Scheduler
from caviar.teams import new_token

WORKER = {"Authorization": "Bearer worker-token"}
STUDY = """\
name: parabola
metric: {name: loss, goal: minimize}
trainer: {function: "parabola:train"}
space:
  x: {type: float, low: 0.001, high: 1.0, scale: log}
budget: {trials: 3}
"""


class Api:
    """A service with the teams ``red`` and ``blue``, each with a submitter's token."""

    def __init__(self, folder: Path) -> None:
        engine = open_engine(f"sqlite:///{folder / 'caviar.db'}")
        migrate(engine)
        self.now = 1e9
        self.store = Store(engine, clock=lambda: self.now)
        self.teams = Teams(engine, clock=lambda: self.now)
        self.tokens = {}
        for team in ("red", "blue"):
            self.teams.add(team, 1.0, Quota())
            fresh = new_token()
            self.teams.add_token(fresh, f"someone of {team}", "submitter", team, None)
            self.tokens[team] = fresh.text
        access = Access(self.teams, "client-token", "worker-token")
        self.scheduler = Scheduler(self.store, lambda *_: None, lease_s=10, claim_s=5)
        app = create_app(self.store, self.scheduler, access, mlflow_uri="")
        self.http = TestClient(app, raise_server_exceptions=False)

    def call(self, team: str, method: str, path: str, **more: object):  # type: ignore[no-untyped-def]
        headers = {"Authorization": f"Bearer {self.tokens[team]}"}
        return self.http.request(method, f"/api/v1{path}", headers=headers, **more)  # type: ignore[arg-type]

    def bring(self, team: str, digest: str, data: bytes) -> int:
        return int(self.call(team, "PUT", f"/bundles/{digest}", content=data).status_code)

    def submit(self, team: str, digest: str):  # type: ignore[no-untyped-def]
        return self.call(team, "POST", "/studies", json={"text": STUDY, "bundle": digest})


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return Api(tmp_path)


DIGEST, DATA = pack([File("parabola.py", b"def train(trial): return 1.0\n")])


def test_a_bundle_is_brought_once_and_a_worker_gets_it_by_its_study(api: Api) -> None:
    """The assignment names the digest; the study's run will say it too."""
    assert api.call("red", "HEAD", f"/bundles/{DIGEST}").status_code == 404
    assert api.bring("red", DIGEST, DATA) == 204
    assert api.bring("red", DIGEST, DATA) == 204
    assert api.call("red", "HEAD", f"/bundles/{DIGEST}").status_code == 204
    study = api.submit("red", DIGEST).json()["id"]
    record = api.store.study(study)
    assert record is not None
    assert record.bundle == DIGEST
    path = f"/api/v1/worker/studies/{study}/bundle"
    assert api.http.get(path, headers=WORKER).content == DATA
    assert api.call("red", "GET", f"/worker/studies/{study}/bundle").status_code == 401
    assert api.http.get("/api/v1/worker/studies/none/bundle", headers=WORKER).status_code == 404


def test_another_teams_bundle_does_not_exist(api: Api) -> None:
    """Neither to look for it, nor to name it in a study or in a branch."""
    api.bring("red", DIGEST, DATA)
    assert api.call("blue", "HEAD", f"/bundles/{DIGEST}").status_code == 404
    refused = api.submit("blue", DIGEST)
    assert refused.status_code == 422
    assert "uploaded no code" in refused.text
    assert api.call("blue", "PUT", f"/bundles/{DIGEST}?team=red", content=DATA).status_code == 403
    study = api.submit("red", DIGEST).json()["id"]
    api.call("red", "PATCH", f"/studies/{study}", json={"shared": True})
    branched = api.call("blue", "POST", f"/studies/{study}/rounds/0/branch", json={})
    assert branched.status_code == 422
    assert "does not have the code" in branched.text


@pytest.mark.parametrize(
    ("digest", "data", "status"),
    [
        (DIGEST, b"no archive", 422),
        (DIGEST, pack([File("other.py", b"1")])[1], 422),
        ("0" * 64, DATA, 422),
        ("..%2F..%2Fetc%2Fpasswd", DATA, 404),
        ("A" * 64, DATA, 422),
    ],
)
def test_what_is_no_bundle_of_this_name_is_refused(
    api: Api, digest: str, data: bytes, status: int
) -> None:
    """Nothing of it is kept."""
    assert api.bring("red", digest, data) == status
    assert not api.store.bundles.has("red", DIGEST)


def test_no_more_is_read_than_a_bundle_may_have(api: Api) -> None:
    """It is more than other bodies may have, and it has an end."""
    assert api.bring("red", DIGEST, bytes(bundle.MOST_COMPRESSED)) == 422
    assert api.bring("red", DIGEST, bytes(bundle.MOST_COMPRESSED + 1)) == 413


def test_a_full_quota_makes_room_of_what_no_study_needs(api: Api) -> None:
    """Bundles of unfinished studies stay, and so does what was just uploaded; then it is a clear refusal."""
    many = [pack([File("parabola.py", bytes([n]) * 50)]) for n in range(4)]
    each = max(len(data) for _, data in many)
    api.teams.edit("red", None, Quota(storage=2 * each))
    used, idle = many[0], many[1]
    assert api.bring("red", *used) == 204
    study = api.submit("red", used[0]).json()["id"]
    assert api.bring("red", *idle) == 204
    assert api.bring("red", *many[2]) == 409
    api.now += 7200
    assert api.bring("red", *many[2]) == 204
    assert not api.store.bundles.has("red", idle[0])
    assert api.store.bundles.has("red", used[0])
    api.now += 7200
    api.call("red", "POST", f"/studies/{study}/stop")
    assert api.bring("red", *many[3]) == 204
    assert not api.store.bundles.has("red", used[0])
    assert api.bring("blue", *used) == 204


def test_a_study_whose_code_is_gone_does_not_go_on(api: Api) -> None:
    """As after a rebuild from MLflow, which has no code. Bringing it again goes on with the same study."""
    api.bring("red", DIGEST, DATA)
    study = api.submit("red", DIGEST).json()["id"]
    api.call("red", "POST", f"/studies/{study}/pause")
    with api.store._engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM bundles")
    refused = api.call("red", "POST", f"/studies/{study}/resume")
    assert refused.status_code == 409
    assert "--code" in refused.text
    api.bring("red", DIGEST, DATA)
    assert api.submit("red", DIGEST).json() == {"id": study, "resumed": True, "warnings": []}
