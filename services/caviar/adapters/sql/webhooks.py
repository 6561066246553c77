"""Webhooks and what is sent to them. Each public method is one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, update

from caviar.adapters.sql.engine import reading
from caviar.adapters.sql.tables import deliveries, webhooks
from caviar.contract.webhooks import DeliveryView, EventName


@dataclass(frozen=True, slots=True)
class WebhookRow:
    id: str
    team: str
    url: str
    secret: str
    """It signs, so it is kept as it is. It is shown to nobody again."""
    events: tuple[EventName, ...]
    """None named: all of them."""
    created: float

    def __repr__(self) -> str:
        return f"WebhookRow(id={self.id!r}, team={self.team!r}, url={self.url!r})"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one webhook."""

    id: int
    hook: WebhookRow
    event: EventName
    key: str
    """What it is about: the same event of the same thing is sent once."""
    body: str
    created: float
    tries: int
    """Before this one."""


class Webhooks:
    """The webhooks in the store behind ``engine``; ``clock`` gives seconds since the epoch."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._reader = reading(engine)
        self.clock = clock

    def all(self, team: str | None = None) -> list[WebhookRow]:
        """The oldest first."""
        query = select(webhooks).order_by(webhooks.c.created, webhooks.c.id)
        if team is not None:
            query = query.where(webhooks.c.team == team)
        with self._reader.connect() as connection:
            return [_hook(row) for row in connection.execute(query)]

    def find(self, identifier: str) -> WebhookRow | None:
        with self._reader.connect() as connection:
            row = connection.execute(select(webhooks).where(webhooks.c.id == identifier)).first()
        return _hook(row) if row else None

    def add(self, row: WebhookRow) -> None:
        values = {name: getattr(row, name) for name in WebhookRow.__slots__}
        with self._engine.begin() as connection:
            connection.execute(insert(webhooks).values(values | {"events": list(row.events)}))

    def remove(self, identifier: str) -> None:
        """With what is on its way to it."""
        with self._engine.begin() as connection:
            connection.execute(delete(deliveries).where(deliveries.c.webhook == identifier))
            connection.execute(delete(webhooks).where(webhooks.c.id == identifier))

    # Deliveries

    def known_keys(self, webhook: str) -> set[tuple[str, str]]:
        """(event, key) of all that was ever put on its way and is still kept."""
        query = select(deliveries.c.event, deliveries.c.key).where(deliveries.c.webhook == webhook)
        with self._reader.connect() as connection:
            return {(row.event, row.key) for row in connection.execute(query)}

    def enqueue(self, webhook: str, event: EventName, key: str, body: str) -> bool:
        """Put an event on its way at once. False: it is there already."""
        same = (
            (deliveries.c.webhook == webhook)
            & (deliveries.c.event == event)
            & (deliveries.c.key == key)
        )
        now = self.clock()
        with self._engine.begin() as connection:
            if connection.execute(select(deliveries.c.id).where(same)).first():
                return False
            connection.execute(
                insert(deliveries).values(
                    webhook=webhook, event=event, key=key, body=body, created=now, due=now
                )
            )
        return True

    def take(self, webhook: str, until: float) -> Delivery | None:
        """The delivery of a webhook that is due longest. Nobody else takes it before ``until``."""
        query = (
            select(deliveries)
            .where(deliveries.c.webhook == webhook, deliveries.c.due <= self.clock())
            .order_by(deliveries.c.due, deliveries.c.id)
            .limit(1)
        )
        with self._engine.begin() as connection:
            row = connection.execute(query).first()
            if row is None:
                return None
            taken = connection.execute(
                update(deliveries)
                .where(deliveries.c.id == row.id, deliveries.c.due == row.due)
                .values(due=until)
            ).rowcount
            hook = connection.execute(select(webhooks).where(webhooks.c.id == webhook)).first()
        if not taken or hook is None:
            return None
        return Delivery(row.id, _hook(hook), row.event, row.key, row.body, row.created, row.tries)

    def due(self) -> list[str]:
        """The webhooks to which something is due."""
        query = select(deliveries.c.webhook).where(deliveries.c.due <= self.clock()).distinct()
        with self._reader.connect() as connection:
            return list(connection.execute(query).scalars())

    def delivered(self, identifier: int) -> None:
        self._end(identifier, {"delivered": self.clock(), "due": None, "error": ""})

    def failed(self, identifier: int, error: str, due: float | None) -> None:
        """``due``: when it is tried next; None: it is given up."""
        self._end(identifier, {"error": error, "due": due})

    def _end(self, identifier: int, values: Mapping[str, Any]) -> None:
        with self._engine.begin() as connection:
            connection.execute(
                update(deliveries)
                .where(deliveries.c.id == identifier)
                .values(dict(values) | {"tries": deliveries.c.tries + 1})
            )

    def again(self, webhook: str, identifier: int) -> bool:
        """Send it again from the start, now. False: this webhook has no such delivery."""
        with self._engine.begin() as connection:
            return bool(
                connection.execute(
                    update(deliveries)
                    .where(deliveries.c.id == identifier, deliveries.c.webhook == webhook)
                    .values(due=self.clock(), tries=0, delivered=None)
                ).rowcount
            )

    def deliveries(self, webhook: str, limit: int) -> list[DeliveryView]:
        """The newest first."""
        query = (
            select(deliveries)
            .where(deliveries.c.webhook == webhook)
            .order_by(deliveries.c.id.desc())
            .limit(limit)
        )
        with self._reader.connect() as connection:
            return [_view(row) for row in connection.execute(query)]

    def standing(self, ids: Iterable[str]) -> dict[str, tuple[int, str]]:
        """Of each webhook: how many deliveries wait, and what the newest one met."""
        found = {}
        with self._reader.connect() as connection:
            for identifier in ids:
                found[identifier] = (
                    _waiting(connection, identifier),
                    _last(connection, identifier),
                )
        return found

    def forget(self, before: float) -> None:
        """Drop what is over since before this time, in seconds since the epoch."""
        with self._engine.begin() as connection:
            connection.execute(
                delete(deliveries).where(deliveries.c.due.is_(None), deliveries.c.created < before)
            )


def _hook(row: Row[Any]) -> WebhookRow:
    return WebhookRow(row.id, row.team, row.url, row.secret, tuple(row.events), row.created)


def _view(row: Row[Any]) -> DeliveryView:
    return DeliveryView(**{name: getattr(row, name) for name in DeliveryView.model_fields})


def _waiting(connection: Connection, webhook: str) -> int:
    query = select(func.count()).where(
        deliveries.c.webhook == webhook, deliveries.c.due.is_not(None)
    )
    return int(connection.execute(query).scalar_one())


def _last(connection: Connection, webhook: str) -> str:
    query = (
        select(deliveries.c.error)
        .where(deliveries.c.webhook == webhook)
        .order_by(deliveries.c.id.desc())
        .limit(1)
    )
    return connection.execute(query).scalar() or ""
