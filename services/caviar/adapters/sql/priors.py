"""Results from elsewhere that a study starts with, in a table of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, func, insert, select

from caviar.adapters.sql.rows import PriorRow
from caviar.adapters.sql.tables import priors
from caviar.contract.messages import ParameterValue

Known = tuple[Mapping[str, ParameterValue], float]
"""A point and its value."""


def read_priors(connection: Connection, study_id: str) -> list[PriorRow]:
    """By number."""
    query = select(priors).where(priors.c.study_id == study_id).order_by(priors.c.number)
    return [PriorRow(**row._mapping) for row in connection.execute(query)]


def write_priors(
    connection: Connection, study_id: str, source: str, results: Iterable[Known]
) -> None:
    """``source`` says where they are from, for instance ``study:1a2b3c4d``; numbers go on from the last one."""
    highest = select(func.max(priors.c.number)).where(priors.c.study_id == study_id)
    last = connection.execute(highest).scalar()
    first = 0 if last is None else last + 1
    rows = [
        {
            "study_id": study_id,
            "number": number,
            "source": source,
            "params": dict(params),
            "value": value,
        }
        for number, (params, value) in enumerate(results, start=first)
    ]
    if rows:
        connection.execute(insert(priors), rows)
