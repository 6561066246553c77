"""Reads of trials: one, a page, the best, how many; on an open connection."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, bindparam, func, literal, select

from caviar.adapters.sql.rows import TrialRow
from caviar.adapters.sql.tables import DONE, attempts, one_of, studies, trials
from caviar.contract.views import TrialKind, TrialState
from caviar.studies.life import FINAL, GOING_ON, LEARNT_FROM, TRIAL_STATES

WHOLE = [trials.c[name] for name in TrialRow.__slots__]
LISTED = [literal("").label("output") if c.name == "output" else c for c in WHOLE]
"""The output is most of a trial's row, and shown of single trials alone."""

# Built once: to build a statement takes longer than to run it.
_OF_STUDY = trials.c.study_id == bindparam("study")
_NEWEST_ENDS = select(
    studies.c.id,
    select(func.max(trials.c.ended))
    .where(trials.c.study_id == studies.c.id, trials.c.ended.is_not(None))
    .correlate(studies)
    .scalar_subquery(),
).where(studies.c.state.in_(one_of(GOING_ON)))
_COUNTS = select(trials.c.study_id, trials.c.state, func.count()).group_by(
    trials.c.study_id, trials.c.state
)
_COUNTS_OF_ONE = _COUNTS.where(_OF_STUDY)
_COUNTS_OF_MANY = _COUNTS.where(trials.c.study_id.in_(bindparam("studies", expanding=True)))
_SHIPPED = select(func.count()).where(_OF_STUDY, trials.c.shipped.is_(True))
_UNSHIPPED = select(func.count()).where(
    _OF_STUDY,
    trials.c.ended.is_not(None),
    trials.c.started.is_not(None),
    trials.c.shipped.is_(False),
)
_ONE = select(*WHOLE).where(trials.c.id == bindparam("trial"))
_NUMBERED = select(*WHOLE).where(_OF_STUDY, trials.c.number == bindparam("number"))
_RECENT_LENGTHS = (
    select(trials.c.seconds)
    .where(
        _OF_STUDY,
        trials.c.ended.is_not(None),
        trials.c.state.in_(one_of(LEARNT_FROM)),
        trials.c.seconds.is_not(None),
    )
    .order_by(trials.c.ended.desc())
    .limit(bindparam("limit"))
)
_FAILURES = {
    state: select(*LISTED)
    .where(_OF_STUDY, trials.c.state.in_(one_of([state])))
    .order_by(trials.c.number.desc())
    .limit(bindparam("limit"))
    for state in ("failed", "quarantined")
}
_BEST = {
    maximize: select(*WHOLE)
    .where(_OF_STUDY, DONE, trials.c.kind != "confirm", trials.c.violation <= 0.0)
    .order_by(trials.c.value.desc() if maximize else trials.c.value, trials.c.number)
    .limit(1)
    for maximize in (True, False)
}
_LOST_FOR_GOOD = (
    select(*WHOLE)
    .join(
        attempts,
        and_(attempts.c.trial_id == trials.c.id, attempts.c.attempt == trials.c.attempt),
    )
    .where(
        _OF_STUDY,
        trials.c.state.in_(one_of(FINAL)),
        trials.c.shipped.is_(False),
        attempts.c.outcome == "lost",
    )
)
_OF_RUN = select(trials.c.id).where(trials.c.run_id == bindparam("run")).limit(1)
_ATTEMPTS = (
    select(attempts).where(attempts.c.trial_id == bindparam("trial")).order_by(attempts.c.attempt)
)


def trial_of(row: Row[*tuple[Any, ...]] | None) -> TrialRow | None:
    return None if row is None else TrialRow(*row)


def newest_ends(connection: Connection) -> dict[str, float]:
    """When the last trial ended, of every study that has not ended."""
    return {study: end for study, end in connection.execute(_NEWEST_ENDS) if end is not None}


def counts_of(connection: Connection, study_ids: Sequence[str]) -> dict[str, dict[TrialState, int]]:
    """Trials by state, zeros included, of each of these studies."""
    found = {study: dict.fromkeys(TRIAL_STATES, 0) for study in study_ids}
    if len(found) == 1:
        rows = connection.execute(_COUNTS_OF_ONE, {"study": study_ids[0]})
    else:
        rows = connection.execute(_COUNTS_OF_MANY, {"studies": list(found)})
    for study, state, count in rows:
        found[study][state] = int(count)
    return found


def shipped_count(connection: Connection, study_id: str) -> int:
    """Ended trials whose MLflow run is complete."""
    return int(connection.execute(_SHIPPED, {"study": study_id}).scalar_one())


def unshipped(connection: Connection, study_id: str) -> int:
    """Ended trials that were started and whose MLflow run is not complete yet."""
    return int(connection.execute(_UNSHIPPED, {"study": study_id}).scalar_one())


def one(connection: Connection, identifier: str) -> TrialRow | None:
    return trial_of(connection.execute(_ONE, {"trial": identifier}).first())


def numbered(connection: Connection, study_id: str, number: int) -> TrialRow | None:
    """A study's trial of that number."""
    return trial_of(connection.execute(_NUMBERED, {"study": study_id, "number": number}).first())


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
    given = {
        "study": study_id,
        "after": after,
        "limit": limit,
        "since": ended_since,
        "kind": kind,
    }
    known = {name: value for name, value in given.items() if value is not None}
    query = _page(frozenset(known), None if states is None else tuple(sorted(states)), newest_first)
    return [TrialRow(*row) for row in connection.execute(query, known)]


@lru_cache
def _page(
    given: frozenset[str], states: tuple[TrialState, ...] | None, newest_first: bool
) -> Select[Any]:
    order = trials.c.number.desc() if newest_first else trials.c.number
    query = select(*LISTED).where(trials.c.number > bindparam("after")).order_by(order)
    if "study" in given:
        query = query.where(_OF_STUDY)
    if states is not None:
        query = query.where(trials.c.state.in_(one_of(states)))
    if "kind" in given:
        query = query.where(trials.c.kind == bindparam("kind"))
    if "since" in given:
        query = query.where(trials.c.ended >= bindparam("since"))
    return query.limit(bindparam("limit")) if "limit" in given else query


def recent_lengths(connection: Connection, study_id: str, limit: int) -> list[float]:
    """Seconds of the newest trials that ended by themselves, the newest first."""
    found = connection.execute(_RECENT_LENGTHS, {"study": study_id, "limit": limit}).scalars()
    return [float(seconds) for seconds in found]


def failures(connection: Connection, study_id: str, limit: int) -> list[TrialRow]:
    """The newest that failed or are quarantined, without their output, the newest first."""
    given = {"study": study_id, "limit": limit}
    found = [
        TrialRow(*row) for query in _FAILURES.values() for row in connection.execute(query, given)
    ]
    return sorted(found, key=lambda row: -row.number)[:limit]


def best(connection: Connection, study_id: str, maximize: bool) -> TrialRow | None:
    """The finished trial within the study's bounds with the best value; the earlier one of equals.

    A leader's new runs are not looked at: the luckiest of them says no more than the luckiest trial.
    """
    return trial_of(connection.execute(_BEST[maximize], {"study": study_id}).first())


def is_of_a_trial(connection: Connection, run_id: str) -> bool:
    return connection.execute(_OF_RUN, {"run": run_id}).first() is not None


def lost_for_good(connection: Connection, study_id: str) -> list[TrialRow]:
    """Trials that ended with the loss of their host: no worker will ever complete their runs."""
    return [TrialRow(*row) for row in connection.execute(_LOST_FOR_GOOD, {"study": study_id})]


def attempts_of(connection: Connection, identifier: str) -> list[dict[str, Any]]:
    found = connection.execute(_ATTEMPTS, {"trial": identifier})
    return [dict(row._mapping) for row in found]
