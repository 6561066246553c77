"""What happened in studies since somebody looked: few columns, on an open connection.

Every change of a trial's state has a number, rising by study (``trials.changed``). It lives in the database: who was
cut off goes on from it after a restart of the service.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, func, literal, or_, select

from caviar.adapters.sql.reads import LISTED
from caviar.adapters.sql.rows import TrialRow
from caviar.adapters.sql.tables import one_of, rounds, studies, trials
from caviar.contract.views import StudyState
from caviar.studies.life import ENDED


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a study has come."""

    team: str
    state: StudyState
    changed: int
    """The newest change of one of its trials."""
    round: int
    """The newest round; -1 before the first."""


def _newest(column: ColumnElement[int], study: ColumnElement[str], none: int) -> ColumnElement[int]:
    newest = select(func.max(column)).where(study == studies.c.id).scalar_subquery()
    return func.coalesce(newest, literal(none))


_MARK = select(
    studies.c.id,
    studies.c.team,
    studies.c.state,
    _newest(trials.c.changed, trials.c.study_id, 0),
    _newest(rounds.c.index, rounds.c.study_id, -1),
)
_MARKS = _MARK.where(studies.c.id.in_(bindparam("studies", expanding=True)))
_OPEN = _MARK.where(
    or_(studies.c.state.not_in(one_of(ENDED)), studies.c.ended >= bindparam("since"))
)
_OPEN_RUNS = (
    select(func.count())
    .where(
        trials.c.study_id == studies.c.id,
        trials.c.ended.is_not(None),
        trials.c.started.is_not(None),
        trials.c.shipped.is_(False),
    )
    .scalar_subquery()
)
_RUNS = (
    select(func.count(rounds.c.run_id)).where(rounds.c.study_id == studies.c.id).scalar_subquery()
)
_CHANGED = (
    select(*LISTED)
    .where(trials.c.study_id == bindparam("study"), trials.c.changed > bindparam("after"))
    .order_by(trials.c.changed)
    .limit(bindparam("limit"))
)
_SHOWN = _MARK.add_columns(_OPEN_RUNS, _RUNS).where(studies.c.id == bindparam("study"))


def shown_of(connection: Connection, study_id: str) -> tuple[Any, ...]:
    """All that an answer on a study takes from the tables beside its own row, in few numbers."""
    return tuple(connection.execute(_SHOWN, {"study": study_id}).one())


def marks_of(connection: Connection, study_ids: Sequence[str]) -> dict[str, Mark]:
    return _marks(connection.execute(_MARKS, {"studies": list(study_ids)}))


def open_marks(connection: Connection, since: float) -> dict[str, Mark]:
    return _marks(connection.execute(_OPEN, {"since": since}))


def _marks(rows: Iterable[Any]) -> dict[str, Mark]:
    return {row[0]: Mark(row[1], row[2], row[3], row[4]) for row in rows}


def changed_trials(connection: Connection, study_id: str, after: int, limit: int) -> list[TrialRow]:
    given = {"study": study_id, "after": after, "limit": limit}
    return [TrialRow(*row) for row in connection.execute(_CHANGED, given)]
