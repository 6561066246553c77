"""The ledger of rounds in SQL: functions on an open connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from caviar.adapters.sql.rows import RoundRow
from caviar.adapters.sql.tables import one_of, rounds, studies
from caviar.studies.life import GOING_ON

# Built once: to build a statement takes longer than to run it.
_OF_STUDY = rounds.c.study_id == bindparam("study")
_SHOWN = (
    select(*(rounds.c[name] for name in RoundRow.__slots__))
    .where(_OF_STUDY, rounds.c["index"] > bindparam("after"))
    .order_by(rounds.c["index"])
)
_READ = {True: _SHOWN.where(rounds.c["index"] <= bindparam("until")), False: _SHOWN}
_RUNS = select(rounds.c["index"], rounds.c.run_id).where(_OF_STUDY)
_COMPUTED_FROM = select(rounds.c.computed_from).where(
    _OF_STUDY, rounds.c["index"] == bindparam("index")
)
_LATEST = select(
    studies.c.id,
    select(func.max(rounds.c["index"]))
    .where(rounds.c.study_id == studies.c.id)
    .correlate(studies)
    .scalar_subquery(),
).where(studies.c.state.in_(one_of(GOING_ON)))
_WRITE = insert(rounds)


def read(
    connection: Connection, study_id: str, after: int, until: int | None = None
) -> list[RoundRow]:
    """By index; ``after`` is the last one that is known already, ``until`` the last one that is wanted."""
    given = {"study": study_id, "after": after}
    bounded = until is not None
    found = connection.execute(_READ[bounded], given | ({"until": until} if bounded else {}))
    return [RoundRow(*row) for row in found]


def runs(connection: Connection, study_id: str) -> dict[int, str | None]:
    """By index; None where the round has no run yet."""
    return {int(index): run for index, run in connection.execute(_RUNS, {"study": study_id})}


def computed_from(connection: Connection, study_id: str, index: int) -> list[list[Any]]:
    """The [trial, run] pairs behind a round, the run None where it was not known; [] without the round."""
    given = {"study": study_id, "index": index}
    return connection.execute(_COMPUTED_FROM, given).scalar() or []


def latest(connection: Connection) -> dict[str, int]:
    """The newest round of every study that has not ended."""
    return {study: int(index) for study, index in connection.execute(_LATEST) if index is not None}


def write(
    connection: Connection,
    study_id: str,
    index: int,
    data: dict[str, Any],
    pairs: Sequence[Sequence[Any]],
    now: float,
) -> None:
    """A round with what it was computed from. Raises IntegrityError where the index is taken."""
    values = {
        "study_id": study_id,
        "index": index,
        "data": data,
        "computed_from": [list(pair) for pair in pairs],
        "created": now,
    }
    connection.execute(_WRITE, values)


def set_run(connection: Connection, study_id: str, index: int, run_id: str) -> None:
    """The round's run in MLflow."""
    connection.execute(
        update(rounds)
        .where(rounds.c.study_id == study_id, rounds.c["index"] == index)
        .values(run_id=run_id)
    )
