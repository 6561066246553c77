"""Reads and writes of studies, trials, attempts and rounds. Each public method is one transaction.

State changes are compare-and-set: an UPDATE that names the state it leaves, and whose row count is the answer.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Row, and_, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from caviar.adapters.sql import priors as priors_of
from caviar.adapters.sql.priors import NOTHING, Read, Start
from caviar.adapters.sql.rows import PriorRow, RoundRow, StudyRecord, TrialRow
from caviar.adapters.sql.tables import attempts, rounds, studies, trials
from caviar.contract.messages import Finish, ParameterValue
from caviar.contract.views import StudyState, TrialKind, TrialState
from caviar.studies.life import ENDED, FINAL, TRIAL_STATES, Verdict, trial_id
from caviar.studies.mapping import Known


def _study(row: Row[Any]) -> StudyRecord:
    return StudyRecord(**row._mapping)


def _trial(row: Row[Any]) -> TrialRow:
    return TrialRow(**row._mapping)


class Store:
    """The SQL store behind ``engine``; ``clock`` gives seconds since the epoch."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._reader = engine.execution_options(caviar_read_only=True)
        self._clock = clock

    # Studies

    def add_study(
        self,
        *,
        name: str,
        fingerprint: str,
        source: str,
        filename: str,
        folder: str | None,
        code_version: str | None,
        user: str | None,
        first_round: dict[str, Any],
        start: Start = NOTHING,
        branched: tuple[str, int] | None = None,
    ) -> StudyRecord:
        """Write a study, its first round and what it starts from together.

        ``branched`` are the study and the round of it that this one goes on from.
        """
        now = self._clock()
        record = StudyRecord(
            id=uuid.uuid4().hex[:8],
            name=name,
            fingerprint=fingerprint,
            state="running",
            reason="",
            source=source,
            filename=filename,
            folder=folder,
            code_version=code_version,
            user=user,
            created=now,
            ended=None,
            importance=None,
            experiment_id=None,
            run_id=None,
            closed=False,
            primed=start.primed,
            notes=[note.model_dump() for note in start.notes],
            branched_from=branched[0] if branched else None,
            branched_round=branched[1] if branched else None,
        )
        values = {name: getattr(record, name) for name in StudyRecord.__slots__}
        with self._engine.begin() as connection:
            connection.execute(insert(studies).values(values))
            connection.execute(
                insert(rounds).values(
                    study_id=record.id, index=0, data=first_round, computed_from=[], created=now
                )
            )
            priors_of.write_start(connection, record.id, start, now)
        return record

    def study(self, study_id: str) -> StudyRecord | None:
        with self._reader.begin() as connection:
            row = connection.execute(select(studies).where(studies.c.id == study_id)).first()
        return _study(row) if row else None

    def studies(
        self, states: Iterable[StudyState] | None = None, closed: bool | None = None
    ) -> list[StudyRecord]:
        """Studies, the oldest first."""
        query = select(studies).order_by(studies.c.created, studies.c.id)
        if states is not None:
            query = query.where(studies.c.state.in_(list(states)))
        if closed is not None:
            query = query.where(studies.c.closed == closed)
        with self._reader.begin() as connection:
            return [_study(row) for row in connection.execute(query)]

    def unfinished(self, fingerprint: str) -> StudyRecord | None:
        """The newest study of this content that has not ended."""
        query = (
            select(studies)
            .where(studies.c.fingerprint == fingerprint, studies.c.state.not_in(ENDED))
            .order_by(studies.c.created.desc())
        )
        with self._reader.begin() as connection:
            row = connection.execute(query).first()
        return _study(row) if row else None

    def move_study(
        self, study_id: str, leaving: Iterable[StudyState], to: StudyState, reason: str = ""
    ) -> bool:
        """Compare-and-set of a study's state. Ending one cancels its trials that no worker has claimed."""
        now = self._clock()
        with self._engine.begin() as connection:
            moved = connection.execute(
                update(studies)
                .where(studies.c.id == study_id, studies.c.state.in_(list(leaving)))
                .values(state=to, reason=reason, ended=now if to in ENDED else None)
            ).rowcount
            if moved and to in ENDED:
                connection.execute(
                    update(trials)
                    .where(
                        trials.c.study_id == study_id, trials.c.state.in_(("queued", "dispatched"))
                    )
                    .values(state="cancelled", ended=now)
                )
        return bool(moved)

    def set_importance(self, study_id: str, importance: list[dict[str, Any]]) -> None:
        with self._engine.begin() as connection:
            connection.execute(
                update(studies).where(studies.c.id == study_id).values(importance=importance)
            )

    def set_study_run(self, study_id: str, experiment_id: str, run_id: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(
                update(studies)
                .where(studies.c.id == study_id)
                .values(experiment_id=experiment_id, run_id=run_id)
            )

    def close_study(self, study_id: str) -> None:
        """Mark the study's record in MLflow as complete."""
        with self._engine.begin() as connection:
            connection.execute(update(studies).where(studies.c.id == study_id).values(closed=True))

    # Results from elsewhere

    def priors(self, study_id: str, after: int = -1) -> list[PriorRow]:
        """By number; ``after`` is the last one that is known already."""
        with self._reader.begin() as connection:
            return priors_of.read_priors(connection, study_id, after)

    def prior_counts(self) -> dict[str, int]:
        """How many each study has that has not ended; those with none are absent."""
        with self._reader.begin() as connection:
            return priors_of.counts(connection)

    def add_priors(self, study_id: str, source: str, results: Sequence[Known]) -> None:
        """Append results of one source; numbers go on from the highest."""
        with self._engine.begin() as connection:
            priors_of.write_priors(connection, study_id, source, results)

    def prime(self, study_id: str, read: Sequence[Read]) -> bool:
        """Write what the study's experiments gave, once. False: it is primed already."""
        with self._engine.begin() as connection:
            return priors_of.prime(connection, study_id, read)

    # Trials

    def counts(self, study_id: str) -> dict[TrialState, int]:
        """Trials by state, zeros included."""
        query = (
            select(trials.c.state, func.count())
            .where(trials.c.study_id == study_id)
            .group_by(trials.c.state)
        )
        with self._reader.begin() as connection:
            found = {state: int(count) for state, count in connection.execute(query)}
        return {state: found.get(state, 0) for state in TRIAL_STATES}

    def shipped_count(self, study_id: str) -> int:
        """Ended trials whose MLflow run is complete."""
        query = select(func.count()).where(
            trials.c.study_id == study_id, trials.c.shipped.is_(True)
        )
        with self._reader.begin() as connection:
            return int(connection.execute(query).scalar_one())

    def unshipped(self, study_id: str) -> int:
        """Ended trials that were started and whose MLflow run is not complete yet."""
        query = select(func.count()).where(
            trials.c.study_id == study_id,
            trials.c.ended.is_not(None),
            trials.c.started.is_not(None),
            trials.c.shipped.is_(False),
        )
        with self._reader.begin() as connection:
            return int(connection.execute(query).scalar_one())

    def trial(self, identifier: str) -> TrialRow | None:
        with self._reader.begin() as connection:
            row = connection.execute(select(trials).where(trials.c.id == identifier)).first()
        return _trial(row) if row else None

    def trials(
        self,
        study_id: str | None = None,
        states: Iterable[TrialState] | None = None,
        after: int = -1,
        limit: int | None = None,
        newest_first: bool = False,
        ended_since: float | None = None,
        kind: TrialKind | None = None,
    ) -> list[TrialRow]:
        """Trials by number; ``after`` is the last number of the page before."""
        order = trials.c.number.desc() if newest_first else trials.c.number
        query = select(trials).where(trials.c.number > after).order_by(order)
        if study_id is not None:
            query = query.where(trials.c.study_id == study_id)
        if states is not None:
            query = query.where(trials.c.state.in_(list(states)))
        if kind is not None:
            query = query.where(trials.c.kind == kind)
        if ended_since is not None:
            query = query.where(trials.c.ended >= ended_since)
        if limit is not None:
            query = query.limit(limit)
        with self._reader.begin() as connection:
            return [_trial(row) for row in connection.execute(query)]

    def best(self, study_id: str, maximize: bool) -> TrialRow | None:
        """The finished trial within the study's bounds with the best value; the earlier one of equals.

        A leader's new runs are not looked at: the luckiest of them says no more than the luckiest trial.
        """
        order = trials.c.value.desc() if maximize else trials.c.value
        query = (
            select(trials)
            .where(
                trials.c.study_id == study_id,
                trials.c.state == "done",
                trials.c.kind != "confirm",
                trials.c.violation <= 0.0,
            )
            .order_by(order, trials.c.number)
            .limit(1)
        )
        with self._reader.begin() as connection:
            row = connection.execute(query).first()
        return _trial(row) if row else None

    def add_trial(
        self,
        study_id: str,
        number: int,
        round_index: int,
        params: dict[str, ParameterValue],
        seed: int,
        kind: TrialKind = "search",
        repeats: int | None = None,
        queued: bool = False,
    ) -> TrialRow | None:
        """Create trial ``number`` and dispatch its first attempt; None where the number is taken.

        ``queued``: it waits to be dispatched instead.
        """
        values: dict[str, Any] = {
            "id": trial_id(study_id, number),
            "study_id": study_id,
            "number": number,
            "round": round_index,
            "state": "dispatched",
            "attempt": 1,
            "params": params,
            "seed": seed,
            "kind": kind,
            "repeats": repeats,
            "created": self._clock(),
        }
        if queued:
            values |= {"state": "queued", "attempt": 0}
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(trials).values(values))
                row = connection.execute(select(trials).where(trials.c.id == values["id"])).one()
        except IntegrityError:
            return None
        return _trial(row)

    def dispatch(self, identifier: str) -> TrialRow | None:
        """queued -> dispatched with the next attempt."""
        with self._engine.begin() as connection:
            moved = connection.execute(
                update(trials)
                .where(trials.c.id == identifier, trials.c.state == "queued")
                .values(state="dispatched", attempt=trials.c.attempt + 1, nonce=None)
            ).rowcount
            row = connection.execute(select(trials).where(trials.c.id == identifier)).first()
        return _trial(row) if moved and row else None

    def claim(
        self, identifier: str, attempt: int, nonce: str, host: str, incarnation: str, slot: int
    ) -> TrialRow | None:
        """dispatched -> running for exactly this attempt, once; the same nonce gets the same answer again."""
        now = self._clock()
        with self._engine.begin() as connection:
            moved = connection.execute(
                update(trials)
                .where(
                    trials.c.id == identifier,
                    trials.c.attempt == attempt,
                    trials.c.state == "dispatched",
                )
                .values(
                    state="running",
                    nonce=nonce,
                    host=host,
                    incarnation=incarnation,
                    slot=slot,
                    started=now,
                )
            ).rowcount
            if moved:
                connection.execute(
                    insert(attempts).values(
                        trial_id=identifier, attempt=attempt, host=host, started=now
                    )
                )
            row = connection.execute(
                select(trials).where(
                    trials.c.id == identifier,
                    trials.c.attempt == attempt,
                    trials.c.state == "running",
                    trials.c.nonce == nonce,
                )
            ).first()
        return _trial(row) if row else None

    def finish(self, message: Finish, verdict: Verdict, violation: float = 0.0) -> TrialRow | None:
        """running -> ``verdict.state`` for exactly this attempt and nonce. None: it was not running so."""
        now = self._clock()
        with self._engine.begin() as connection:
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
            ).rowcount
            if moved:
                _end_attempt(
                    connection, message.trial, message.attempt, now, message.outcome, message.error
                )
            row = connection.execute(select(trials).where(trials.c.id == message.trial)).first()
        return _trial(row) if moved and row else None

    def lose(self, row: TrialRow, verdict: Verdict, detail: str) -> bool:
        """running -> ``verdict.state`` because the lease of ``row.attempt`` was lost."""
        now = self._clock()
        with self._engine.begin() as connection:
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

    def shipped(self, runs: dict[str, str]) -> None:
        """What is known of these trials is in MLflow: a trial that ended is complete there."""
        with self._engine.begin() as connection:
            for identifier, run_id in runs.items():
                connection.execute(
                    update(trials)
                    .where(trials.c.id == identifier)
                    .values(run_id=run_id, shipped=trials.c.state.in_(FINAL))
                )

    def lost_for_good(self, study_id: str) -> list[TrialRow]:
        """Trials that ended with the loss of their host: no worker will ever complete their runs."""
        query = (
            select(trials)
            .join(
                attempts,
                and_(attempts.c.trial_id == trials.c.id, attempts.c.attempt == trials.c.attempt),
            )
            .where(
                trials.c.study_id == study_id,
                trials.c.state.in_(FINAL),
                trials.c.shipped.is_(False),
                attempts.c.outcome == "lost",
            )
        )
        with self._reader.begin() as connection:
            return [_trial(row) for row in connection.execute(query)]

    def written_off(self, identifier: str, run_id: str | None) -> None:
        """Nothing more of this trial will come to MLflow."""
        with self._engine.begin() as connection:
            connection.execute(
                update(trials).where(trials.c.id == identifier).values(run_id=run_id, shipped=True)
            )

    def attempts(self, identifier: str) -> list[dict[str, Any]]:
        query = (
            select(attempts).where(attempts.c.trial_id == identifier).order_by(attempts.c.attempt)
        )
        with self._reader.begin() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    # Rounds

    def rounds(self, study_id: str, after: int = -1) -> list[RoundRow]:
        """By index; ``after`` is the last one that is known already."""
        query = (
            select(*(rounds.c[name] for name in RoundRow.__slots__))
            .where(rounds.c.study_id == study_id, rounds.c["index"] > after)
            .order_by(rounds.c["index"])
        )
        with self._reader.begin() as connection:
            return [RoundRow(**row._mapping) for row in connection.execute(query)]

    def computed_from(self, study_id: str, index: int) -> list[list[Any]]:
        """The [trial, run] pairs behind a round, the run None where it was not known; [] without the round."""
        query = select(rounds.c.computed_from).where(
            rounds.c.study_id == study_id, rounds.c["index"] == index
        )
        with self._reader.begin() as connection:
            return connection.execute(query).scalar() or []

    def latest_rounds(self) -> dict[str, int]:
        """The newest round of every study that has not ended."""
        query = (
            select(rounds.c.study_id, func.max(rounds.c["index"]))
            .join(studies, studies.c.id == rounds.c.study_id)
            .where(studies.c.state.not_in(ENDED))
            .group_by(rounds.c.study_id)
        )
        with self._reader.begin() as connection:
            return {study: int(index) for study, index in connection.execute(query)}

    def add_round(
        self,
        study_id: str,
        index: int,
        data: dict[str, Any],
        computed_from: Sequence[Sequence[Any]],
    ) -> bool:
        """Write a round with what it was computed from. False: another process wrote this index first."""
        try:
            with self._engine.begin() as connection:
                connection.execute(
                    insert(rounds).values(
                        study_id=study_id,
                        index=index,
                        data=data,
                        computed_from=[list(pair) for pair in computed_from],
                        created=self._clock(),
                    )
                )
        except IntegrityError:
            return False
        return True

    def set_round_run(self, study_id: str, index: int, run_id: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(
                update(rounds)
                .where(rounds.c.study_id == study_id, rounds.c["index"] == index)
                .values(run_id=run_id)
            )


def _end_attempt(
    connection: Connection, identifier: str, attempt: int, now: float, outcome: str, detail: str
) -> None:
    connection.execute(
        update(attempts)
        .where(and_(attempts.c.trial_id == identifier, attempts.c.attempt == attempt))
        .values(ended=now, outcome=outcome, detail=detail)
    )
