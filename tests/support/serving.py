"""The API with a real scheduler and store on a real socket, and nobody who trains."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn

from caviar.adapters.sql import Store, Teams, migrate, open_engine
from caviar.api import create_app
from caviar.api.access import Access
from caviar.contract.messages import Hello, Ticket
from caviar.scheduler import Scheduler
from tests.support import wait_until
from tests.support.servers import free_port

TOKEN = "a-token-of-this-test"


@dataclass
class Served:
    url: str
    token: str
    store: Store
    scheduler: Scheduler
    access: Access
    tickets: list[Ticket] = field(default_factory=list)

    def worker(self) -> None:
        """A worker says hello."""
        self.scheduler.hello(Hello(host="h", incarnation="i", slots=1))


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    engine = open_engine(f"sqlite:///{folder / 'caviar.db'}")
    migrate(engine)
    store = Store(engine)
    tickets: list[Ticket] = []
    scheduler = Scheduler(store, lambda t, _: tickets.append(t), lease_s=60, claim_s=60, local=True)
    access = Access(Teams(engine), TOKEN, TOKEN + "-of-workers")
    app = create_app(store, scheduler, access, mlflow_uri="")
    port = free_port()
    config = uvicorn.Config(app, port=port, log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started, why="the API answers")
        url = f"http://127.0.0.1:{port}"
        yield Served(url, TOKEN, store, scheduler, access, tickets)
    finally:
        server.should_exit = True
        thread.join()
        engine.dispose()
