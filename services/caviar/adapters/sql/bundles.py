"""Reads and writes of code bundles. Each public method is one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine, delete, func, insert, select

from caviar.adapters.sql.engine import reading
from caviar.adapters.sql.tables import bundles, studies, teams
from caviar.contract.access import Quota

KEPT_S = 3600.0
"""A bundle that no study has named yet is kept so long: its study may be on its way."""


@dataclass(frozen=True, slots=True)
class KeptCode:
    """A bundle that is kept, and the newest study that brought or used it."""

    digest: str
    size: int
    study: str
    name: str
    created: float
    """Of the study."""


class Bundles:
    """The bundles in the store behind ``engine``; ``clock`` gives seconds since the epoch."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._reader = reading(engine)
        self._clock = clock

    def has(self, team: str, digest: str) -> bool:
        here = (bundles.c.team == team) & (bundles.c.digest == digest)
        with self._reader.connect() as connection:
            return connection.execute(select(bundles.c.size).where(here)).first() is not None

    def add(self, team: str, digest: str, data: bytes) -> int | None:
        """Keep a bundle that was checked. Where the team's quota has no room, bundles go that no unfinished study
        needs, the oldest first. Returns None, or how many bytes are missing even so: then nothing has changed.
        """
        now = self._clock()
        with self._engine.begin() as connection:
            ours = bundles.c.team == team
            here = ours & (bundles.c.digest == digest)
            if connection.execute(select(bundles.c.size).where(here)).first() is not None:
                return None
            given = connection.execute(select(teams.c.quota).where(teams.c.name == team)).scalar()
            storage = Quota.model_validate(given or {}).storage
            if storage is not None:
                used = connection.execute(
                    select(func.coalesce(func.sum(bundles.c.size), 0)).where(ours)
                ).scalar_one()
                needed = used + len(data) - storage
                open_ones = (studies.c.team == team) & studies.c.state.in_(("running", "paused"))
                wanted = select(studies.c.bundle).where(open_ones, studies.c.bundle.is_not(None))
                idle = connection.execute(
                    select(bundles.c.digest, bundles.c.size)
                    .where(ours, bundles.c.digest.not_in(wanted), bundles.c.created < now - KEPT_S)
                    .order_by(bundles.c.created)
                ).all()
                gone = []
                for row in idle:
                    if needed <= 0:
                        break
                    gone.append(row.digest)
                    needed -= row.size
                if needed > 0:
                    return int(needed)
                connection.execute(delete(bundles).where(ours, bundles.c.digest.in_(gone)))
            connection.execute(
                insert(bundles).values(
                    team=team, digest=digest, size=len(data), created=now, data=data
                )
            )
            return None

    def kept(self, team: str, limit: int) -> list[KeptCode]:
        """Code of the team that another study may use again, the newest studies first."""
        newest = (
            select(studies.c.bundle, func.max(studies.c.created).label("created"))
            .where(studies.c.team == team, studies.c.bundle.is_not(None))
            .group_by(studies.c.bundle)
            .subquery()
        )
        same = (studies.c.bundle == newest.c.bundle) & (studies.c.created == newest.c.created)
        query = (
            select(
                bundles.c.digest, bundles.c.size, studies.c.id, studies.c.name, studies.c.created
            )
            .join(newest, newest.c.bundle == bundles.c.digest)
            .join(studies, same & (studies.c.team == team))
            .where(bundles.c.team == team)
            .order_by(studies.c.created.desc())
            .limit(limit)
        )
        with self._reader.connect() as connection:
            return [KeptCode(*row) for row in connection.execute(query)]

    def of_study(self, study: str) -> bytes | None:
        """The archive that the study brought along; None where it brought none, or it is gone."""
        joined = (bundles.c.team == studies.c.team) & (bundles.c.digest == studies.c.bundle)
        found = select(bundles.c.data).join(studies, joined).where(studies.c.id == study)
        with self._reader.connect() as connection:
            data = connection.execute(found).scalar()
            return None if data is None else bytes(data)
