"""Answers that are kept for a day, so that a request which is sent twice does its work once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Engine, and_, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from caviar.adapters.sql.tables import answers

KEPT_S: Final = 24 * 3600.0
SWEPT_EVERY_S: Final = 3600.0
UNDER_WAY, UNKNOWN = 0, 1
"""Statuses that no answer has: it is worked on; the service ended while it was worked on."""

_ADD = insert(answers)
_KEEP = (
    update(answers)
    .where(answers.c.token == bindparam("this_token"), answers.c.key == bindparam("this_key"))
    .values(status=bindparam("new_status"), body=bindparam("new_body"))
)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of a key: of which request it is, and its answer."""

    request: str
    status: int
    body: str


class Answers:
    """The table in the store behind ``engine``; ``clock`` gives seconds since the epoch.

    One process answers requests: what is under way when it starts was cut off in an earlier life.
    """

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._clock = clock
        self._lock = threading.Lock()
        self._swept = clock()
        with engine.begin() as connection:
            connection.execute(
                update(answers).where(answers.c.status == UNDER_WAY).values(status=UNKNOWN)
            )

    def begin(self, token: str, key: str, request: str) -> Kept | None:
        """Take the key for this request. None: do the work; else what there is already."""
        self._sweep()
        values = {"token": token, "key": key, "request": request, "status": UNDER_WAY, "body": ""}
        try:
            with self._engine.begin() as connection:
                connection.execute(_ADD, values | {"created": self._clock()})
        except IntegrityError:
            with self._engine.begin() as connection:
                found = connection.execute(
                    select(answers.c.request, answers.c.status, answers.c.body).where(
                        *_this(token, key)
                    )
                ).first()
            # None: it failed and was given up between the two statements.
            return Kept(*found) if found else Kept(request, UNDER_WAY, "")
        return None

    def keep(self, token: str, key: str, status: int, body: str) -> None:
        given = {"this_token": token, "this_key": key, "new_status": status, "new_body": body}
        with self._engine.begin() as connection:
            connection.execute(_KEEP, given)

    def give_up(self, token: str, key: str) -> None:
        """The request did nothing: the next one with this key is the first."""
        with self._engine.begin() as connection:
            connection.execute(delete(answers).where(*_this(token, key)))

    def _sweep(self) -> None:
        now = self._clock()
        with self._lock:
            if now - self._swept < SWEPT_EVERY_S:
                return
            self._swept = now
        old = and_(answers.c.created < now - KEPT_S, answers.c.status != UNDER_WAY)
        with self._engine.begin() as connection:
            connection.execute(delete(answers).where(old))


def _this(token: str, key: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return answers.c.token == token, answers.c.key == key
