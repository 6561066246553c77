"""What changes a trial: statements on an open connection, each for one edge of ``studies.life``.

A change of state is a compare-and-set: one UPDATE that names the state it leaves and gives the row back that it made.
No row: the trial was not in that state. It also gives the trial its place among the changes of its study, from which
those who watch it go on: the scheduler is the only one to change trials, one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    Connection,
    Integer,
    and_,
    bindparam,
    case,
    func,
    insert,
    or_,
    select,
    update,
)

from caviar.adapters.sql.reads import WHOLE, trial_of
from caviar.adapters.sql.rows import TrialRow
from caviar.adapters.sql.tables import attempts, one_of, trials
from caviar.contract.messages import Finish
from caviar.studies.life import FINAL, OPEN, Verdict

_others = trials.alias("others")
NEXT = (
    select(func.coalesce(func.max(_others.c.changed), 0) + 1)
    .where(_others.c.study_id == trials.c.study_id)
    .scalar_subquery()
)

# Built once: to build a statement takes as long as to run it.
_THIS = (trials.c.id == bindparam("this_trial"), trials.c.attempt == bindparam("this_attempt"))
_CREATE = insert(trials).returning(*WHOLE)
_DISPATCH = (
    update(trials)
    .where(trials.c.id == bindparam("this_trial"), trials.c.state == "queued")
    .values(state="dispatched", attempt=trials.c.attempt + 1, nonce=None)
    .returning(*WHOLE)
)
_CLAIM = (
    update(trials)
    .where(*_THIS, trials.c.state == "dispatched")
    .values(
        {name: bindparam(f"new_{name}") for name in ("nonce", "host", "incarnation", "slot", "gpu")}
    )
    .values(state="running", started=bindparam("now"), changed=NEXT)
    .returning(*WHOLE)
)
_CLAIMED = select(*WHOLE).where(
    *_THIS, trials.c.state == "running", trials.c.nonce == bindparam("new_nonce")
)
_ENDED = (
    *("state", "crashes", "lost", "value", "metrics", "violation", "steps", "curve"),
    *("error", "output", "seconds", "ended"),
)
_FINISH = (
    update(trials)
    .where(*_THIS, trials.c.state == "running", trials.c.nonce == bindparam("this_nonce"))
    .values({name: bindparam(f"new_{name}") for name in _ENDED})
    .values(changed=NEXT)
    .returning(*WHOLE)
)
_CANCEL = (
    update(trials)
    .where(
        trials.c.study_id == bindparam("study"),
        trials.c.state.in_(one_of(("queued", "dispatched"))),
    )
    .values(state="cancelled", ended=bindparam("now"), changed=NEXT + trials.c.number)
)
_ATTEMPT = insert(attempts)
_END_ATTEMPT = (
    update(attempts)
    .where(
        attempts.c.trial_id == bindparam("this_trial"),
        attempts.c.attempt == bindparam("this_attempt"),
    )
    .values({name: bindparam(f"new_{name}") for name in ("ended", "outcome", "detail", "seconds")})
)


def create(connection: Connection, values: Mapping[str, Any]) -> TrialRow:
    """Raises IntegrityError where the number is taken."""
    row = connection.execute(_CREATE, dict(values)).one()
    return TrialRow(*row)


def dispatch(connection: Connection, identifier: str) -> TrialRow | None:
    """queued -> dispatched with the next attempt."""
    moved = connection.execute(_DISPATCH, {"this_trial": identifier}).first()
    return trial_of(moved)


def claim(
    connection: Connection,
    identifier: str,
    attempt: int,
    nonce: str,
    host: str,
    incarnation: str,
    slot: int,
    now: float,
    gpu: str | None,
    gpus: float,
) -> TrialRow | None:
    """dispatched -> running for exactly this attempt, once; the same nonce gets the same answer again."""
    given = {
        "this_trial": identifier,
        "this_attempt": attempt,
        "new_nonce": nonce,
        "new_host": host,
        "new_incarnation": incarnation,
        "new_slot": slot,
        "new_gpu": gpu,
        "now": now,
    }
    moved = connection.execute(_CLAIM, given).first()
    if moved is None:
        return trial_of(connection.execute(_CLAIMED, given).first())
    connection.execute(
        _ATTEMPT,
        {
            "trial_id": identifier,
            "attempt": attempt,
            "host": host,
            "started": now,
            "detail": "",
            "gpus": gpus,
        },
    )
    return trial_of(moved)


def finish(
    connection: Connection,
    message: Finish,
    verdict: Verdict,
    violation: float,
    now: float,
    slot_s: float | None,
) -> TrialRow | None:
    """running -> ``verdict.state`` for exactly this attempt and nonce."""
    moved = connection.execute(
        _FINISH,
        {
            "this_trial": message.trial,
            "this_attempt": message.attempt,
            "this_nonce": message.nonce,
            "new_state": verdict.state,
            "new_crashes": verdict.crashes,
            "new_lost": verdict.lost,
            "new_value": message.value,
            "new_metrics": message.metrics,
            "new_violation": violation,
            "new_steps": message.steps,
            "new_curve": [list(point) for point in message.curve],
            "new_error": message.error,
            "new_output": message.output,
            "new_seconds": message.seconds,
            "new_ended": None if verdict.state == "queued" else now,
        },
    ).first()
    if moved is not None:
        _end_attempt(
            connection, message.trial, message.attempt, now, message.outcome, message.error, slot_s
        )
    return trial_of(moved)


def lose(
    connection: Connection,
    row: TrialRow,
    verdict: Verdict,
    detail: str,
    now: float,
    slot_s: float | None,
    output: str | None,
) -> bool:
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
            output=trials.c.output if output is None else output,
            ended=None if verdict.state == "queued" else now,
            changed=NEXT,
        )
    ).rowcount
    if moved:
        _end_attempt(connection, row.id, row.attempt, now, "lost", detail, slot_s)
    return bool(moved)


def stop_one(connection: Connection, identifier: str, now: float) -> TrialRow | None:
    """queued, dispatched -> cancelled; running: noted as asked to end."""
    waits = trials.c.state.in_(("queued", "dispatched"))
    moved = connection.execute(
        update(trials)
        .where(trials.c.id == identifier, trials.c.state.in_(OPEN))
        .values(
            stop_asked=True,
            state=case((waits, "cancelled"), else_=trials.c.state),
            ended=case((waits, now), else_=trials.c.ended),
            changed=NEXT,
        )
        .returning(*WHOLE)
    ).first()
    return trial_of(moved)


def cancel_waiting(connection: Connection, study_id: str, now: float) -> None:
    """queued, dispatched -> cancelled: those that no worker has claimed."""
    connection.execute(_CANCEL, {"study": study_id, "now": now})


_FINAL = or_(
    *(trials.c.state == state for state in FINAL)
)  # an IN cannot be executed for many rows
_BY = bindparam("by", type_=Integer)
_SHIPPED = (
    update(trials)
    .where(trials.c.id == bindparam("trial"))
    .values(
        run_id=bindparam("run"),
        shipped=or_(trials.c.shipped, and_(_FINAL, or_(_BY < 1, trials.c.attempt == _BY))),
    )
)


def settle_run(connection: Connection, identifier: str, run_id: str | None) -> TrialRow | None:
    """Note the trial's run unless it has one; the trial as it is then."""
    if run_id is not None:
        connection.execute(
            update(trials)
            .where(trials.c.id == identifier, trials.c.run_id.is_(None))
            .values(run_id=run_id)
        )
    return trial_of(connection.execute(select(*WHOLE).where(trials.c.id == identifier)).first())


def shipped(connection: Connection, runs: Mapping[str, str], by: Mapping[str, int]) -> None:
    """What is known of these trials is in MLflow: a trial that ended is complete there.

    ``by`` says which attempt was shipped: one before the trial's last completes nothing.
    """
    if runs:
        # Sorted: two hosts that report at once take the rows in the same order.
        rows = [
            {"trial": trial, "run": run, "by": by.get(trial, 0)}
            for trial, run in sorted(runs.items())
        ]
        connection.execute(_SHIPPED, rows)


def write_off(connection: Connection, identifier: str, run_id: str | None) -> None:
    """Nothing more of this trial will come to MLflow."""
    connection.execute(
        update(trials).where(trials.c.id == identifier).values(run_id=run_id, shipped=True)
    )


def _end_attempt(
    connection: Connection,
    identifier: str,
    attempt: int,
    now: float,
    outcome: str,
    detail: str,
    seconds: float | None,
) -> None:
    connection.execute(
        _END_ATTEMPT,
        {
            "this_trial": identifier,
            "this_attempt": attempt,
            "new_ended": now,
            "new_outcome": outcome,
            "new_detail": detail,
            "new_seconds": seconds,
        },
    )
