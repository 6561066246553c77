"""Reads and writes of studies, trials, attempts and rounds. Each public method is one transaction.

Studies are in ``records``; what changes a trial is in ``moves``, how trials are read in ``reads`` and ``looks``; rounds
are in ``ledger``, results from elsewhere in ``priors``, hosts in ``hosts``.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import IntegrityError

from caviar.adapters.sql import changes, ledger, looks, moves, reads, records, usage
from caviar.adapters.sql import hosts as hosts_of
from caviar.adapters.sql import priors as priors_of
from caviar.adapters.sql.bundles import Bundles
from caviar.adapters.sql.changes import Mark
from caviar.adapters.sql.engine import reading, reading_together
from caviar.adapters.sql.interventions import Interventions
from caviar.adapters.sql.listed import Listing, listed
from caviar.adapters.sql.looks import TrialMark, WaitingRuns
from caviar.adapters.sql.pictured import Pictured
from caviar.adapters.sql.priors import NOTHING, Read, Start
from caviar.adapters.sql.rechecks import Rechecks
from caviar.adapters.sql.records import Taken
from caviar.adapters.sql.rows import Aside, Drained, PriorRow, RoundRow, StudyRecord, TrialRow
from caviar.adapters.sql.usage import SlotTime, Spent
from caviar.contract.messages import Finish, Origin, ParameterValue
from caviar.contract.names import trial_id
from caviar.contract.views import StudyState, TrialKind, TrialState
from caviar.errors import InputError, Problem
from caviar.studies.life import ENDED, Verdict
from caviar.studies.mapping import Known
from caviar.studies.spec import load_study
from caviar.teams import DEFAULT_TEAM


class Store:
    """The SQL store behind ``engine``; ``clock`` gives seconds since the epoch."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.time) -> None:
        self.engine = self._engine = engine
        self._reader = reading(engine)
        self._snapshot = reading_together(engine)
        self._clock = clock
        self.bundles = Bundles(engine, clock)
        self.interventions = Interventions(engine, clock)
        self.rechecks = Rechecks(engine, clock)
        self.pictured = Pictured(engine)

    def ask(self) -> None:
        """Raises SQLAlchemyError where the database does not answer."""
        with self._reader.connect() as connection:
            connection.execute(select(1))

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
        team: str = DEFAULT_TEAM,
        priority: int = 0,
        bundle: str | None = None,
        within: Callable[[Connection, StudyRecord], bool] | None = None,
    ) -> StudyRecord:
        """Write a study, its first round and what it starts from together.

        ``branched`` are the study and the round of it that this one goes on from. ``within`` writes what it is added
        for, in the same transaction.

        Raises:
            Taken: ``within`` says that another process came first. Nothing was written.
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
            team=team,
            priority=priority,
            bundle=bundle,
        )
        with self._engine.begin() as connection:
            records.add(connection, record)
            ledger.write(connection, record.id, 0, first_round, (), now)
            priors_of.write_start(connection, record.id, start, now)
            if within is not None and not within(connection, record):
                raise Taken(
                    f"Study {name} was not added: what it is for is no longer open, "
                    "another process came first. Look at what is there by now."
                )
        return record

    def study(self, study_id: str) -> StudyRecord | None:
        with self._reader.connect() as connection:
            return records.one(connection, study_id)

    def studies(
        self,
        states: Iterable[StudyState] | None = None,
        closed: bool | None = None,
        team: str | None = None,
    ) -> list[StudyRecord]:
        """Studies, the oldest first. ``team``: only those that it may see, its own and what others share."""
        with self._reader.connect() as connection:
            return records.oldest(connection, states, closed, team)

    def experiments(self) -> dict[str, frozenset[str]]:
        """The MLflow experiments of each team's studies, by their ids; teams without one are left out."""
        with self._reader.connect() as connection:
            return records.experiments(connection)

    def newest_studies(
        self,
        limit: int,
        called: str | None = None,
        team: str | None = None,
        before: StudyRecord | None = None,
    ) -> list[StudyRecord]:
        """The newest first; ``called``: only those of this id, this name, or whose id starts so.

        ``team``: only those that it may see, its own and what others share. ``before``: only those older than that one.
        """
        with self._reader.connect() as connection:
            return records.newest(connection, limit, called, team, before)

    def unfinished(
        self, fingerprint: str, team: str = DEFAULT_TEAM, bundle: str | None = None
    ) -> StudyRecord | None:
        """The team's newest study of this content, with this code, that has not ended."""
        with self._reader.connect() as connection:
            return records.unfinished(connection, fingerprint, team, bundle)

    def move_study(
        self, study_id: str, leaving: Iterable[StudyState], to: StudyState, reason: str = ""
    ) -> bool:
        """Compare-and-set of a study's state. Ending one cancels its trials that no worker has claimed."""
        now = self._clock()
        with self._engine.begin() as connection:
            moved = records.move(connection, study_id, leaving, to, reason, now)
            if moved and to in ENDED:
                moves.cancel_waiting(connection, study_id, now)
        return moved

    def edit_study(self, study_id: str, values: dict[str, Any]) -> StudyRecord | None:
        """Set ``priority``, ``place`` or ``shared``; the study as it is then. None: there is no such study.

        Its record in MLflow is open then, so that it is told there too.
        """
        with self._engine.begin() as connection:
            return records.edit(connection, study_id, values and values | {"closed": False})

    def not_for(self, team: str) -> tuple[frozenset[str], frozenset[str]]:
        """All teams but this one, and the studies that it may not look at."""
        with self._snapshot.begin() as connection:
            return records.not_for(connection, team)

    def set_importance(self, study_id: str, importance: list[dict[str, Any]]) -> None:
        with self._engine.begin() as connection:
            records.edit(connection, study_id, {"importance": importance})

    def set_study_run(self, study_id: str, experiment_id: str, run_id: str) -> None:
        with self._engine.begin() as connection:
            records.edit(connection, study_id, {"experiment_id": experiment_id, "run_id": run_id})

    def close_study(self, study_id: str) -> None:
        """Mark the study's record in MLflow as complete."""
        with self._engine.begin() as connection:
            records.edit(connection, study_id, {"closed": True})

    # What those who watch studies ask

    def marks_of(self, study_ids: Sequence[str]) -> dict[str, Mark]:
        """How far each of these studies has come."""
        with self._reader.connect() as connection:
            return changes.marks_of(connection, study_ids)

    def shown_of(self, study_id: str) -> tuple[Any, ...]:
        """All that an answer on a study takes from the tables beside its own row: it is the same while they are."""
        with self._reader.connect() as connection:
            return changes.shown_of(connection, study_id)

    def open_marks(self, since: float) -> dict[str, Mark]:
        """How far each study has come that has not ended, or that ended at ``since`` or later."""
        with self._reader.connect() as connection:
            return changes.open_marks(connection, since)

    def changed_trials(self, study_id: str, after: int, limit: int) -> list[TrialRow]:
        """Trials whose state changed after that change of the study's, in this order, without their output."""
        with self._reader.connect() as connection:
            return changes.changed_trials(connection, study_id, after, limit)

    # Results from elsewhere

    def priors(self, study_id: str, after: int = -1) -> list[PriorRow]:
        """By number; ``after`` is the last one that is known already."""
        with self._reader.connect() as connection:
            return priors_of.read_priors(connection, study_id, after)

    def prior_counts(self) -> dict[str, int]:
        """How many each study has that has not ended; those with none are absent."""
        with self._reader.connect() as connection:
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

    def newest_ends(self) -> dict[str, float]:
        """When the last trial ended, of every study that has not ended."""
        with self._reader.connect() as connection:
            return reads.newest_ends(connection)

    def waiting_points(self) -> dict[str, set[int]]:
        """Numbers of the points of people that have not ended and of which no run is known, by study."""
        with self._reader.connect() as connection:
            return looks.waiting_points(connection)

    def waiting_runs(self) -> list[WaitingRuns]:
        """Ended trials whose MLflow runs are not complete, by study and host."""
        with self._reader.connect() as connection:
            return looks.waiting_runs(connection)

    def marks(self, study_id: str) -> dict[str, TrialMark]:
        """Every trial of a study by its id, as far as its run in MLflow is concerned."""
        with self._reader.connect() as connection:
            return looks.marks(connection, study_id)

    def counts(self, study_id: str) -> dict[TrialState, int]:
        """Trials by state, zeros included."""
        return self.counts_of([study_id])[study_id]

    def counts_of(self, study_ids: Sequence[str]) -> dict[str, dict[TrialState, int]]:
        """Trials by state, zeros included, of each of these studies."""
        with self._reader.connect() as connection:
            return reads.counts_of(connection, study_ids)

    def shipped_count(self, study_id: str) -> int:
        """Ended trials whose MLflow run is complete."""
        with self._reader.connect() as connection:
            return reads.shipped_count(connection, study_id)

    def unshipped(self, study_id: str) -> int:
        """Ended trials that were started and whose MLflow run is not complete yet."""
        with self._reader.connect() as connection:
            return reads.unshipped(connection, study_id)

    def trial(self, identifier: str) -> TrialRow | None:
        with self._reader.connect() as connection:
            return reads.one(connection, identifier)

    def is_of_a_trial(self, run_id: str) -> bool:
        """Whether a run in MLflow is that of a trial."""
        with self._reader.connect() as connection:
            return reads.is_of_a_trial(connection, run_id)

    def numbered(self, study_id: str, number: int) -> TrialRow | None:
        """A study's trial of that number."""
        with self._reader.connect() as connection:
            return reads.numbered(connection, study_id, number)

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
        """Trials by number, without their output; ``after`` is the last number of the page before."""
        with self._reader.connect() as connection:
            return reads.page(
                connection, study_id, states, after, limit, newest_first, ended_since, kind
            )

    def listed(
        self,
        study_id: str,
        *,
        states: Iterable[TrialState] | None = None,
        kinds: Iterable[TrialKind] | None = None,
        round: int | None = None,
        text: str = "",
        sort: str = "number",
        descending: bool = False,
        offset: int = 0,
        limit: int = 50,
    ) -> tuple[list[TrialRow], int]:
        """A page of a table of trials, without outputs, and how many there are on all pages. See ``Listing``.

        Raises InputError where there is no such study, or it has nothing of that name to sort by.
        """
        wanted = Listing(
            states=None if states is None else frozenset(states),
            kinds=None if kinds is None else frozenset(kinds),
            round=round,
            text=text,
            sort=sort,
            descending=descending,
            offset=offset,
            limit=limit,
        )
        with self._snapshot.begin() as connection:
            record = records.one(connection, study_id)
            if record is None:
                raise InputError(Problem(("study",), f"there is no study {study_id}"))
            space = load_study(record.source, record.filename).space
            return listed(connection, study_id, space, wanted)

    def recent_lengths(self, study_id: str, limit: int) -> list[float]:
        """Seconds of the newest trials that ended by themselves, the newest first."""
        with self._reader.connect() as connection:
            return reads.recent_lengths(connection, study_id, limit)

    def failures(self, study_id: str, limit: int) -> list[TrialRow]:
        """The newest that failed or are quarantined, without their output, the newest first."""
        with self._snapshot.begin() as connection:
            return reads.failures(connection, study_id, limit)

    def best(self, study_id: str, maximize: bool) -> TrialRow | None:
        """The finished trial within the study's bounds with the best value; the earlier one of equals.

        A leader's new runs are not looked at: the luckiest of them says no more than the luckiest trial.
        """
        with self._reader.connect() as connection:
            return reads.best(connection, study_id, maximize)

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
        rebuilt: int = 0,
        origin: Origin | None = None,
    ) -> TrialRow | None:
        """Create trial ``number`` and dispatch its first attempt; None where the number is taken.

        ``queued``: it waits to be dispatched instead. ``rebuilt``: as in ``contract.names.trial_id``. ``origin``: where
        it begins, unless from nothing.
        """
        values: dict[str, Any] = {
            "id": trial_id(study_id, number, rebuilt),
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
        if origin is not None:
            values["origin"] = origin.model_dump(mode="json")
        try:
            with self._engine.begin() as connection:
                return moves.create(connection, values)
        except IntegrityError:
            return None

    def dispatch(self, identifier: str) -> TrialRow | None:
        """queued -> dispatched with the next attempt."""
        with self._engine.begin() as connection:
            return moves.dispatch(connection, identifier)

    def claim(
        self,
        identifier: str,
        attempt: int,
        nonce: str,
        host: str,
        incarnation: str,
        slot: int,
        gpu: str | None = None,
        gpus: float = 0.0,
    ) -> TrialRow | None:
        """dispatched -> running for exactly this attempt, once; the same nonce gets the same answer again.

        ``gpus`` is how much of ``gpu`` the attempt has: 1 alone, less where it shares.
        """
        now = self._clock()
        with self._engine.begin() as connection:
            return moves.claim(
                connection, identifier, attempt, nonce, host, incarnation, slot, now, gpu, gpus
            )

    def finish(
        self,
        message: Finish,
        verdict: Verdict,
        violation: float = 0.0,
        slot_s: float | None = None,
    ) -> TrialRow | None:
        """running -> ``verdict.state`` for exactly this attempt and nonce. None: it was not running so.

        ``slot_s``: how long the attempt held its slot, in seconds.
        """
        with self._engine.begin() as connection:
            return moves.finish(connection, message, verdict, violation, self._clock(), slot_s)

    def lose(
        self,
        row: TrialRow,
        verdict: Verdict,
        detail: str,
        slot_s: float | None = None,
        output: str | None = None,
    ) -> bool:
        """running -> ``verdict.state`` because the lease of ``row.attempt`` was lost.

        ``slot_s``: how long the attempt held its slot, in seconds. ``output``: the last that was heard of it.
        """
        with self._engine.begin() as connection:
            return moves.lose(connection, row, verdict, detail, self._clock(), slot_s, output)

    def stop_trial(self, identifier: str) -> TrialRow | None:
        """queued, dispatched -> cancelled; a running one is noted as asked to end. None: it has ended."""
        with self._engine.begin() as connection:
            return moves.stop_one(connection, identifier, self._clock())

    def settle_run(self, identifier: str, run_id: str | None) -> TrialRow | None:
        """Note the trial's run unless it has one; the trial as it is then."""
        with self._engine.begin() as connection:
            return moves.settle_run(connection, identifier, run_id)

    def shipped(self, runs: dict[str, str], by: dict[str, int] | None = None) -> None:
        """What is known of these trials is in MLflow: a trial that ended is complete there.

        ``by`` says which attempt was shipped: one before the trial's last completes nothing.
        """
        with self._engine.begin() as connection:
            moves.shipped(connection, runs, by or {})

    def lost_for_good(self, study_id: str) -> list[TrialRow]:
        """Trials that ended with the loss of their host: no worker will ever complete their runs."""
        with self._reader.connect() as connection:
            return reads.lost_for_good(connection, study_id)

    def written_off(self, identifier: str, run_id: str | None) -> None:
        """Nothing more of this trial will come to MLflow."""
        with self._engine.begin() as connection:
            moves.write_off(connection, identifier, run_id)

    def attempts(self, identifier: str) -> list[dict[str, Any]]:
        with self._reader.connect() as connection:
            return reads.attempts_of(connection, identifier)

    # Hosts and what they cost

    def slot_seconds(self, study_id: str) -> tuple[float, float]:
        """Of all ended attempts of the study: seconds of slots, and seconds of GPUs."""
        with self._reader.connect() as connection:
            return hosts_of.slot_seconds(connection, study_id)

    def slot_time_since(self, since: float, bucket_s: int) -> list[SlotTime]:
        """Of all attempts that ended after ``since``, by study, those alike in their times put together."""
        with self._reader.connect() as connection:
            return usage.slot_time_since(connection, since, bucket_s)

    def team_seconds_since(self, since: float) -> dict[str, float]:
        """Slot-seconds by team after ``since``, of the attempts that have ended."""
        with self._reader.connect() as connection:
            return usage.team_seconds_since(connection, since)

    def spent_between(self, team: str, moments: Sequence[float]) -> list[Spent]:
        """What attempts of the team that have ended took in each span between two of the ``moments``: midnights in UTC,
        rising."""
        with self._reader.connect() as connection:
            return usage.spent_between(connection, team, moments)

    def bundle_bytes(self, team: str) -> int:
        """Of the code that is kept for the team."""
        with self._reader.connect() as connection:
            return usage.bundle_bytes(connection, team)

    def gpu_shares(self, study_id: str) -> dict[str, float]:
        """Running trial -> how much of its GPU it has."""
        with self._reader.connect() as connection:
            return hosts_of.gpu_shares(connection, study_id)

    def hosts_aside(self) -> dict[str, Aside]:
        """The hosts that get no work."""
        with self._reader.connect() as connection:
            return hosts_of.read_aside(connection)

    def set_aside(self, host: str, reason: str) -> Aside:
        aside = Aside(reason, self._clock())
        with self._engine.begin() as connection:
            hosts_of.write_aside(connection, host, aside)
        return aside

    def trust(self, host: str) -> bool:
        """Whether the host was set aside until now."""
        with self._engine.begin() as connection:
            return hosts_of.remove_aside(connection, host)

    def hosts_drained(self) -> dict[str, Drained]:
        """The hosts that an operator gives no more work."""
        with self._reader.connect() as connection:
            return hosts_of.read_drained(connection)

    def drain(self, host: str, now: bool) -> Drained:
        drain = Drained(self._clock(), now)
        with self._engine.begin() as connection:
            hosts_of.write_drained(connection, host, drain)
        return drain

    def undrain(self, host: str) -> bool:
        """Whether the host was drained until now."""
        with self._engine.begin() as connection:
            return hosts_of.remove_drained(connection, host)

    def unshipped_of(self, host: str) -> int:
        """Trials that ended on a host and are not complete in MLflow."""
        with self._reader.connect() as connection:
            return hosts_of.unshipped(connection, host)

    # Rounds

    def rounds(self, study_id: str, after: int = -1, until: int | None = None) -> list[RoundRow]:
        """By index; ``after`` is the last one that is known already, ``until`` the last one that is wanted."""
        with self._reader.connect() as connection:
            return ledger.read(connection, study_id, after, until)

    def round_runs(self, study_id: str) -> dict[int, str | None]:
        """The run in MLflow of each round that a study has."""
        with self._reader.connect() as connection:
            return ledger.runs(connection, study_id)

    def computed_from(self, study_id: str, index: int) -> list[list[Any]]:
        """The [trial, run] pairs behind a round, the run None where it was not known; [] without the round."""
        with self._reader.connect() as connection:
            return ledger.computed_from(connection, study_id, index)

    def latest_rounds(self) -> dict[str, int]:
        """The newest round of every study that has not ended."""
        with self._reader.connect() as connection:
            return ledger.latest(connection)

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
                ledger.write(connection, study_id, index, data, computed_from, self._clock())
        except IntegrityError:
            return False
        return True

    def set_round_run(self, study_id: str, index: int, run_id: str) -> None:
        with self._engine.begin() as connection:
            ledger.set_run(connection, study_id, index, run_id)
