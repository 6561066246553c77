"""The doctor at the API's edge: what he is told, and that he is asked once at a time."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from caviar.adapters.sql import Store, Teams, migrate, open_engine
from caviar.api import create_app
from caviar.api.access import Access
from caviar.api.upkeep import doctor_routes
from caviar.contract.messages import ClaimRequest, Hello, Ticket
from caviar.contract.upkeep import Finding
from caviar.contract.views import Submission
from caviar.scheduler import Scheduler
from caviar.upkeep.facts import Question

CLIENT = {"Authorization": "Bearer client-token"}
STUDY = """
name: parabola
metric: {name: loss, goal: minimize}
trainer: {function: "parabola:train"}
space: {x: {type: float, low: 0.001, high: 1.0}}
budget: {trials: 3}
"""


class Doctor:
    """Stands where the doctor's process is started."""

    def __init__(self) -> None:
        self.questions: list[Question] = []
        self.started, self.may_end = threading.Event(), threading.Event()
        self.may_end.set()

    def __call__(self, question: Question) -> tuple[Finding, ...]:
        self.questions.append(question)
        self.started.set()
        assert self.may_end.wait(30)
        return (Finding(kind="stuck-run", where="study a", what="one", mended=question.mend),)


@pytest.fixture
def tickets() -> list[Ticket]:
    return []


@pytest.fixture
def scheduler(tmp_path: Path, tickets: list[Ticket]) -> Scheduler:
    engine = open_engine(f"sqlite:///{tmp_path / 'caviar.db'}")
    migrate(engine)
    return Scheduler(Store(engine), lambda t, _: tickets.append(t), lease_s=10, claim_s=5)


@pytest.fixture
def doctor() -> Doctor:
    return Doctor()


@pytest.fixture
def api(scheduler: Scheduler, doctor: Doctor) -> TestClient:
    access = Access(Teams(scheduler._store._engine), "client-token", "worker-token")
    app: FastAPI = create_app(scheduler._store, scheduler, access, mlflow_uri="http://mlflow")
    app.include_router(doctor_routes(scheduler, doctor))
    return TestClient(app, headers=CLIENT)


def test_he_is_told_what_only_the_scheduler_knows(
    api: TestClient, scheduler: Scheduler, doctor: Doctor, tickets: list[Ticket]
) -> None:
    """Workers, leases; and whether he may mend."""
    scheduler.hello(Hello(host="h", incarnation="i", slots=2))
    scheduler.submit(Submission(text=STUDY))
    scheduler.tick()
    ticket = tickets[0]
    ask = ClaimRequest(
        trial=ticket.trial, attempt=1, nonce="nonce-00", host="h", incarnation="i", slot=0
    )
    assert scheduler.claim(ask).granted
    assert api.get("/api/v1/doctor").json()[0]["mended"] is False
    assert api.post("/api/v1/doctor/mend").json()[0]["mended"] is True
    facts = doctor.questions[0].facts
    assert [(worker.host, worker.free) for worker in facts.workers] == [("h", 1)]
    assert facts.leases == {ticket.trial}
    assert facts.unclaimed == ()


def test_he_is_asked_once_at_a_time(api: TestClient, doctor: Doctor) -> None:
    """Two that mend would do it twice; the second hears why, and may come again."""
    doctor.may_end.clear()
    first = threading.Thread(target=api.get, args=("/api/v1/doctor",))
    first.start()
    assert doctor.started.wait(30)
    answer = api.get("/api/v1/doctor")
    doctor.may_end.set()
    first.join()
    assert (answer.status_code, "at work" in answer.json()["detail"]) == (409, True)
    assert api.get("/api/v1/doctor").status_code == 200


def test_he_needs_the_clients_token(api: TestClient, doctor: Doctor) -> None:
    """A worker's opens nothing here."""
    wrong = {"Authorization": "Bearer worker-token"}
    assert api.post("/api/v1/doctor/mend", headers=wrong).status_code == 401
    assert doctor.questions == []
