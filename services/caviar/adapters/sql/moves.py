"""What changes a trial: statements on an open connection, each for one edge of ``studies.life``.

A change of state is a compare-and-set: one UPDATE that names the state it leaves and gives the row back that it made.
No row: the trial was not in that state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, and_, insert, select, update

from caviar.adapters.sql.rows import TrialRow
from caviar.adapters.sql.tables import attempts, trials
from caviar.contract.messages import Finish
from caviar.studies.life import FINAL, Verdict


def _trial(row: Row[Any] | None) -> TrialRow | None:
    return None if row is None else TrialRow(**row._mapping)


def create(connection: Connection, values: Mapping[str, Any]) -> TrialRow:
    """Raises IntegrityError where the number is taken."""
    row = connection.execute(insert(trials).values(values).returning(trials)).one()
    return TrialRow(**row._mapping)


def dispatch(connection: Connection, identifier: str) -> TrialRow | None:
    """queued -> dispatched with the next attempt."""
    moved = connection.execute(
        update(trials)
        .where(trials.c.id == identifier, trials.c.state == "queued")
        .values(state="dispatched", attempt=trials.c.attempt + 1, nonce=None)
        .returning(trials)
    ).first()
    return _trial(moved)


def claim(
    connection: Connection,
    identifier: str,
    attempt: int,
    nonce: str,
    host: str,
    incarnation: str,
    slot: int,
    now: float,
) -> TrialRow | None:
    """dispatched -> running for exactly this attempt, once; the same nonce gets the same answer again."""
    this = (trials.c.id == identifier, trials.c.attempt == attempt)
    moved = connection.execute(
        update(trials)
        .where(*this, trials.c.state == "dispatched")
        .values(
            state="running",
            nonce=nonce,
            host=host,
            incarnation=incarnation,
            slot=slot,
            started=now,
        )
        .returning(trials)
    ).first()
    if moved is None:
        again = select(trials).where(*this, trials.c.state == "running", trials.c.nonce == nonce)
        return _trial(connection.execute(again).first())
    connection.execute(
        insert(attempts).values(trial_id=identifier, attempt=attempt, host=host, started=now)
    )
    return _trial(moved)


def finish(
    connection: Connection, message: Finish, verdict: Verdict, violation: float, now: float
) -> TrialRow | None:
    """running -> ``verdict.state`` for exactly this attempt and nonce."""
    moved = connection.execute(
        update(trials)
        .where(
            trials.c.id == message.trial,
            trials.c.attempt == message.attempt,
            trials.c.state == "running",
            trials.c.nonce == message.nonce,
        )
        .values(
            state=verdict.state,
            crashes=verdict.crashes,
            lost=verdict.lost,
            value=message.value,
            metrics=message.metrics,
            violation=violation,
            steps=message.steps,
            curve=[list(point) for point in message.curve],
            error=message.error,
            output=message.output,
            seconds=message.seconds,
            ended=None if verdict.state == "queued" else now,
        )
        .returning(trials)
    ).first()
    if moved is not None:
        _end_attempt(
            connection, message.trial, message.attempt, now, message.outcome, message.error
        )
    return _trial(moved)


def lose(connection: Connection, row: TrialRow, verdict: Verdict, detail: str, now: float) -> bool:
    """running -> ``verdict.state`` because the lease of ``row.attempt`` was lost."""
    moved = connection.execute(
        update(trials)
        .where(
            trials.c.id == row.id,
            trials.c.attempt == row.attempt,
            trials.c.state == "running",
        )
        .values(
            state=verdict.state,
            crashes=verdict.crashes,
            lost=verdict.lost,
            nonce=None,
            error=detail if verdict.state == "quarantined" else trials.c.error,
            ended=None if verdict.state == "queued" else now,
        )
    ).rowcount
    if moved:
        _end_attempt(connection, row.id, row.attempt, now, "lost", detail)
    return bool(moved)


def cancel_waiting(connection: Connection, study_id: str, now: float) -> None:
    """queued, dispatched -> cancelled: those that no worker has claimed."""
    connection.execute(
        update(trials)
        .where(trials.c.study_id == study_id, trials.c.state.in_(("queued", "dispatched")))
        .values(state="cancelled", ended=now)
    )


def shipped(connection: Connection, runs: Mapping[str, str]) -> None:
    """What is known of these trials is in MLflow: a trial that ended is complete there."""
    for identifier, run_id in runs.items():
        connection.execute(
            update(trials)
            .where(trials.c.id == identifier)
            .values(run_id=run_id, shipped=trials.c.state.in_(FINAL))
        )


def write_off(connection: Connection, identifier: str, run_id: str | None) -> None:
    """Nothing more of this trial will come to MLflow."""
    connection.execute(
        update(trials).where(trials.c.id == identifier).values(run_id=run_id, shipped=True)
    )


def _end_attempt(
    connection: Connection, identifier: str, attempt: int, now: float, outcome: str, detail: str
) -> None:
    connection.execute(
        update(attempts)
        .where(and_(attempts.c.trial_id == identifier, attempts.c.attempt == attempt))
        .values(ended=now, outcome=outcome, detail=detail)
    )
