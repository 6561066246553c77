"""Results from elsewhere in SQL, and what else a study starts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from caviar.adapters.sql.rows import PriorRow
from caviar.adapters.sql.tables import one_of, priors, studies, trials
from caviar.contract.messages import Origin, ParameterValue
from caviar.contract.names import trial_id
from caviar.contract.views import Note
from caviar.studies.life import GOING_ON
from caviar.studies.mapping import Known as Known

BY_HAND = "by hand"
"""The source of what a person told."""


def of_study(study_id: str) -> str:
    """The source of an earlier study's results."""
    return f"study:{study_id}"


def of_experiment(name: str) -> str:
    """The source of runs of an MLflow experiment."""
    return f"experiment:{name}"[:255]


@dataclass(frozen=True, slots=True)
class Read:
    """What one source gave, and one line on it."""

    source: str
    results: Sequence[Known]
    note: Note


@dataclass(frozen=True, slots=True)
class Start:
    """What a study begins with; written together with it.

    ``points`` are (params, seed) of its first trials, chosen by a person. ``primed`` False: experiments are still to
    be read.
    """

    read: tuple[Read, ...] = ()
    points: tuple[tuple[dict[str, ParameterValue], int], ...] = ()
    primed: bool = True
    origin: Origin | None = None
    """Where the first of the points begins, unless from nothing."""

    @property
    def notes(self) -> tuple[Note, ...]:
        return tuple(each.note for each in self.read)


NOTHING = Start()
_AFTER = (
    select(*(priors.c[name] for name in PriorRow.__slots__))
    .where(priors.c.study_id == bindparam("study"), priors.c.number > bindparam("after"))
    .order_by(priors.c.number)
)
_HIGHEST = select(
    studies.c.id,
    select(func.max(priors.c.number))
    .where(priors.c.study_id == studies.c.id)
    .correlate(studies)
    .scalar_subquery(),
).where(studies.c.state.in_(one_of(GOING_ON)))


def write_start(connection: Connection, study_id: str, start: Start, now: float) -> None:
    for each in start.read:
        write_priors(connection, study_id, each.source, each.results)
    if start.points:
        rows = [
            {
                "id": trial_id(study_id, number),
                "study_id": study_id,
                "number": number,
                "round": 0,
                "state": "queued",
                "params": params,
                "seed": seed,
                "created": now,
                "kind": "added",
                "origin": start.origin.model_dump(mode="json")
                if start.origin is not None and number == 0
                else None,
            }
            for number, (params, seed) in enumerate(start.points)
        ]
        connection.execute(insert(trials), rows)


def read_priors(connection: Connection, study_id: str, after: int = -1) -> list[PriorRow]:
    found = connection.execute(_AFTER, {"study": study_id, "after": after})
    return [PriorRow(*row) for row in found]


def counts(connection: Connection) -> dict[str, int]:
    """Numbers go on from the highest, so it says how many there are; found without counting."""
    return {study: n + 1 for study, n in connection.execute(_HIGHEST) if n is not None}


def write_priors(
    connection: Connection, study_id: str, source: str, results: Sequence[Known]
) -> None:
    """Two processes may append: the study's row is locked where the database locks rows."""
    if not results:
        return
    connection.execute(select(studies.c.id).where(studies.c.id == study_id).with_for_update())
    highest = connection.execute(
        select(func.max(priors.c.number)).where(priors.c.study_id == study_id)
    ).scalar()
    first = 0 if highest is None else int(highest) + 1
    rows: list[dict[str, Any]] = [
        {
            "study_id": study_id,
            "number": number,
            "source": source,
            "params": dict(params),
            "value": value,
        }
        for number, (params, value) in enumerate(results, first)
    ]
    connection.execute(insert(priors), rows)


def prime(connection: Connection, study_id: str, read: Sequence[Read]) -> bool:
    """unprimed -> primed, with all that was read and the notes on it."""
    row = connection.execute(
        select(studies.c.notes)
        .where(studies.c.id == study_id, studies.c.primed.is_(False))
        .with_for_update()
    ).first()
    if row is None:
        return False
    for each in read:
        write_priors(connection, study_id, each.source, each.results)
    notes = [*row.notes, *(each.note.model_dump() for each in read)]
    connection.execute(
        update(studies).where(studies.c.id == study_id).values(notes=notes, primed=True)
    )
    return True
