"""Reads and writes of teams, tokens and the audit log. Each public method is one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from caviar.adapters.sql.engine import reading
from caviar.adapters.sql.rows import TeamRow, TokenRow
from caviar.adapters.sql.tables import audit, teams, tokens
from caviar.contract.access import AuditEntry, Quota, Role
from caviar.teams import ROLES_OF_PERSONS, Caller, Fresh

_NOTE = insert(audit)


class Teams:
    """The teams in the store behind ``engine``; ``clock`` gives seconds since the epoch."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._reader = reading(engine)
        self.clock = clock

    def all(self) -> dict[str, TeamRow]:
        """By name. A service always has the team ``default``."""
        with self._reader.connect() as connection:
            rows = connection.execute(select(teams).order_by(teams.c.name))
            return {row.name: _team(row) for row in rows}

    def add(self, name: str, weight: float, quota: Quota) -> TeamRow | None:
        """None: there is a team of this name."""
        row = TeamRow(name, weight, quota, self.clock())
        values = {"name": name, "weight": weight, "quota": quota.model_dump(exclude_none=True)}
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(teams).values(values | {"created": row.created}))
        except IntegrityError:
            return None
        return row

    def edit(
        self, name: str, weight: float | None, quota: Quota | None
    ) -> tuple[TeamRow, TeamRow] | None:
        """As it was and as it is; what is None stays. None: there is no such team."""
        values: dict[str, Any] = {} if weight is None else {"weight": weight}
        if quota is not None:
            values["quota"] = quota.model_dump(exclude_none=True)
        row = select(teams).where(teams.c.name == name)
        with self._engine.begin() as connection:
            before = connection.execute(row.with_for_update()).first()
            if before is None:
                return None
            if values:
                connection.execute(update(teams).where(teams.c.name == name).values(values))
            return _team(before), _team(connection.execute(row).one())

    # Tokens

    def tokens(self) -> list[TokenRow]:
        """All that were ever made, the oldest first."""
        with self._reader.connect() as connection:
            rows = connection.execute(select(tokens).order_by(tokens.c.created, tokens.c.id))
            return [TokenRow(**row._mapping) for row in rows]

    def has_person(self) -> bool:
        """Whether there is a token of a person that holds."""
        now = self.clock()
        return any(row.role in ROLES_OF_PERSONS and row.holds(now) for row in self.tokens())

    def token(self, identifier: str) -> TokenRow | None:
        with self._reader.connect() as connection:
            return _one_token(connection, identifier)

    def add_token(
        self, fresh: Fresh, name: str, role: Role, team: str | None, expires: float | None
    ) -> TokenRow:
        """Raises IntegrityError where there is no such team."""
        row = TokenRow(
            fresh.id, name, role, team, fresh.digest, self.clock(), expires, revoked=None, used=None
        )
        values = {field: getattr(row, field) for field in TokenRow.__slots__}
        with self._engine.begin() as connection:
            connection.execute(insert(tokens).values(values))
        return row

    def revoke(self, identifier: str) -> TokenRow | None:
        """Revoking twice changes nothing. None: there is no such token."""
        with self._engine.begin() as connection:
            connection.execute(
                update(tokens)
                .where(tokens.c.id == identifier, tokens.c.revoked.is_(None))
                .values(revoked=self.clock())
            )
            return _one_token(connection, identifier)

    def seen(self, identifier: str, at: float) -> None:
        with self._engine.begin() as connection:
            connection.execute(update(tokens).where(tokens.c.id == identifier).values(used=at))

    # The audit log

    def note(
        self,
        caller: Caller,
        address: str,
        action: str,
        target: str,
        team: str | None = None,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """Append a line: ``caller`` did ``action`` to ``target``, which is ``team``'s."""
        line = {
            "at": self.clock(),
            "actor": caller.name,
            "token": caller.token,
            "team": team,
            "address": address,
            "action": action,
            "target": target,
            "before": before,
            "after": after,
        }
        with self._engine.begin() as connection:
            connection.execute(_NOTE, line)

    def audit(
        self,
        words: Mapping[str, str] | None = None,
        *,
        after: int = 0,
        limit: int = 100,
        newest: bool = False,
        since: float | None = None,
        until: float | None = None,
        before: int | None = None,
    ) -> list[AuditEntry]:
        """By id. ``words``: only lines with these values in ``team``, ``actor``, ``action``, ``target``.

        ``after`` is the last line that is known already, ``before`` the first one.
        ``since`` and ``until`` are seconds since the epoch.
        """
        query = select(audit).where(audit.c.id > after)
        query = query.where(*(audit.c[name] == word for name, word in (words or {}).items()))
        if before is not None:
            query = query.where(audit.c.id < before)
        if since is not None:
            query = query.where(audit.c.at >= since)
        if until is not None:
            query = query.where(audit.c.at < until)
        query = query.order_by(audit.c.id.desc() if newest else audit.c.id).limit(limit)
        with self._reader.connect() as connection:
            return [AuditEntry(**row._mapping) for row in connection.execute(query)]


def _team(row: Row[Any]) -> TeamRow:
    return TeamRow(row.name, row.weight, Quota.model_validate(row.quota), row.created)


def _one_token(connection: Connection, identifier: str) -> TokenRow | None:
    row = connection.execute(select(tokens).where(tokens.c.id == identifier)).first()
    return TokenRow(**row._mapping) if row else None
