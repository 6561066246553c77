"""A service with two teams, alpha and beta: real API, scheduler and store, with a clock that the test holds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.routing import BaseRoute, Route, WebSocketRoute

from caviar.adapters.sql import Store, Teams, migrate, open_engine
from caviar.api.access import Access
from caviar.api.rates import Rates
from caviar.bootstrap import wired
from caviar.contract.access import Quota, Role
from caviar.contract.messages import ClaimAnswer, Hello, Ticket
from caviar.scheduler import Scheduler
from caviar.settings import Settings
from caviar.teams import new_token

SERVICE = "the-service's-own-token-of-32-characters"
WORKERS = "the-workers'-own-token-of-32-characters"
STUDY = """\
name: {name}
metric: {{name: loss, goal: minimize}}
trainer: {{function: "parabola:train"}}
space:
  x: {{type: float, low: 0.0, high: 1.0}}
search: {{strategy: random, seed: 0}}
stop: none
budget: {{trials: 9}}
{more}"""
DAY_S = 86_400.0


@dataclass
class House:
    store: Store
    teams: Teams
    scheduler: Scheduler
    access: Access
    app: FastAPI
    client: TestClient
    tickets: list[Ticket]
    hand: list[float]
    """Seconds that the clock was put forward."""
    tokens: dict[str, str] = field(default_factory=dict)
    """By team and role, ``alpha/viewer``; ``operator`` and ``worker`` have no team."""
    ids: dict[str, str] = field(default_factory=dict)
    """The ids of those tokens."""

    def token(self, name: str, role: Role, team: str | None, days: float = 90.0) -> str:
        fresh = new_token()
        expires = self.teams.clock() + days * DAY_S
        self.access.changed(self.teams.add_token(fresh, name, role, team, expires))
        where = role if team is None else f"{team}/{role}"
        self.tokens[where], self.ids[where] = fresh.text, fresh.id
        return fresh.text

    def call(
        self,
        method: str,
        path: str,
        who: str | None,
        body: object = None,
        headers: dict[str, str] | None = None,
    ) -> httpx2.Response:
        """``who``: a key of ``tokens``, or a token, or nobody."""
        sent = dict(headers or {})
        if who is not None:
            sent["Authorization"] = f"Bearer {self.tokens.get(who, who)}"
        given: Any = {"content": body} if isinstance(body, bytes) else {"json": body}
        return self.client.request(method, f"/api/v1{path}", **given, headers=sent)

    def submit(self, who: str, name: str = "secret", more: str = "", **fields: Any) -> str:
        body = {"text": STUDY.format(name=name, more=more), **fields}
        answer = self.call("POST", "/studies", who, body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def run_one(self) -> tuple[Ticket, str]:
        """A worker takes the next ticket; the ticket and the claim's nonce."""
        hello = Hello(host="host-1", incarnation="one", slots=4)
        self.worker("hello", hello.model_dump(mode="json"))
        self.scheduler.tick()
        ticket = self.tickets.pop(0)
        nonce = "nonce-of-the-worker"
        answer = self.claim(ticket.trial, ticket.attempt, nonce)
        assert answer.granted
        return ticket, nonce

    def claim(self, trial: str, attempt: int, nonce: str) -> ClaimAnswer:
        body = {
            "trial": trial,
            "attempt": attempt,
            "nonce": nonce,
            "host": "host-1",
            "incarnation": "one",
            "slot": 0,
        }
        return ClaimAnswer.model_validate(self.worker("claim", body).json())

    def worker(self, path: str, body: object) -> httpx2.Response:
        return self.call("POST", f"/worker/{path}", "worker", body)

    def set_aside(self, host: str, reason: str) -> None:
        """As the scheduler does with a host at which trials fail."""
        self.scheduler._hosts.aside[host] = self.store.set_aside(host, reason)

    def actions(self) -> list[str]:
        """What the audit log has, in its order."""
        return [entry.action for entry in self.teams.audit(limit=1000)]


@contextmanager
def open_house(folder: Path, rates: Rates | None = None) -> Iterator[House]:
    hand = [0.0]
    engine = open_engine(f"sqlite:///{folder / 'caviar.db'}")
    migrate(engine)
    store, teams = Store(engine), Teams(engine, lambda: time.time() + sum(hand))
    tickets: list[Ticket] = []
    scheduler = Scheduler(
        store, lambda ticket, _queue: tickets.append(ticket), lease_s=1000, claim_s=500, local=True
    )
    access = Access(teams, SERVICE, WORKERS, rates)
    settings = Settings.model_validate(
        {
            "database_url": str(engine.url),
            "broker_url": "redis://nowhere",
            "mlflow_uri": "",
            "token": SERVICE,
            "worker_token": WORKERS,
        }
    )
    app = wired(settings, engine, scheduler, access, (), lambda _question: ())
    client = TestClient(app, raise_server_exceptions=False, client=("127.0.0.1", 50_000))
    house = House(store, teams, scheduler, access, app, client, tickets, hand)
    house.tokens |= {"service": SERVICE, "workers": WORKERS}
    for team in ("alpha", "beta"):
        teams.add(team, 1.0, Quota())
        for role in ("viewer", "submitter", "admin"):
            house.token(f"{role} of {team}", role, team)
    house.token("an operator", "operator", None)
    house.token("host-1", "worker", None)
    try:
        with client:
            yield house
    finally:
        engine.dispose()


def routes_of(app: FastAPI) -> list[tuple[str, str, Route]]:
    """(method, path, route) of every route that a client may call, in whichever router."""
    found = []
    for route in _flat(app.routes):
        if route.path.startswith("/api/v1/worker/") or not route.path.startswith("/api/"):
            continue
        found += [(m, route.path, route) for m in sorted(route.methods or ()) if m != "HEAD"]
    return found


def pages_of(app: FastAPI) -> list[tuple[str, Route]]:
    """(method, route) of every page for people, and of their sections and files."""
    return [
        (method, route)
        for route in _flat(app.routes)
        if not route.path.startswith(("/api/", "/gate", "/metrics", "/health"))
        for method in sorted(route.methods or ())
        if method != "HEAD"
    ]


def sockets_of(app: FastAPI) -> list[str]:
    """The paths of the WebSockets that it has, in whichever router."""
    return [route.path for route in _every(app.routes) if isinstance(route, WebSocketRoute)]


def _flat(routes: list[BaseRoute]) -> Iterator[Route]:
    return (route for route in _every(routes) if isinstance(route, Route))


def _every(routes: list[BaseRoute]) -> Iterator[BaseRoute]:
    for route in routes:
        inner = getattr(route, "original_router", None) or getattr(route, "app", None)
        if isinstance(route, Route | WebSocketRoute):
            yield route
        elif hasattr(inner, "routes"):
            yield from _every(inner.routes)
