"""Slot-time that teams have used, from ended attempts; on an open connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from sqlalchemy import BigInteger, Connection, case, cast, func, literal, select

from caviar.adapters.sql.hosts import LASTED
from caviar.adapters.sql.tables import attempts, bundles, studies, trials

DAY_S: Final = 86_400
HOUR_S: Final = 3600.0


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


@dataclass(frozen=True, slots=True)
class Spent:
    """What attempts of one team took between two moments."""

    begins: float
    ends: float
    slot_hours: float
    gpu_hours: float


def spent_between(connection: Connection, team: str, moments: Sequence[float]) -> list[Spent]:
    """Of the attempts that have ended, in each span between two of the ``moments``: midnights in UTC, rising.

    Attempts of the same days are put together, so that a year of them is read once; what lies in two spans is divided
    exactly, because all of a group are on the same sides of each midnight.
    """
    first = moments[0]
    # To whole seconds first: one database cuts off what another rounds.
    began = cast(attempts.c.ended - LASTED, BigInteger) // DAY_S
    ended = cast(attempts.c.ended, BigInteger) // DAY_S
    each = (LASTED, attempts.c.ended - first, literal(1.0))
    query = (
        select(
            began,
            ended,
            *(func.sum(one) for one in each),
            *(func.sum(one * attempts.c.gpus) for one in each),
        )
        .select_from(attempts)
        .join(trials, trials.c.id == attempts.c.trial_id)
        .join(studies, studies.c.id == trials.c.study_id)
        .where(studies.c.team == team, attempts.c.ended > first)
        .group_by(began, ended)
    )
    spans = list(pairwise(moments))
    slots, gpus = [0.0] * len(spans), [0.0] * len(spans)
    for began_day, ended_day, *sums in connection.execute(query):
        for place, (begins, ends) in enumerate(spans):
            if began_day * DAY_S < ends and (ended_day + 1) * DAY_S > begins:
                span = (begins - first, ends - first)
                inside = (began_day * DAY_S >= begins, (ended_day + 1) * DAY_S <= ends)
                slots[place] += _within(sums[:3], span, inside)
                gpus[place] += _within(sums[3:], span, inside)
    return [
        Spent(begins, ends, slots[place] / HOUR_S, gpus[place] / HOUR_S)
        for place, (begins, ends) in enumerate(spans)
    ]


def _within(sums: Sequence[float], span: tuple[float, float], inside: tuple[bool, bool]) -> float:
    """Seconds of a group within a span, from the sums of what each lasted, when it ended, and its weight; ``inside``:
    whether the group began and ended there."""
    lasted, ended, weight = sums
    until = ended if inside[1] else weight * span[1]
    return until - (ended - lasted if inside[0] else weight * span[0])


def bundle_bytes(connection: Connection, team: str) -> int:
    """Of the code that is kept for the team."""
    query = select(func.coalesce(func.sum(bundles.c.size), 0)).where(bundles.c.team == team)
    return int(connection.execute(query).scalar_one())
