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


def health_routes(store: Store, scheduler: Scheduler, ask_broker: AskBroker | None) -> APIRouter:
    """They need no token, and tell nothing but what is away."""
    router = APIRouter(prefix="/api/v1")
    broker = _Broker(ask_broker) if ask_broker else None

    @router.get("/health")
    def health() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok", "version": __version__}

    @router.get("/ready", response_model=Readiness, responses={503: {"model": Readiness}})
    def ready(response: Response) -> Readiness:
        """The database and the broker answer, and the scheduler turns. Else 503 with what is wrong."""
        wrong = [*_store(store), *_turns(scheduler), *(broker.wrong() if broker else ())]
        response.status_code = 503 if wrong else 200
        return Readiness(ready=not wrong, wrong=wrong)

    return router


def _store(store: Store) -> list[str]:
    try:
        store.ask()
    except SQLAlchemyError as error:
        return [f"the database does not answer ({type(error).__name__})"]
    return []


def _turns(scheduler: Scheduler) -> list[str]:
    ticked = scheduler.ticked_s()
    if ticked is None:
        return ["the scheduler has not turned yet"]
    return [f"the scheduler has not turned for {ticked:.0f} s"] if ticked > LATE_S else []


class _Broker:
    """What was heard of it last, for ``BROKER_EVERY_S``."""

    def __init__(self, ask: AskBroker) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._asked = -BROKER_EVERY_S
        self._wrong: list[str] = []

    def wrong(self) -> list[str]:
        with self._lock:
            if time.monotonic() - self._asked >= BROKER_EVERY_S:
                try:
                    self._ask()
                    self._wrong = []
                except ServiceError as error:
                    self._wrong = [str(error)]
                self._asked = time.monotonic()
            return self._wrong
