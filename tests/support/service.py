"""The real scheduler behind the real API in this process, on a real queue: what a real worker talks to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import uvicorn

from caviar.adapters.queue import ticket_sender
from caviar.adapters.sql import Store, Teams, migrate, open_engine
from caviar.api import create_app
from caviar.api.access import Access
from caviar.panda.duty import Duty
from caviar.scheduler import Scheduler
from caviar.scheduler.loop import Loop
from caviar.web import add_pages
from tests.support import wait_until
from tests.support.desk import TOKEN
from tests.support.servers import RedisServer, free_port


@dataclass
class Service:
    url: str
    store: Store
    scheduler: Scheduler

    def get(self, path: str) -> httpx2.Response:
        """As a client."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return httpx2.get(f"{self.url}/api/v1{path}", headers=headers, trust_env=False, timeout=60)

    def post(self, path: str, body: object = None) -> httpx2.Response:
        """As a client."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return httpx2.post(
            f"{self.url}/api/v1{path}", json=body, headers=headers, trust_env=False, timeout=60
        )


@contextmanager
def service(folder: Path, redis: RedisServer, *, lease_s: float) -> Iterator[Service]:
    engine = open_engine(f"sqlite:///{folder / 'caviar.db'}")
    migrate(engine)
    store = Store(engine)
    send = ticket_sender(redis.url)
    scheduler = Scheduler(store, send, lease_s=lease_s, claim_s=lease_s, local=True)
    app = create_app(store, scheduler, Access(Teams(engine), TOKEN, TOKEN), mlflow_uri="")
    add_pages(app)
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(app, port=port, log_config=None, access_log=False, lifespan="off")
    )
    app.state.feed.ends(lambda: server.should_exit)
    thread = threading.Thread(target=server.run)
    thread.start()
    loop = Loop(scheduler)
    loop.start()
    duty = Duty(store, scheduler)
    duty.start()
    try:
        wait_until(lambda: server.started, why="the API answers")
        yield Service(f"http://127.0.0.1:{port}", store, scheduler)
    finally:
        duty.stop()
        loop.stop()
        server.should_exit = True
        thread.join()
        engine.dispose()
