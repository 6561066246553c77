"""Reads and writes of studies: one, lists of them, their states; on an open connection."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Select,
    Text,
    Update,
    bindparam,
    insert,
    not_,
    or_,
    select,
    tuple_,
    update,
)

from caviar.adapters.sql.rows import StudyRecord
from caviar.adapters.sql.tables import one_of, studies, teams
from caviar.contract.views import StudyState
from caviar.errors import CaviarError
from caviar.studies.life import ENDED

# Built once: to build a statement takes longer than to run it.
_ROW = [studies.c[name] for name in StudyRecord.__slots__]
_ALL = select(*_ROW)
_SEEN = or_(studies.c.team == bindparam("team"), studies.c.shared)
"""Studies that a team may look at: its own, and what others share."""
_ADD = insert(studies)
_ONE = _ALL.where(studies.c.id == bindparam("study"))
_UNFINISHED = _ALL.where(
    studies.c.fingerprint == bindparam("fingerprint"),
    studies.c.state.not_in(one_of(ENDED)),
    studies.c.team == bindparam("team"),
    studies.c.bundle.is_not_distinct_from(bindparam("bundle", type_=Text)),
).order_by(studies.c.created.desc())
_EXPERIMENTS = (
    select(studies.c.team, studies.c.experiment_id)
    .distinct()
    .where(studies.c.experiment_id.is_not(None))
)


class Taken(CaviarError):
    """What a study was to be added for was taken by another process. Nothing was changed."""


def add(connection: Connection, record: StudyRecord) -> None:
    connection.execute(_ADD, {name: getattr(record, name) for name in StudyRecord.__slots__})


def one(connection: Connection, study_id: str) -> StudyRecord | None:
    row = connection.execute(_ONE, {"study": study_id}).first()
    return StudyRecord(*row) if row else None


def oldest(
    connection: Connection,
    states: Iterable[StudyState] | None,
    closed: bool | None,
    team: str | None,
) -> list[StudyRecord]:
    """The oldest first; only those in these states, whose record in MLflow is so, that the team may see."""
    query = _oldest(
        None if states is None else tuple(sorted(states)), closed is not None, team is not None
    )
    found = connection.execute(query, _given(closed=closed, team=team))
    return [StudyRecord(*row) for row in found]


@lru_cache
def _oldest(states: tuple[StudyState, ...] | None, closed: bool, team: bool) -> Select[Any]:
    query = _ALL.order_by(studies.c.created, studies.c.id)
    if states is not None:
        query = query.where(studies.c.state.in_(one_of(states)))
    if closed:
        query = query.where(studies.c.closed == bindparam("closed", type_=Boolean))
    return query.where(_SEEN) if team else query


def newest(
    connection: Connection,
    limit: int,
    called: str | None,
    team: str | None,
    before: StudyRecord | None,
) -> list[StudyRecord]:
    """The newest first: see ``Store.newest_studies``."""
    query = _newest(called is not None, team is not None, before is not None)
    given = _given(
        limit=limit,
        called=called,
        begins=None if called is None else _escaped(called) + "%",
        team=team,
        created=None if before is None else before.created,
        before=None if before is None else before.id,
    )
    return [StudyRecord(*row) for row in connection.execute(query, given)]


@lru_cache
def _newest(called: bool, team: bool, before: bool) -> Select[Any]:
    query = _ALL.order_by(studies.c.created.desc(), studies.c.id.desc())
    if team:
        query = query.where(_SEEN)
    if called:
        begins = studies.c.id.like(bindparam("begins"), escape="/")
        query = query.where(or_(studies.c.name == bindparam("called"), begins))
    if before:
        here: ColumnElement[Any] = tuple_(studies.c.created, studies.c.id)
        query = query.where(here < tuple_(bindparam("created"), bindparam("before")))
    return query.limit(bindparam("limit"))


def _escaped(words: str) -> str:
    """As part of a LIKE whose escape is ``/``."""
    return words.replace("/", "//").replace("%", "/%").replace("_", "/_")


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def unfinished(
    connection: Connection, fingerprint: str, team: str, bundle: str | None
) -> StudyRecord | None:
    """The team's newest study of this content, with this code, that has not ended."""
    given = {"fingerprint": fingerprint, "team": team, "bundle": bundle}
    row = connection.execute(_UNFINISHED, given).first()
    return StudyRecord(*row) if row else None


def move(
    connection: Connection,
    study_id: str,
    leaving: Iterable[StudyState],
    to: StudyState,
    reason: str,
    now: float,
) -> bool:
    """Compare-and-set of a study's state."""
    given = {
        "study": study_id,
        "to": to,
        "reason_now": reason,
        "ended_now": now if to in ENDED else None,
    }
    return bool(connection.execute(_move(tuple(sorted(leaving))), given).rowcount)


@lru_cache
def _move(leaving: tuple[StudyState, ...]) -> Update:
    return (
        update(studies)
        .where(studies.c.id == bindparam("study"), studies.c.state.in_(one_of(leaving)))
        .values(state=bindparam("to"), reason=bindparam("reason_now"), ended=bindparam("ended_now"))
    )


def edit(connection: Connection, study_id: str, values: dict[str, Any]) -> StudyRecord | None:
    """Set some of its columns; the study as it is then. None: there is no such study."""
    if values:
        connection.execute(update(studies).where(studies.c.id == study_id).values(values))
    return one(connection, study_id)


def experiments(connection: Connection) -> dict[str, frozenset[str]]:
    """The MLflow experiments of each team's studies, by their ids; teams without one are left out."""
    found: dict[str, set[str]] = {}
    for team, experiment in connection.execute(_EXPERIMENTS):
        found.setdefault(team, set()).add(experiment)
    return {team: frozenset(ids) for team, ids in found.items()}


def not_for(connection: Connection, team: str) -> tuple[frozenset[str], frozenset[str]]:
    """All teams but this one, and the studies that it may not look at."""
    others = connection.execute(select(teams.c.name).where(teams.c.name != team)).scalars()
    hidden = connection.execute(select(studies.c.id).where(not_(_SEEN)), {"team": team}).scalars()
    return frozenset(others), frozenset(hidden)
