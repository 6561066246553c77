"""The real API over a real scheduler and SQLite, on a real socket in this process; workers are played by hand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from fastapi import FastAPI
from pydantic import BaseModel

from caviar.adapters.queue import ticket_sender
from caviar.adapters.redis_door import Door
from caviar.adapters.sql import Store, Teams, migrate, open_engine
from caviar.adapters.sql.webhooks import Webhooks
from caviar.api import create_app
from caviar.api.access import Access
from caviar.api.broker import Lines, broker_route
from caviar.api.rates import Rates
from caviar.api.serving import server
from caviar.api.sessions import Origin
from caviar.api.webhooks import webhook_routes
from caviar.contract.access import Role
from caviar.contract.messages import ClaimRequest, Finish, Heartbeat, Hello, Ticket
from caviar.scheduler import Scheduler
from caviar.scheduler.loop import Loop
from caviar.teams import new_token
from caviar.web import add_pages
from caviar.webhooks import Allowed
from tests.support import desk, wait_until
from tests.support.servers import free_port

TOKEN = "a-client-token-of-the-tests"
WORKER_TOKEN = desk.TOKEN
STUDY = """\
name: {name}
metric: {{name: loss, goal: minimize}}
trainer: {{function: "parabola:train"}}
space:
  x: {{type: float, low: 0.0, high: 1.0}}
search: {{strategy: random, seed: 0}}
stop: none
budget: {{trials: {trials}}}
"""


@dataclass
class Serving:
    """One life of the service."""

    url: str
    app: FastAPI
    store: Store
    scheduler: Scheduler
    access: Access
    tickets: list[Ticket] = field(default_factory=list)
    lines: Lines | None = None
    """Of workers, where there is a broker."""
    stop: Callable[[], None] = lambda: None
    """Ends it before the end of the block."""

    def client(self, token: str = TOKEN) -> httpx2.Client:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx2.Client(
            base_url=f"{self.url}/api/v1", headers=headers, trust_env=False, timeout=60
        )

    def token(
        self,
        role: Role,
        team: str | None = "default",
        name: str = "ada",
        days: float | None = None,
    ) -> str:
        """A new one."""
        fresh = new_token()
        expires = None if days is None else time.time() + days * 86_400
        self.access.changed(self.access.teams.add_token(fresh, name, role, team, expires))
        return fresh.text

    def submit(self, name: str = "parabola", trials: int = 3) -> str:
        with self.client() as client:
            answer = client.post("/studies", json={"text": STUDY.format(name=name, trials=trials)})
        answer.raise_for_status()
        return str(answer.json()["id"])

    def train(self, study: str, count: int, **ending: Any) -> None:
        """As a worker with one slot: claim and finish so many of the study's trials; ``ending``: how they end."""
        self.scheduler.hello(Hello(host="host", incarnation="one", slots=1))
        for _ in range(count):
            ticket = wait_until(lambda: self._ticket_of(study), why=f"a ticket of {study}")
            nonce = f"nonce-{ticket.trial}"
            claim = ClaimRequest(
                trial=ticket.trial,
                attempt=ticket.attempt,
                nonce=nonce,
                host="host",
                incarnation="one",
                slot=0,
            )
            assert self.scheduler.claim(claim).granted
            told: dict[str, Any] = {"outcome": "done", "value": ticket.params["x"], "seconds": 0.1}
            told |= {"trial": ticket.trial, "attempt": ticket.attempt, "nonce": nonce} | ending
            self.scheduler.finish(Finish(**told))

    def work(self, study: str, count: int) -> None:
        """The same over HTTP."""
        call = Hello(host="one", incarnation="a", slots=1)
        with self.client(WORKER_TOKEN) as worker:

            def tell(path: str, message: BaseModel) -> httpx2.Response:
                answer = worker.post(f"/worker/{path}", json=message.model_dump(mode="json"))
                return answer.raise_for_status()

            tell("hello", call)
            for _ in range(count):
                ticket = wait_until(lambda: self._ticket_of(study), why=f"a ticket of {study}")
                about: Any = {"trial": ticket.trial, "attempt": ticket.attempt, "nonce": "n" * 8}
                claim = ClaimRequest(**about, host="one", incarnation="a", slot=0)
                assert tell("claim", claim).json()["granted"]
                beat = Heartbeat(host="one", incarnation="a", free=0)
                tell("heartbeat", beat)
                tell("finish", Finish(**about, outcome="done", value=0.5, seconds=0.1))

    def _ticket_of(self, study: str) -> Ticket | None:
        for ticket in self.tickets:
            if ticket.study == study:
                self.tickets.remove(ticket)
                return ticket
        return None


@contextmanager
def serving(
    folder: Path,
    database: str | None = None,
    rates: Rates | None = None,
    broker: str | None = None,
    public_url: str | None = None,
    lease_s: float = 60,
    port: int | None = None,
    **listens: Any,
) -> Iterator[Serving]:
    """Until the end of the block. Another one in the same folder is the same service, started again."""
    engine = open_engine(database or f"sqlite:///{folder / 'caviar.db'}")
    migrate(engine)
    store = Store(engine)
    tickets: list[Ticket] = []
    send = ticket_sender(broker) if broker else lambda ticket, _queue: tickets.append(ticket)
    teams = Teams(engine)
    scheduler = Scheduler(store, send, lease_s=lease_s, claim_s=60, teams=teams.all, local=True)
    access = Access(teams, TOKEN, WORKER_TOKEN, rates, Origin(public_url))
    app = create_app(store, scheduler, access, mlflow_uri="")
    app.include_router(webhook_routes(Webhooks(engine), Allowed.parse("")))
    add_pages(app)
    lines = Lines(Door(broker), access) if broker else None
    if lines is not None:
        app.router.routes.append(broker_route(lines))
    port = port or free_port()
    api = server(app, port=port, **listens)
    thread = threading.Thread(target=api.run)
    thread.start()
    loop = Loop(scheduler, app.state.metrics.ticks.observe)
    loop.start()

    def stop() -> None:
        api.should_exit = True
        thread.join()
        loop.stop()

    try:
        wait_until(lambda: api.started, why="the API answers")
        url = f"http{'s' if listens else ''}://127.0.0.1:{port}"
        yield Serving(url, app, store, scheduler, access, tickets, lines, stop)
    finally:
        stop()
        engine.dispose()
