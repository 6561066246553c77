"""Reads of trials: one, a page, the best, how many; on an open connection."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, func, literal, select

from caviar.adapters.sql.rows import TrialRow
from caviar.adapters.sql.tables import DONE, attempts, studies, trials
from caviar.contract.views import TrialKind, TrialState
from caviar.studies.life import FINAL, GOING_ON, LEARNT_FROM, TRIAL_STATES

LISTED = [literal("").label("output") if c.name == "output" else c for c in trials.c]
"""The output is most of a trial's row, and shown of single trials alone."""


def trial_of(row: Row[Any]) -> TrialRow:
    return TrialRow(**row._mapping)


def newest_ends(connection: Connection) -> dict[str, float]:
    """When the last trial ended, of every study that has not ended."""
    newest = (
        select(func.max(trials.c.ended))
        .where(trials.c.study_id == studies.c.id)
        .correlate(studies)
        .scalar_subquery()
    )
    query = select(studies.c.id, newest).where(studies.c.state.in_(GOING_ON))
    return {study: end for study, end in connection.execute(query) if end is not None}


def counts_of(connection: Connection, study_ids: Sequence[str]) -> dict[str, dict[TrialState, int]]:
    """Trials by state, zeros included, of each of these studies."""
    query = (
        select(trials.c.study_id, trials.c.state, func.count())
        .where(trials.c.study_id.in_(study_ids))
        .group_by(trials.c.study_id, trials.c.state)
    )
    found = {study: dict.fromkeys(TRIAL_STATES, 0) for study in study_ids}
    for study, state, count in connection.execute(query):
        found[study][state] = int(count)
    return found


def shipped_count(connection: Connection, study_id: str) -> int:
    """Ended trials whose MLflow run is complete."""
    query = select(func.count()).where(trials.c.study_id == study_id, trials.c.shipped.is_(True))
    return int(connection.execute(query).scalar_one())


def unshipped(connection: Connection, study_id: str) -> int:
    """Ended trials that were started and whose MLflow run is not complete yet."""
    query = select(func.count()).where(
        trials.c.study_id == study_id,
        trials.c.ended.is_not(None),
        trials.c.started.is_not(None),
        trials.c.shipped.is_(False),
    )
    return int(connection.execute(query).scalar_one())


def one(connection: Connection, identifier: str) -> TrialRow | None:
    row = connection.execute(select(trials).where(trials.c.id == identifier)).first()
    return trial_of(row) if row else None


def numbered(connection: Connection, study_id: str, number: int) -> TrialRow | None:
    """A study's trial of that number."""
    query = select(trials).where(trials.c.study_id == study_id, trials.c.number == number)
    row = connection.execute(query).first()
    return trial_of(row) if row else None


def page(
    connection: Connection,
    study_id: str | None = None,
    states: Iterable[TrialState] | None = None,
    after: int = -1,
    limit: int | None = None,
    newest_first: bool = False,
    ended_since: float | None = None,
    kind: TrialKind | None = None,
) -> list[TrialRow]:
    """Trials by number, without their output; ``after`` is the last number of the page before."""
    order = trials.c.number.desc() if newest_first else trials.c.number
    query = select(*LISTED).where(trials.c.number > after).order_by(order)
    if study_id is not None:
        query = query.where(trials.c.study_id == study_id)
    if states is not None:
        query = query.where(trials.c.state.in_(list(states)))
    if kind is not None:
        query = query.where(trials.c.kind == kind)
    if ended_since is not None:
        query = query.where(trials.c.ended >= ended_since)
    if limit is not None:
        query = query.limit(limit)
    return [trial_of(row) for row in connection.execute(query)]


def recent_lengths(connection: Connection, study_id: str, limit: int) -> list[float]:
    """Seconds of the newest trials that ended by themselves, the newest first."""
    query = (
        select(trials.c.seconds)
        .where(
            trials.c.study_id == study_id,
            trials.c.state.in_(LEARNT_FROM),
            trials.c.seconds.is_not(None),
        )
        .order_by(trials.c.ended.desc())
        .limit(limit)
    )
    return [float(seconds) for seconds in connection.execute(query).scalars()]


def best(connection: Connection, study_id: str, maximize: bool) -> TrialRow | None:
    """The finished trial within the study's bounds with the best value; the earlier one of equals.

    A leader's new runs are not looked at: the luckiest of them says no more than the luckiest trial.
    """
    order = trials.c.value.desc() if maximize else trials.c.value
    query = (
        select(trials)
        .where(
            trials.c.study_id == study_id,
            DONE,
            trials.c.kind != "confirm",
            trials.c.violation <= 0.0,
        )
        .order_by(order, trials.c.number)
        .limit(1)
    )
    row = connection.execute(query).first()
    return trial_of(row) if row else None


def lost_for_good(connection: Connection, study_id: str) -> list[TrialRow]:
    """Trials that ended with the loss of their host: no worker will ever complete their runs."""
    query = (
        select(trials)
        .join(
            attempts,
            and_(attempts.c.trial_id == trials.c.id, attempts.c.attempt == trials.c.attempt),
        )
        .where(
            trials.c.study_id == study_id,
            trials.c.state.in_(FINAL),
            trials.c.shipped.is_(False),
            attempts.c.outcome == "lost",
        )
    )
    return [trial_of(row) for row in connection.execute(query)]


def attempts_of(connection: Connection, identifier: str) -> list[dict[str, Any]]:
    query = select(attempts).where(attempts.c.trial_id == identifier).order_by(attempts.c.attempt)
    return [dict(row._mapping) for row in connection.execute(query)]
