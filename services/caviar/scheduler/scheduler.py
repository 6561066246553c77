"""The scheduler: a window of tickets ahead of the free slots, claims, leases, and the end of studies.

Every public method takes the one lock, changes SQL by compare-and-set and then the memory, in this order: a crash
in between leaves the truth in SQL, from which the memory is built again at start.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence

from caviar.adapters.sql import NOTHING, Aside, Drained, Store, StudyRecord, TrialRow
from caviar.contract.messages import (
    ClaimAnswer,
    ClaimRequest,
    Finish,
    FinishAnswer,
    Heartbeat,
    HeartbeatAnswer,
    Hello,
    HelloAnswer,
    PassRequest,
    RunAnswer,
    RunRequest,
    Shipped,
    ShipTarget,
)
from caviar.contract.names import queue_name, study_of
from caviar.contract.queue import StudyEdit
from caviar.contract.views import (
    AddedTrial,
    NewTrial,
    StudyState,
    Submission,
    Submitted,
    TrialState,
    Use,
)
from caviar.errors import InputError, NotAllowed, Problem
from caviar.scheduler import adding, going_on, ledger
from caviar.scheduler.accounts import Accounts, ReadTeams
from caviar.scheduler.budget import Clocks
from caviar.scheduler.changing import Changing
from caviar.scheduler.counter import Counter
from caviar.scheduler.desk import over
from caviar.scheduler.desks import Desks, Tally
from caviar.scheduler.dispatching import Dispatcher
from caviar.scheduler.fleet import Fleet, Progress, Worker
from caviar.scheduler.gate import Gate
from caviar.scheduler.hosts import Hosts
from caviar.scheduler.outlook.snapshot import Snapshot, StudyNow, study_now, take
from caviar.scheduler.places import Places
from caviar.scheduler.preempting import Preempting
from caviar.scheduler.pulse import Pulse, take_pulse
from caviar.scheduler.rechecking import Opening
from caviar.scheduler.starting import start_of
from caviar.scheduler.tickets import SendTicket, Tickets
from caviar.search import Round, first_round
from caviar.studies.life import ENDED
from caviar.studies.spec import Study, load_study, refuse_missing
from caviar.teams import DEFAULT_TEAM, Pass

log = logging.getLogger("caviar.scheduler")

ROUNDS_S = 0.1
"""How often new rounds are looked for, at most."""


SLOTS_S = 0.5
"""How often the slots are counted anew for those who watch, at most."""


class Scheduler:
    """What runs next.

    ``clock`` is monotonic seconds, ``wall`` seconds since the epoch; ``local`` accepts trainers in folders of this
    machine. ``teams`` reads the teams that there are: a team without a row weighs 1 and has no quota.
    """

    def __init__(
        self,
        store: Store,
        send: SendTicket,
        *,
        lease_s: float,
        claim_s: float,
        teams: ReadTeams = dict,
        local: bool = False,
        pages: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._lease_s = lease_s
        self._local = local
        self._pages = pages
        self._clock = clock
        self._wall = wall
        self._lock = threading.RLock()
        self._wake = threading.Condition(self._lock)
        self._tickets = Tickets(send, claim_s)
        self._hosts = Hosts(store.hosts_aside(), store.hosts_drained())
        self._places = Places()
        self._fleet = Fleet(lease_s, self._hosts, self._places)
        self._accounts = Accounts(store, teams, lambda: Clocks(clock(), wall()))
        self._preempting = Preempting(self._accounts)
        self._desks = Desks(
            store,
            self._fleet,
            self._tickets,
            self._hosts,
            self._places,
            self._accounts,
            lambda: Clocks(clock(), wall()),
        )
        self._gate = Gate(store, self._fleet, self._hosts, self._places, self._tickets, lease_s)
        self._dispatcher = Dispatcher(
            store,
            self._desks,
            self._fleet,
            self._tickets,
            self._accounts,
            self._preempting,
            self._gate,
            clock,
        )
        self.changing = Changing(store, self._desks, self._gate, clock, self._wake)
        """What people and the nurse do to trainings while they run."""
        self._counter = Counter(
            store,
            self._desks,
            self._fleet,
            self._gate,
            self._places,
            self._tickets,
            self._dispatcher,
            self._accounts,
            self._preempting,
            self.changing,
            lease_s,
            clock,
            self._wake,
        )
        self._ticked: float | None = None
        self._rounds_read = -math.inf
        self._slots: dict[str, tuple[float, int]] = {}
        """By resource class: when they were counted for the API, and how many there were."""
        self._desks.load(clock())
        self.changing.load()

    # Studies

    def submit(self, submission: Submission, team: str = DEFAULT_TEAM) -> Submitted:
        """Accept a study of ``team``, or go on with an unfinished one of the same content.

        Raises:
            InputError: the text is not a study; nothing was written.
            NotAllowed: one more is beyond the team's quota.
        """
        study = load_study(submission.text, submission.filename)
        refuse_missing(study, submission.text)
        if submission.folder is not None and not self._local:
            raise InputError(
                Problem(
                    ("trainer",),
                    "this service does not run code from a client's folder",
                    "Bring the code along, `caviar submit --code DIR`, or name a trainer of its workers.",
                )
            )
        if submission.bundle is not None and not self._store.bundles.has(team, submission.bundle):
            raise InputError(
                Problem(
                    ("bundle",),
                    f"the team {team} has uploaded no code {submission.bundle[:12]}",
                    "`caviar submit --code DIR` uploads it.",
                )
            )
        if submission.bundle is not None and submission.folder is not None:
            raise InputError(
                Problem(("bundle",), "code comes from a folder or from a bundle, not from both")
            )
        start = start_of(self._store, study, submission.text, team)
        first = first_round(study.space, study.search_settings)
        warnings = list(study.warnings)
        with self._lock:
            if submission.resume:
                unfinished = self._store.unfinished(study.fingerprint, team, submission.bundle)
                if unfinished is not None:
                    if unfinished.state == "paused":
                        self.resume(unfinished.id)
                    return Submitted(id=unfinished.id, resumed=True, warnings=warnings)
            self._refuse_study(team, study.planned_trials)
            if (held_back := self._accounts.held_back(team)) is not None:
                warnings.append(f"It waits: {held_back}.")
            record = self._store.add_study(
                name=study.name,
                fingerprint=study.fingerprint,
                source=submission.text,
                filename=submission.filename,
                folder=submission.folder,
                code_version=submission.code_version,
                user=submission.user,
                first_round=first.to_json(),
                start=start,
                team=team,
                priority=study.priority,
                bundle=submission.bundle,
            )
            desk = self._desks.open(record, study, first if start == NOTHING else None)
            resource_class = study.resources.resource_class
            refusal = self._fleet.refusal(desk.trainer, resource_class, self._clock())
            self._wake.notify_all()
        log.info("study %s (%s) accepted: %d trials", record.id, study.name, study.budget.trials)
        if refusal:
            warnings.append(f"No worker runs it now: {refusal}")
        return Submitted(id=record.id, warnings=warnings)

    def refusal(self, study: Study, bundle: str | None) -> str | None:
        """Why no worker that is there would run it; None where one would, or where nobody can tell."""
        trainer, name = study.trainer, study.resources.resource_class
        if trainer.name is None:
            trainer = trainer.model_copy(update={"bundle": bundle})
        with self._lock:
            return self._fleet.refusal(trainer, name, self._clock())

    def _refuse_study(self, team: str, trials: int) -> None:
        """Raises NotAllowed where one more study of the team, of so many trials, is beyond its quota."""
        going_on = [desk for desk in self._desks if desk.record.state not in ENDED]
        self._accounts.refuse_study(team, going_on, trials)

    def add(self, study_id: str, new: NewTrial) -> AddedTrial:
        """A point that a person chose; see :mod:`caviar.scheduler.adding`."""
        with self._lock:
            added = adding.add(self._store, self._desks.get(study_id), new)
            self._wake.notify_all()
        return added

    def pause(self, study_id: str) -> None:
        """No new trial starts; what runs goes on."""
        self._move(study_id, "running", "paused")

    def resume(self, study_id: str) -> None:
        """Go on; tickets that were refused while it was paused are sent again at once.

        Raises NotAllowed where it is not paused, or its code is gone.
        """
        with self._lock:
            record = self._desks.get(study_id).record
            if record.bundle and not self._store.bundles.has(record.team, record.bundle):
                raise NotAllowed(
                    f"The code of study {study_id} is gone. `caviar submit` with --code brings it again, and goes on."
                )
            self._move(study_id, "paused", "running")
            for row in self._desks.get(study_id).open.values():
                self._tickets.forget(row.id)

    def pause_all(self) -> list[StudyRecord]:
        """Pause every running study; returns them."""
        with self._lock:
            running = [d.record for d in self._desks if d.record.state == "running"]
            for record in running:
                self.pause(record.id)
        return running

    def edit(
        self,
        study_id: str,
        edit: StudyEdit,
        check: Callable[[StudyRecord], None] = lambda _record: None,
    ) -> StudyRecord:
        """Change a study's place in the queue, or who may see it. Raises NotAllowed where there is no such study.

        ``check`` is given the study as it is, while nobody else changes it, and raises where it must stay so.
        """
        with self._lock:
            before = self._store.study(study_id)
            if before is not None:
                check(before)
            record = self._store.edit_study(study_id, edit.model_dump(exclude_none=True))
            if record is None:
                raise NotAllowed(f"Study {study_id} does not exist.")
            desk = self._desks.find(study_id)
            if desk is not None:
                desk.record = record
            self._wake.notify_all()
            return record

    def _move(self, study_id: str, leaving: StudyState, to: StudyState) -> None:
        with self._lock:
            self._desks.move(study_id, leaving, to)
            self._wake.notify_all()

    def stop(self, study_id: str, reason: str = "stopped by hand") -> None:
        """End a study: what waits is cancelled, what runs is asked to end."""
        with self._lock:
            desk = self._desks.get(study_id)
            if desk.record.state in ENDED:
                return
            self._desks.end(desk, "stopped", reason)
            self._wake.notify_all()

    def stop_trial(self, study_id: str, number: int) -> TrialRow:
        """Cancel one trial that waits, or ask one that runs to end: its worker hears it with its next heartbeat.

        Raises NotAllowed: there is no such trial, or it has ended.
        """
        with self._lock:
            desk = self._desks.find(study_id)
            row = desk.open.get(number) if desk else None
            moved = self._desks.stop_trial(desk, row) if desk and row else None
            if moved is None:
                known = self._store.numbered(study_id, number)
                state = f"is {known.state}" if known else "does not exist"
                raise NotAllowed(f"Trial {number} of study {study_id} {state}.")
            self._wake.notify_all()
            return moved

    def undo(self, study_id: str, number: int, user: str | None = None) -> Round:
        """Take back round ``number`` and all after it; the next trials come from the box before it."""
        with self._lock:
            desk = self._desks.get(study_id)
            if desk.record.state in ENDED:
                raise over(desk.record)
            desk.round = ledger.undo(self._store, study_id, desk.study, number, user)
            self._wake.notify_all()
            return desk.round

    def branch(
        self,
        origin: StudyRecord,
        number: int,
        name: str | None = None,
        user: str | None = None,
        team: str | None = None,
    ) -> Submitted:
        """Start a study of ``team`` (by default the other's) from round ``number`` of another.

        Raises NotAllowed where one more is beyond the team's quota.
        """
        team = team or origin.team
        trials = load_study(origin.source, origin.filename).planned_trials
        with self._lock:
            self._refuse_study(team, trials)
            record, study = ledger.branch(self._store, origin, number, name, user, team)
            self._desks.open(record, study)
            self._wake.notify_all()
        return Submitted(id=record.id, warnings=list(study.warnings))

    def go_on(
        self,
        origin: StudyRecord,
        row: TrialRow,
        name: str | None = None,
        user: str | None = None,
        team: str | None = None,
    ) -> Submitted:
        """Take a trial up by hand, in a study of ``team``; see :mod:`caviar.scheduler.going_on`.

        Raises NotAllowed where one more is beyond the team's quota.
        """
        team = team or origin.team
        with self._lock:
            self._refuse_study(team, 1)
            record, study, kept = going_on.go_on(self._store, origin, row, name, user, team)
            self._desks.open(record, study)
            self._wake.notify_all()
        told = () if kept else (going_on.FROM_NOTHING,)
        return Submitted(id=record.id, warnings=[*study.warnings, *told])

    def open(self, opening: Opening) -> StudyRecord:
        """Write a study that a re-check opens, and start it.

        Raises:
            NotAllowed: one more is beyond the team's quota.
            Taken: somebody else opened it.
        """
        with self._lock:
            self._refuse_study(opening.values["team"], opening.study.planned_trials)
            record = self._store.add_study(**opening.values)
            self._desks.open(record, opening.study)
            self._wake.notify_all()
        return record

    # Teams

    def teams_changed(self) -> None:
        """Weights or quotas were edited, or a team was added: they count from the next slot on."""
        with self._lock:
            self._accounts.teams_changed()
            self._wake.notify_all()

    # Workers

    def hello(self, message: Hello) -> HelloAnswer:
        """A worker started: what an earlier process on its host held is lost at once, without waiting for leases."""
        with self._lock:
            return self._counter.hello(message)

    def claim(self, request: ClaimRequest) -> ClaimAnswer:
        """dispatched -> running, idempotent for one nonce."""
        with self._lock:
            return self._counter.claim(request)

    def heartbeat(self, message: Heartbeat) -> HeartbeatAnswer:
        """Extend the leases of what the worker holds; answer with what it must end."""
        with self._lock:
            return self._counter.heartbeat(message)

    def finish(self, message: Finish) -> FinishAnswer:
        """Compare-and-set on (trial, attempt, running); a replay is a duplicate, a stale attempt is fenced."""
        with self._lock:
            return self._counter.finish(message)

    def holder(self, message: PassRequest) -> str | None:
        """The team of a trial that runs, where the claim is the sender's; None else."""
        found = self._running(message.trial, message.attempt)
        if found is None or found[1].nonce != message.nonce:
            return None
        return found[0]

    def runs(self, given: Pass) -> bool:
        """Whether this attempt of a team's trial runs, and its study is not over. Without the lock: it is asked for
        each of a script's requests to MLflow."""
        found = self._running(given.trial, given.attempt)
        return found is not None and found[0] == given.team

    def _running(self, trial: str, attempt: int) -> tuple[str, TrialRow] | None:
        """The team and the row of an attempt that runs, of a study that is not over."""
        desk = self._desks.find(study_of(trial))
        number = trial.rpartition("-")[2]
        if desk is None or desk.record.state in ENDED or not number.isdecimal():
            return None
        row = desk.by_state["running"].get(int(number))
        if row is None or (row.id, row.attempt) != (trial, attempt):
            return None
        return desk.record.team, row

    def trust(self, host: str) -> None:
        """Give a host that was set aside work again. Raises NotAllowed where it was not."""
        with self._lock:
            self._gate.trust(host)
            self._wake.notify_all()

    def aside(self, host: str) -> Aside | None:
        """Why a host gets no work; None where it does."""
        with self._lock:
            return self._hosts.aside.get(host)

    def drain(self, host: str, give_back: bool) -> None:
        """Give a host no more work; what it trains goes on, or with ``give_back`` goes back to the queue.

        Raises NotAllowed where no worker calls from there.
        """
        with self._lock:
            self._gate.drain(host, give_back, self._clock())
            self._wake.notify_all()

    def resume_host(self, host: str) -> None:
        """Give a drained host work again. Raises NotAllowed where it was not drained."""
        with self._lock:
            self._gate.resume(host)
            self._wake.notify_all()

    def drained(self, host: str) -> Drained | None:
        """Since when an operator gives a host no more work; None where it may get some."""
        with self._lock:
            return self._hosts.drained.get(host)

    def unshipped(self, host: str) -> int:
        """Trials that ended on a host and are not complete in MLflow."""
        return self._store.unshipped_of(host)

    def uses(self, study_id: str) -> list[Use] | None:
        """What a study has spent of its budget of time; None where it is over."""
        desk = self._desks.find(study_id)
        if desk is None or desk.record.state in ENDED:
            return None
        if not desk.spending.limited:
            return []
        with self._lock:
            return desk.spending.uses(self._clock())

    def shipped(self, message: Shipped) -> None:
        self._store.shipped(dict(message.runs), dict(message.attempts))

    def run_of(self, message: RunRequest) -> RunAnswer:
        """The trial's one run in MLflow: the first that a worker told. One that is not known is the worker's own."""
        row = self._store.settle_run(message.trial, message.run_id)
        if row is None:
            return RunAnswer(run_id=message.run_id, attempt=message.attempt, complete=False)
        claimed = row.attempt - (row.state == "dispatched")
        return RunAnswer(run_id=row.run_id, attempt=claimed, complete=row.shipped)

    def ship_target(self, study_id: str) -> ShipTarget | None:
        """Where the study's runs go in MLflow; None until its own run exists there."""
        record = self._store.study(study_id)
        if record is None or record.experiment_id is None or record.run_id is None:
            return None
        return ShipTarget(
            experiment_id=record.experiment_id,
            parent_run_id=record.run_id,
            rebuilt=record.rebuilt,
            service=self._pages,
        )

    # What the API shows beside the store. Where a single look at the memory will do, without the lock: a turn holds it
    # for milliseconds, and hundreds may watch.

    def progress(self, trial: str) -> Progress | None:
        """The last report of a running trial."""
        return self._fleet.progress.get(trial)

    def reported(self, study_id: str) -> list[tuple[str, Progress | None]]:
        """The last report of each of the study's running trials."""
        desk = self._desks.find(study_id)
        running = list(desk.by_state["running"].values()) if desk else []
        return [(row.id, self._fleet.progress.get(row.id)) for row in running]

    def curves(self, study_id: str) -> dict[int, Sequence[tuple[int, float | None]]]:
        """What the study's running trials have reported, by number: every report where it is babysat, otherwise those
        at which trials are compared."""
        desk = self._desks.find(study_id)
        if desk is None:
            return {}
        reported = desk.rungs.open()
        found: dict[int, Sequence[tuple[int, float | None]]] = {}
        for row in list(desk.by_state["running"].values()):
            ward = self.changing.wards.find(row.id)
            line = ward.points if ward is not None else reported.get(row.number)
            if line:
                found[row.number] = line
        return found

    def counts(self, study_ids: Sequence[str]) -> dict[str, dict[TrialState, int]]:
        """Trials by state, zeros included, of each of these studies; of those that go on without counting them."""
        desks = {study_id: self._desks.find(study_id) for study_id in study_ids}
        known = {study_id: dict(desk.counts) for study_id, desk in desks.items() if desk}
        others = [study_id for study_id in study_ids if study_id not in known]
        return known | (self._store.counts_of(others) if others else {})

    def slots(self, study_id: str) -> int:
        """Slots of the study's class, as of a moment ago."""
        desk = self._desks.find(study_id)
        if desk is None:
            return 0
        name, now = desk.study.resources.resource_class, self._clock()
        at, slots = self._slots.get(name, (-math.inf, 0))
        if now - at > SLOTS_S:
            with self._lock:
                slots = self._fleet.slots(name, now)
            self._slots[name] = (now, slots)
        return slots

    def census(self) -> list[tuple[StudyRecord, dict[TrialState, int]]]:
        """The studies that go on, each with its trials by state."""
        with self._lock:
            return [(desk.record, dict(desk.counts)) for desk in self._desks]

    @property
    def lease_s(self) -> float:
        return self._lease_s

    def tally(self) -> Tally:
        return self._desks.tally

    def ticked_s(self) -> float | None:
        """Seconds since the last turn; None before the first."""
        ticked = self._ticked
        return None if ticked is None else self._clock() - ticked

    def workers(self) -> list[tuple[Worker, int, int, float]]:
        """Each worker, its free slots, the trials that run on it, and the seconds since it was seen."""
        with self._lock:
            now = self._clock()
            busy: dict[str, int] = {}
            for desk in self._desks:
                for row in desk.by_state["running"].values():
                    if row.incarnation:
                        busy[row.incarnation] = busy.get(row.incarnation, 0) + 1
            return [
                (
                    worker,
                    max(0, self._fleet.usable(worker) - busy.get(worker.incarnation, 0)),
                    busy.get(worker.incarnation, 0),
                    now - worker.seen,
                )
                for worker in self._fleet.workers(now)
            ]

    def training(self) -> dict[str, list[tuple[StudyRecord, TrialRow]]]:
        """What trains, by the incarnation of its worker, in the order of its slots."""
        found: dict[str, list[tuple[StudyRecord, TrialRow]]] = {}
        with self._lock:
            for desk in self._desks:
                for row in desk.by_state["running"].values():
                    found.setdefault(row.incarnation or "", []).append((desk.record, row))
        for rows in found.values():
            rows.sort(key=lambda entry: entry[1].slot or 0)
        return found

    def leases(self) -> frozenset[str]:
        """The trials whose workers have called within the lease."""
        with self._lock:
            return self._fleet.leases()

    def unclaimed(self) -> list[str]:
        """The trials that nobody takes though a slot is free."""
        with self._lock:
            return self._tickets.unclaimed()

    def outlook(self, study_id: str) -> tuple[int, float | None]:
        """Slots of the study's class, and the estimated seconds that it still needs."""
        with self._lock:
            desk = self._desks.find(study_id)
            if desk is None:
                return 0, None
            slots = self._fleet.slots(desk.study.resources.resource_class, self._clock())
            return slots, desk.left_s(slots) if desk.record.state == "running" else None

    def look(self, team: str | None = None) -> Snapshot:
        """The queue as it stands. ``team``: one that is to be in it though it has no study."""
        with self._lock:
            return take(
                self._desks,
                self._fleet,
                self._accounts,
                self._tickets.unclaimed(),
                self._hosts.without_work(),
                self._tickets.broker_is_down,
                self._clock(),
                self._wall(),
                team,
            )

    def pulse(self) -> Pulse:
        """Whether the queue, or what works on it, is as it was."""
        with self._lock:
            return take_pulse(self._desks, self._fleet, self._hosts, self._accounts, self._clock())

    def look_at(self, study_id: str) -> StudyNow | None:
        """One study as it stands; None where it is over."""
        with self._lock:
            desk = self._desks.find(study_id)
            if desk is None or desk.record.state in ENDED:
                return None
            return study_now(desk, self._fleet, self._clock())

    def queues(self) -> set[str]:
        """The queues of the studies that go on."""
        with self._lock:
            return {queue_name(desk.study.resources.resource_class) for desk in self._desks}

    # The loop

    def wait(self, timeout_s: float) -> None:
        """Until something changed, or the time is over."""
        with self._wake:
            self._wake.wait(timeout_s)

    def tick(self) -> bool:
        """One turn: lost leases, new rounds, ended studies, tickets. True: slots are left, another should follow."""
        with self._lock:
            now = self._clock()
            if self._ticked is not None and now - self._ticked > self._lease_s / 2:
                # The reaper itself stood still (a suspended laptop): nobody could extend a lease.
                self._fleet.credit(now - self._ticked)
            self._ticked = now
            self._desks.reap(now, self._lease_s)
            if now - self._rounds_read >= ROUNDS_S:
                self._rounds_read = now
                self._desks.read_news()
            self._desks.settle()
            self.changing.tidy()
            outgoing, more = self._dispatcher.turn(now)
        unsent = self._tickets.post(outgoing)
        with self._lock:
            for ticket, _ in unsent:
                self._tickets.forget(ticket.trial)
        return more and not unsent
