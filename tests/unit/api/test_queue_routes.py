"""The queue over HTTP: each team understands its own place, and sees of others only what takes the slots."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from caviar.adapters.sql import Store, Teams, migrate, open_engine
from caviar.api import create_app
from caviar.api.access import Access
from caviar.contract.access import Quota, Role
from caviar.contract.messages import Hello
from caviar.scheduler import Scheduler
from caviar.teams import new_token

STUDY = """\
name: {name}
metric: {{name: loss, goal: minimize}}
trainer: {{function: "parabola:train"}}
space:
  x: {{type: float, low: 0.001, high: 1.0}}
budget: {{trials: 3}}
"""
OPERATOR = {"Authorization": "Bearer client-token"}


class Service:
    def __init__(self, folder: Path) -> None:
        engine = open_engine(f"sqlite:///{folder / 'caviar.db'}")
        migrate(engine)
        store, self.teams = Store(engine), Teams(engine)
        self.access = Access(self.teams, "client-token", "worker-token")
        scheduler = Scheduler(
            store, lambda *_: None, teams=self.teams.all, lease_s=10, claim_s=5, local=True
        )
        scheduler.hello(Hello(host="one", incarnation="one-1", slots=2))
        app = create_app(store, scheduler, self.access, mlflow_uri="http://mlflow")
        self.http = TestClient(app, raise_server_exceptions=False)
        for name in ("vision", "speech"):
            self.teams.add(name, 2.0, Quota(slot_hours=10.0))
        scheduler.teams_changed()

    def member(self, team: str, role: Role = "submitter") -> dict[str, str]:
        fresh = new_token()
        self.access.changed(self.teams.add_token(fresh, f"of-{team}", role, team, None))
        return {"Authorization": f"Bearer {fresh.text}"}

    def submit(self, who: dict[str, str], name: str) -> str:
        answer = self.http.post(
            "/api/v1/studies", json={"text": STUDY.format(name=name)}, headers=who
        )
        assert answer.status_code == 201, answer.text
        found: str = answer.json()["id"]
        return found


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(tmp_path)


def test_another_teams_study_shows_that_it_is_there_and_nothing_else(service: Service) -> None:
    vision, speech = service.member("vision"), service.member("speech", "viewer")
    study = service.submit(vision, "top-secret")
    answer = service.http.get("/api/v1/queue", headers=speech)
    (row,) = answer.json()["studies"]
    assert row == {
        "study": None,
        "name": "another team's study",
        "state": "running",
        "team": "vision",
        "priority": None,
        "place": "normal",
        "resource_class": "cpu",
        "running": 0,
        "left": None,
        "why": "",
        "starts_s": None,
        "ends_s": None,
    }
    assert study not in answer.text
    assert "top-secret" not in answer.text


def test_a_shared_study_and_ones_own_are_shown_whole(service: Service) -> None:
    vision = service.member("vision")
    study = service.submit(vision, "open")
    service.http.patch(f"/api/v1/studies/{study}", json={"shared": True}, headers=vision)
    for who in (vision, service.member("speech", "viewer"), OPERATOR):
        (row,) = service.http.get("/api/v1/queue", headers=who).json()["studies"]
        assert row["study"] == study
        assert row["why"] == "A slot is free: its next trial is on its way."


def test_slots_and_shares_stand_below(service: Service) -> None:
    service.submit(service.member("vision"), "one")
    view = service.http.get("/api/v1/queue", headers=OPERATOR).json()
    assert view["slots"] == {"cpu": 2}
    assert view["free"] == {"cpu": 2}
    assert view["teams"] == [
        {"team": "vision", "weight": 2.0, "running": 0, "share": 0.0, "due": 1.0}
    ]


def test_a_quote_submits_nothing(service: Service) -> None:
    vision = service.member("vision")
    answer = service.http.post(
        "/api/v1/quote", json={"text": STUDY.format(name="one")}, headers=vision
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["trials"] == 3
    assert answer.json()["learned_from"] == 0
    assert service.http.get("/api/v1/studies", headers=vision).json() == []


def test_a_quote_of_what_is_no_study_names_the_line(service: Service) -> None:
    answer = service.http.post("/api/v1/quote", json={"text": "name: [1"}, headers=OPERATOR)
    assert answer.status_code == 422


def test_a_viewer_gets_no_quote(service: Service) -> None:
    viewer = service.member("vision", "viewer")
    body = {"text": STUDY.format(name="one")}
    assert service.http.post("/api/v1/quote", json=body, headers=viewer).status_code == 403


def test_what_a_team_has_used_is_its_own_to_see(service: Service) -> None:
    vision = service.member("vision", "viewer")
    service.submit(service.member("vision"), "one")
    lines = service.http.get("/api/v1/teams/vision/use", headers=vision).json()
    assert {each["name"]: (each["used"], each["limit"]) for each in lines} == {
        "slots": (0, None),
        "slot_hours": (0, 10.0),
        "studies": (1, None),
        "trials": (3, None),
        "storage": (0, None),
    }
    other = service.member("speech", "admin")
    assert service.http.get("/api/v1/teams/vision/use", headers=other).status_code == 404
    assert service.http.get("/api/v1/teams/vision/use", headers=OPERATOR).status_code == 200
    assert service.http.get("/api/v1/teams/nobody/use", headers=OPERATOR).status_code == 404
