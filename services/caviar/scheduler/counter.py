"""What workers ask: hello, claims, heartbeats, the ends of attempts."""

from __future__ import annotations

import threading
from collections.abc import Callable

from caviar.adapters.sql import Store, TrialRow
from caviar.contract.messages import (
    ClaimAnswer,
    ClaimRequest,
    Finish,
    FinishAnswer,
    Heartbeat,
    HeartbeatAnswer,
    Held,
    Hello,
    HelloAnswer,
    StopRule,
)
from caviar.contract.names import study_of
from caviar.contract.panda import forked_from
from caviar.scheduler.accounts import Accounts
from caviar.scheduler.changing import Changing
from caviar.scheduler.desk import Desk
from caviar.scheduler.desks import Desks
from caviar.scheduler.dispatching import Dispatcher
from caviar.scheduler.fleet import Fleet
from caviar.scheduler.gate import Gate, Place
from caviar.scheduler.places import Places
from caviar.scheduler.preempting import Preempting
from caviar.scheduler.tickets import Tickets
from caviar.studies.constraints import judged
from caviar.studies.life import ENDED, FINAL, after_finish


class Counter:
    """Called under the scheduler's lock."""

    def __init__(
        self,
        store: Store,
        desks: Desks,
        fleet: Fleet,
        gate: Gate,
        places: Places,
        tickets: Tickets,
        dispatcher: Dispatcher,
        accounts: Accounts,
        preempting: Preempting,
        changing: Changing,
        lease_s: float,
        clock: Callable[[], float],
        wake: threading.Condition,
    ) -> None:
        """``clock`` is monotonic seconds; ``wake`` is what the loop waits for."""
        self._store = store
        self._desks = desks
        self._fleet = fleet
        self._gate = gate
        self._places = places
        self._tickets = tickets
        self._dispatcher = dispatcher
        self._accounts = accounts
        self._preempting = preempting
        self._changing = changing
        self._lease_s = lease_s
        self._clock = clock
        self._wake = wake

    def hello(self, message: Hello) -> HelloAnswer:
        """A worker started: what an earlier process on its host held is lost at once, without waiting for leases."""
        self._fleet.hello(message, self._clock())
        for desk in self._desks:
            for row in list(desk.by_state["running"].values()):
                if row.host == message.host and row.incarnation != message.incarnation:
                    self._desks.lose(desk, row, f"the worker on {message.host} was restarted")
        self._wake.notify_all()
        return HelloAnswer(lease_s=self._lease_s)

    def claim(self, request: ClaimRequest) -> ClaimAnswer:
        """dispatched -> running, idempotent for one nonce."""
        desk = self._desks.of_trial(request.trial)
        if desk is None or desk.record.state != "running":
            state = desk.record.state if desk else "over"
            return ClaimAnswer(granted=False, reason=f"the study is {state}")
        now = self._clock()
        waiting = desk.row(request.trial)
        place = Place()
        if waiting and waiting.state == "dispatched" and waiting.attempt == request.attempt:
            entered = self._out_of_turn(desk, waiting, now) or self._gate.enter(
                desk, waiting, request, now
            )
            if isinstance(entered, ClaimAnswer):
                nobody = self._gate.nobody(desk, now)
                if nobody is not None:
                    self._desks.end(desk, "failed", nobody)
                self._wake.notify_all()
                return entered
            place = entered
        row = self._store.claim(
            request.trial,
            request.attempt,
            request.nonce,
            request.host,
            request.incarnation,
            request.slot,
            place.gpu,
            place.gpus,
        )
        if row is None:
            if place.gpu is not None:
                self._places.leave(request.host, request.trial)
            return ClaimAnswer(granted=False, reason="not dispatched with this attempt")
        desk.put(row)
        self._desks.takes_slot(desk, row, place.gpus, now)
        self._preempting.claimed(desk, now)
        self._fleet.seen(request.host, request.incarnation, now)
        self._fleet.lease(row.id, now)
        self._tickets.forget(row.id)
        self._dispatcher.claimed(desk.study.resources.resource_class, now)
        self._wake.notify_all()
        changes = self._changing.changes(row) if row.origin or row.touched else ()
        passed = self._changing.wards.last_step(row.id)
        assignment = desk.assignment(row, self._lease_s, changes, passed)
        return ClaimAnswer(granted=True, assignment=assignment)

    def _out_of_turn(self, desk: Desk, row: TrialRow, now: float) -> ClaimAnswer | None:
        """The refusal of a trial whose team may not start one now, or while the slot is kept for another study.

        Its ticket is gone. Another one goes out as soon as a claim may be granted.
        """
        held_back = self._accounts.held_back(desk.record.team)
        if held_back is not None:
            self._tickets.forget(row.id)
            return ClaimAnswer(granted=False, reason=held_back)
        if self._preempting.keeps_from(desk, now):
            self._tickets.forget(row.id)
            return ClaimAnswer(granted=False, reason="the slot is kept for a study that goes first")
        return None

    def heartbeat(self, message: Heartbeat) -> HeartbeatAnswer:
        """Extend the leases of what the worker holds; answer with what it must end."""
        now = self._clock()
        known = self._fleet.seen(message.host, message.incarnation, now)
        if known:
            self._fleet.warned(message.host, message.warnings)
        stop: list[Held] = []
        release: list[Held] = []
        rules: dict[str, StopRule] = {}
        for held in message.held:
            desk = self._desks.of_trial(held.trial)
            row = self._running(held, desk)
            if row is None or row.incarnation != message.incarnation:
                stop.append(held)
                continue
            self._fleet.lease(row.id, now)
            self._fleet.heard(held)
            if desk is None:
                continue
            desk.rungs.heard(row, held.curve)
            if desk.record.state in ENDED or row.stop_asked:
                stop.append(held)
                continue
            if self._gate.takes_back(message.host) or self._preempting.asks(
                desk.study.resources.resource_class, row.id, row.attempt
            ):
                release.append(held)
            if row.study_id not in rules and (rule := desk.stop_rule(row.incarnation)):
                rules[row.study_id] = rule
        over = tuple(trial for trial in message.kept if self._is_over(trial))
        return HeartbeatAnswer(
            known=known, stop=tuple(stop), release=tuple(release), rules=rules, over=over
        )

    def finish(self, message: Finish) -> FinishAnswer:
        """Compare-and-set on (trial, attempt, running); a replay is a duplicate, a stale attempt is fenced."""
        desk = self._desks.of_trial(message.trial)
        row = self._row(message.trial, desk)
        if row is None:
            return FinishAnswer(verdict="fenced")
        same = row.attempt == message.attempt and row.nonce == message.nonce
        if row.state != "running" or not same:
            return FinishAnswer(verdict="duplicate" if self._was_taken(row, message) else "fenced")
        now = self._clock()
        if desk is not None and message.answers:
            self._changing.answered(desk, row, message.answers)
            row = self._row(message.trial, desk) or row
        ended = desk is None or desk.record.state in ENDED
        blamed = self._gate.blames(desk, row, message, now) if desk and not ended else False
        message, beyond = judged(desk.study.constraints if desk else (), message)
        verdict = after_finish(
            message.outcome,
            row.crashes,
            row.lost,
            cancelled=ended,
            asked=row.stop_asked,
            valued=message.value is not None,
            blamed=blamed,
        )
        if desk is not None:
            message = message.model_copy(update={"curve": desk.rungs.heard(row, message.curve)})
        slot_s = self._desks.leaves_slot(desk, row, now) if desk else None
        finished = self._store.finish(message, verdict, beyond, slot_s)
        if finished is None:
            return FinishAnswer(verdict="fenced")
        self._desks.counts(finished.state)
        self._fleet.end_lease(row.id)
        self._places.leave(row.host, row.id)
        if desk is not None:
            desk.put(finished)
            if not ended and desk.study.budget.target is not None:
                self._desks.settle_one(desk)  # at once: no claim comes in between
        if desk is None or self._is_urgent(desk, finished):
            self._wake.notify_all()
        return FinishAnswer(verdict="accepted")

    def _was_taken(self, row: TrialRow, message: Finish) -> bool:
        """Whether this attempt ended by its own report, however many attempts have followed since.

        A slot and its agent may both deliver a report. Who is told that it came too late removes what the attempt
        still has to ship.
        """
        if row.attempt == message.attempt and row.nonce != message.nonce:
            return False
        ended = {each["attempt"]: each["outcome"] for each in self._store.attempts(message.trial)}
        return ended.get(message.attempt) == message.outcome

    def _is_urgent(self, desk: Desk, ended: TrialRow) -> bool:
        """Whether a trial's end calls for a turn at once.

        Not where a ticket lies ready for the slot: its claim, milliseconds away, would wait behind the turn, which
        proposes; and the claim calls for one itself.
        """
        unserved = self._dispatcher.freed(desk.study.resources.resource_class)
        return (
            unserved
            or ended.state not in FINAL
            or not desk.may_create()
            or desk.reached_target()
            or desk.record.state != "running"
        )

    def _is_over(self, trial: str) -> bool:
        """Whether nobody will train it again. Of a trial that is not known, nobody knows."""
        desk = self._desks.of_trial(trial)
        if forked_from(trial) is not None:  # what was laid aside for a fork goes with the study
            known = self._store.study(study_of(trial)) if desk is None else None
            return known is not None and known.state in ENDED
        row = self._row(trial, desk)
        return row is not None and row.state in FINAL

    def _running(self, held: Held, desk: Desk | None) -> TrialRow | None:
        row = desk.row(held.trial) if desk else None
        if row is None or row.state != "running" or row.attempt != held.attempt:
            return None
        return row

    def _row(self, identifier: str, desk: Desk | None) -> TrialRow | None:
        """An open trial from memory, any other from the store."""
        return (desk.row(identifier) if desk else None) or self._store.trial(identifier)
