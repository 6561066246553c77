"""Health, readiness and the figures for Prometheus."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event

from caviar.adapters.sql import Store
from caviar.api import create_app
from caviar.api.access import Access
from caviar.contract.messages import Hello
from caviar.errors import ServiceError
from caviar.scheduler import Scheduler

STUDY = """\
name: parabola
metric: {name: loss, goal: minimize}
trainer: {function: "parabola:train"}
space:
  x: {type: float, low: 0.1, high: 1.0}
budget: {trials: 3}
"""
FIGURES = {"Authorization": f"Bearer {'m' * 16}"}


def asked(store: Store, scheduler: Scheduler, access: Access, ask_broker: Any) -> Any:
    app = create_app(store, scheduler, access, mlflow_uri="", ask_broker=ask_broker)
    return TestClient(app).get("/api/v1/ready")


def test_a_service_that_works_is_ready(store: Store, scheduler: Scheduler, access: Access) -> None:
    """The database and the broker answer, the scheduler turns."""
    scheduler.tick()
    answer = asked(store, scheduler, access, lambda: None)
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "wrong": []})


def test_what_is_away_is_named(store: Store, scheduler: Scheduler, access: Access) -> None:
    """All of it at once, with 503, so that nothing is sent to this service meanwhile."""

    def away() -> None:
        raise ServiceError("the broker does not answer (ConnectionError)")

    def fails(*_: Any) -> None:
        raise store.engine.dialect.dbapi.OperationalError("disk")  # type: ignore[union-attr]

    app = create_app(store, scheduler, access, mlflow_uri="", ask_broker=away)
    event.listen(store.engine, "before_cursor_execute", fails)
    answer = TestClient(app).get("/api/v1/ready")
    event.remove(store.engine, "before_cursor_execute", fails)
    assert answer.status_code == 503
    assert answer.json() == {
        "ready": False,
        "wrong": [
            "the database does not answer (OperationalError)",
            "the scheduler has not turned yet",
            "the broker does not answer (ConnectionError)",
        ],
    }


def test_a_scheduler_that_stands_still_is_not_ready(store: Store, access: Access) -> None:
    """By the time since its last turn."""
    now = [0.0]
    scheduler = Scheduler(store, lambda *_: None, lease_s=10, claim_s=5, clock=lambda: now[0])
    scheduler.tick()
    now[0] = 30.0
    answer = asked(store, scheduler, access, lambda: None)
    assert answer.json()["wrong"] == ["the scheduler has not turned for 30 s"]


def test_the_broker_is_not_asked_by_everybody(
    store: Store, scheduler: Scheduler, access: Access
) -> None:
    """Readiness needs no token: what it costs is bounded."""
    calls: list[None] = []
    app = create_app(store, scheduler, access, mlflow_uri="", ask_broker=lambda: calls.append(None))
    client = TestClient(app)
    for _ in range(5):
        client.get("/api/v1/ready")
    assert len(calls) == 1


def test_the_figures_need_a_token_that_may(api: TestClient, access: Access) -> None:
    """Prometheus's own, or an operator's: they speak of all teams."""
    from caviar.teams import new_token

    fresh = new_token()
    access.changed(access.teams.add_token(fresh, "ada", "admin", "default", None))
    assert api.get("/metrics").status_code == 200
    assert api.get("/metrics", headers=FIGURES).status_code == 200
    admin = api.get("/metrics", headers={"Authorization": f"Bearer {fresh.text}"})
    assert (admin.status_code, admin.json()["type"]) == (403, "urn:caviar:problem:forbidden")
    assert api.get("/metrics", headers={"Authorization": ""}).status_code == 401
    assert api.get("/api/v1/studies", headers=FIGURES).status_code == 401


def test_the_figures_tell_what_stands_and_what_passed(
    api: TestClient, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slots, studies by team, trials by state; requests by route, not by address."""
    scheduler.hello(Hello(host="one", incarnation="a", slots=2))
    study = api.post("/api/v1/studies", json={"text": STUDY}).json()["id"]
    scheduler.tick()
    for name in (study, "nothing", "../x"):
        api.get(f"/api/v1/studies/{name}")
    monkeypatch.setattr(scheduler, "trust", lambda _host: 1 / 0)
    assert api.post("/api/v1/workers/trust", json={"host": "one"}).status_code == 500
    worker = {"Authorization": "Bearer worker-token"}
    claim = {"trial": f"{study}-0", "attempt": 1, "nonce": "n" * 8, "host": "one"}
    claim |= {"incarnation": "a", "slot": 0}
    assert api.post("/api/v1/worker/claim", json=claim, headers=worker).json()["granted"]
    lines = api.get("/metrics", headers=FIGURES).text.splitlines()
    figures = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert figures['caviar_slots{resource_class="cpu"}'] == "2.0"
    assert figures['caviar_slots_free{resource_class="cpu"}'] == "1.0"
    assert figures['caviar_studies{state="running",team="default"}'] == "1.0"
    assert figures['caviar_trials{state="running"}'] == "1.0"
    assert figures['caviar_claims_total{granted="yes"}'] == "1.0"
    routes = {line.split('route="')[1].split('"')[0] for line in lines if 'route="' in line}
    assert {"/api/v1/studies", "/api/v1/studies/{study_id}", "/api/v1/worker/claim"} <= routes
    failed = 'method="POST",route="/api/v1/workers/trust",status="500"'
    assert figures[f"caviar_request_seconds_count{{{failed}}}"] == "1.0"
    assert not any(study in route or "nothing" in route for route in routes)
