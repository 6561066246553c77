"""Whether the service lives, and whether it can do its work."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from fastapi import APIRouter, Response
from sqlalchemy.exc import SQLAlchemyError

from caviar import __version__
from caviar.adapters.sql import Store
from caviar.contract.views import Readiness
from caviar.errors import ServiceError
from caviar.scheduler import Scheduler

LATE_S: Final = 10.0
"""A scheduler that has not turned for so long stands still: idle it turns four times a second."""
BROKER_EVERY_S: Final = 5.0
"""Anybody may ask whether the service is ready: the broker is asked no more often."""

AskBroker = Callable[[], None]
"""Raises ServiceError where the broker does not answer."""


class Parts:
    """What the service cannot do its work without."""

    def __init__(self, store: Store, scheduler: Scheduler, ask_broker: AskBroker | None) -> None:
        self._store = store
        self._scheduler = scheduler
        self._broker = _Broker(ask_broker) if ask_broker else None

    def wrong(self) -> dict[str, str | None]:
        """Part -> what is wrong with it; None where nothing is."""
        found = {"database": _database(self._store), "scheduler": _turns(self._scheduler)}
        return found | ({"broker": self._broker.wrong()} if self._broker else {})


def health_routes(parts: Parts) -> APIRouter:
    """They need no token, and tell nothing but what is away."""
    router = APIRouter(prefix="/api/v1")

    @router.get("/health")
    def health() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok", "version": __version__}

    @router.get("/ready", response_model=Readiness, responses={503: {"model": Readiness}})
    def ready(response: Response) -> Readiness:
        """The database and the broker answer, and the scheduler turns. Else 503 with what is wrong."""
        wrong = [problem for problem in parts.wrong().values() if problem is not None]
        response.status_code = 503 if wrong else 200
        return Readiness(ready=not wrong, wrong=wrong)

    return router


def _database(store: Store) -> str | None:
    try:
        store.ask()
    except SQLAlchemyError as error:
        return f"the database does not answer ({type(error).__name__})"
    return None


def _turns(scheduler: Scheduler) -> str | None:
    ticked = scheduler.ticked_s()
    if ticked is None:
        return "the scheduler has not turned yet"
    return f"the scheduler has not turned for {ticked:.0f} s" if ticked > LATE_S else None


class _Broker:
    """What was heard of it last, for ``BROKER_EVERY_S``."""

    def __init__(self, ask: AskBroker) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._asked = -BROKER_EVERY_S
        self._wrong: str | None = None

    def wrong(self) -> str | None:
        with self._lock:
            if time.monotonic() - self._asked >= BROKER_EVERY_S:
                try:
                    self._ask()
                    self._wrong = None
                except ServiceError as error:
                    self._wrong = str(error)
                self._asked = time.monotonic()
            return self._wrong
