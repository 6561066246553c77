"""Writing whole studies that come from elsewhere, in one transaction for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, and_, func, insert, not_, or_, select, update

from caviar.adapters.sql.moves import NEXT
from caviar.adapters.sql.rows import (
    ChampionRow,
    CheckRow,
    InterventionRow,
    PriorRow,
    StudyRecord,
    TrialRow,
)
from caviar.adapters.sql.tables import (
    attempts,
    interventions,
    priors,
    rechecks,
    rounds,
    studies,
    teams,
    trials,
)
from caviar.adapters.sql.tables import champions as champions_table
from caviar.adapters.sql.tables import checks as checks_table
from caviar.contract.names import ATTEMPTS
from caviar.contract.record import RoundEntry
from caviar.studies.life import ENDED, LEARNT_FROM, OPEN

CHUNK = 1000
"""Rows of one statement."""


class Restoring:
    """Everything is there after the transaction, or nothing of it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def known(self) -> set[str]:
        """The ids of the studies that are there."""
        return set(self._connection.execute(select(studies.c.id)).scalars())

    def write(
        self,
        record: StudyRecord,
        ledger: Sequence[RoundEntry],
        runs: dict[int, str],
        rows: Sequence[TrialRow],
        known: Sequence[PriorRow],
        lost: Sequence[TrialRow],
        done: Sequence[InterventionRow],
    ) -> None:
        """A study with its rounds (``runs``: index -> run), trials, results from elsewhere, what was ``done`` to it.

        ``lost`` are those of its trials whose last attempt nobody holds any more.
        """
        self._there(record.team, record.created)
        self._insert(studies, [_values(record)])
        self._insert(
            rounds,
            (
                {
                    "study_id": record.id,
                    "index": entry.index,
                    "data": entry.data,
                    "computed_from": [list(pair) for pair in entry.computed_from],
                    "created": entry.created,
                    "run_id": runs.get(entry.index),
                }
                for entry in ledger
            ),
        )
        self._insert(trials, (_values(row) | {"changed": row.number + 1} for row in rows))
        self._insert(priors, map(_values, known))
        self._insert(interventions, map(_values, done))
        self._insert(
            attempts,
            (
                {
                    "trial_id": row.id,
                    "attempt": row.attempt,
                    "host": row.host,
                    "started": row.started or row.created,
                    "ended": row.ended or row.created,
                    "outcome": "lost",
                    "detail": "the store was lost",
                }
                for row in lost
            ),
        )

    def write_champions(
        self,
        study_id: str,
        data_version: str | None,
        code_version: str | None,
        champions: Sequence[ChampionRow],
        checks: Sequence[CheckRow],
    ) -> None:
        """What a study recommends, what it was checked for, and the versions that were seen last."""
        seen = {"data_version": data_version, "code_version": code_version}
        self._insert(rechecks, [{"study_id": study_id, "changed": 1, "written": 0, **seen}])
        self._insert(champions_table, map(_values, champions))
        self._insert(checks_table, map(_values, checks))

    def _there(self, team: str, created: float) -> None:
        """Its weight and quota were in the store alone: they are an operator's to set again."""
        found = self._connection.execute(select(teams.c.name).where(teams.c.name == team)).first()
        if found is None:
            values = {"name": team, "weight": 1.0, "quota": {}, "created": created}
            self._connection.execute(insert(teams).values(values))

    def _insert(self, table: Any, values: Iterable[dict[str, Any]]) -> None:
        chunk: list[dict[str, Any]] = []
        for row in values:
            chunk.append(row)
            if len(chunk) == CHUNK:
                self._connection.execute(insert(table), chunk)
                chunk = []
        if chunk:
            self._connection.execute(insert(table), chunk)


def came_back(connection: Connection, now: float) -> tuple[int, int]:
    """After a backup was restored: keep apart what workers hold of the time after it. Studies and trials that go on.

    A worker may know attempts that the store does not, and trials whose numbers are given out again: attempts go on at
    the next hundred, and new trials have names of their own, as after a rebuild (``contract.names.trial_id``).

    Trials that had ended and were not complete in MLflow are trained again: their worker may have shipped them since,
    into the MLflow that was, and have nothing of them any more. A round that rests on one stays. Where their study was
    over, they are not: nobody waits for their runs any more, so that its own can be completed.
    """
    going = studies.c.state.not_in(ENDED)
    known = connection.execute(update(studies).where(going).values(rebuilt=studies.c.rebuilt + 1))
    untold = and_(trials.c.state.in_(LEARNT_FROM), trials.c.shipped.is_(False))
    of_the_going = trials.c.study_id.in_(select(studies.c.id).where(going))
    unrecorded = and_(untold, of_the_going)
    last = select(trials.c.id, trials.c.attempt).where(untold, not_(of_the_going)).subquery()
    connection.execute(
        update(attempts)
        .where(attempts.c.trial_id == last.c.id, attempts.c.attempt == last.c.attempt)
        .values(outcome="lost", detail="a backup was restored")
    )
    again = or_(trials.c.state == "running", unrecorded)
    newest = select(trials.c.id, trials.c.attempt).where(again).subquery()
    connection.execute(
        update(attempts)
        .where(attempts.c.trial_id == newest.c.id, attempts.c.attempt == newest.c.attempt)
        .values(
            ended=func.coalesce(attempts.c.ended, now),
            outcome="released",
            detail="a backup was restored",
        )
    )
    back = connection.execute(
        update(trials)
        .where(or_(trials.c.state.in_(OPEN), unrecorded))
        .values(
            state="queued",
            attempt=trials.c.attempt - trials.c.attempt % ATTEMPTS + ATTEMPTS,
            nonce=None,
            incarnation=None,
            value=None,
            ended=None,
            error="",
            changed=NEXT,
        )
    )
    return known.rowcount, back.rowcount


def _values(
    row: StudyRecord | TrialRow | PriorRow | InterventionRow | ChampionRow | CheckRow,
) -> dict[str, Any]:
    return {name: getattr(row, name) for name in type(row).__slots__}


@contextmanager
def restoring(engine: Engine) -> Iterator[Restoring]:
    """One transaction, for as long as MLflow is read: nobody else writes meanwhile."""
    with engine.begin() as connection:
        yield Restoring(connection)
