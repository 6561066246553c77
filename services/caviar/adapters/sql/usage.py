"""Slot-time that teams have used, from ended attempts; on an open connection."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import BigInteger, Connection, case, cast, func, select

from caviar.adapters.sql.hosts import LASTED
from caviar.adapters.sql.tables import attempts, bundles, studies, trials


@dataclass(frozen=True, slots=True)
class SlotTime:
    """``seconds`` of slots that attempts of one study took between two moments, to a bucket."""

    study_id: str
    began: float
    ended: float
    seconds: float


def slot_time_since(connection: Connection, since: float, bucket_s: int) -> list[SlotTime]:
    """Of the attempts that ended after ``since``, those alike in their times put together."""
    # To whole seconds first: one database cuts off what another rounds.
    began = cast(attempts.c.ended - LASTED, BigInteger) // bucket_s
    ended = cast(attempts.c.ended, BigInteger) // bucket_s
    query = (
        select(trials.c.study_id, began, ended, func.sum(LASTED))
        .join(trials, trials.c.id == attempts.c.trial_id)
        .where(attempts.c.ended >= since)
        .group_by(trials.c.study_id, began, ended)
    )
    return [
        SlotTime(study, (first + 0.5) * bucket_s, (last + 0.5) * bucket_s, float(seconds or 0.0))
        for study, first, last, seconds in connection.execute(query)
    ]


def team_seconds_since(connection: Connection, since: float) -> dict[str, float]:
    """Slot-seconds by team after ``since``, of the attempts that have ended."""
    within = case(
        (attempts.c.ended - LASTED < since, attempts.c.ended - since),
        else_=LASTED,
    )
    query = (
        select(studies.c.team, func.sum(within))
        .select_from(attempts)
        .join(trials, trials.c.id == attempts.c.trial_id)
        .join(studies, studies.c.id == trials.c.study_id)
        .where(attempts.c.ended >= since)
        .group_by(studies.c.team)
    )
    return {team: float(seconds or 0.0) for team, seconds in connection.execute(query)}


def bundle_bytes(connection: Connection, team: str) -> int:
    """Of the code that is kept for the team."""
    query = select(func.coalesce(func.sum(bundles.c.size), 0)).where(bundles.c.team == team)
    return int(connection.execute(query).scalar_one())
