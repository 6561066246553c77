"""The ledger of rounds in SQL: functions on an open connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from caviar.adapters.sql.rows import RoundRow
from caviar.adapters.sql.tables import rounds, studies
from caviar.studies.life import GOING_ON


def read(
    connection: Connection, study_id: str, after: int, until: int | None = None
) -> list[RoundRow]:
    """By index; ``after`` is the last one that is known already, ``until`` the last one that is wanted."""
    query = (
        select(*(rounds.c[name] for name in RoundRow.__slots__))
        .where(rounds.c.study_id == study_id, rounds.c["index"] > after)
        .order_by(rounds.c["index"])
    )
    if until is not None:
        query = query.where(rounds.c["index"] <= until)
    return [RoundRow(**row._mapping) for row in connection.execute(query)]


def runs(connection: Connection, study_id: str) -> dict[int, str | None]:
    """By index; None where the round has no run yet."""
    query = select(rounds.c["index"], rounds.c.run_id).where(rounds.c.study_id == study_id)
    return {int(row[0]): row[1] for row in connection.execute(query)}


def computed_from(connection: Connection, study_id: str, index: int) -> list[list[Any]]:
    """The [trial, run] pairs behind a round, the run None where it was not known; [] without the round."""
    query = select(rounds.c.computed_from).where(
        rounds.c.study_id == study_id, rounds.c["index"] == index
    )
    return connection.execute(query).scalar() or []


def latest(connection: Connection) -> dict[str, int]:
    """The newest round of every study that has not ended."""
    newest = (
        select(func.max(rounds.c["index"]))
        .where(rounds.c.study_id == studies.c.id)
        .correlate(studies)
        .scalar_subquery()
    )
    query = select(studies.c.id, newest).where(studies.c.state.in_(GOING_ON))
    return {study: int(index) for study, index in connection.execute(query) if index is not None}


def write(
    connection: Connection,
    study_id: str,
    index: int,
    data: dict[str, Any],
    pairs: Sequence[Sequence[Any]],
    now: float,
) -> None:
    """A round with what it was computed from. Raises IntegrityError where the index is taken."""
    connection.execute(
        insert(rounds).values(
            study_id=study_id,
            index=index,
            data=data,
            computed_from=[list(pair) for pair in pairs],
            created=now,
        )
    )


def set_run(connection: Connection, study_id: str, index: int, run_id: str) -> None:
    """The round's run in MLflow."""
    connection.execute(
        update(rounds)
        .where(rounds.c.study_id == study_id, rounds.c["index"] == index)
        .values(run_id=run_id)
    )
