"""What is asked of trainings while they run: written down, told to their hosts until they answer, then done."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from caviar.adapters.sql import InterventionRow, Store, StudyRecord, TrialRow, changes_of
from caviar.contract.messages import Change, Done, Origin, ParameterValue
from caviar.contract.panda import (
    MOST_ORDERS,
    Keep,
    Kind,
    Order,
    Orders,
    Report,
    ReportAnswer,
    Waiting,
    fork_key,
    values_after,
    values_of,
)
from caviar.errors import NotAllowed
from caviar.scheduler.asking import fitting, refuse_spent, refuse_unkept, running, spread, unread
from caviar.scheduler.desk import Desk
from caviar.scheduler.desks import Desks
from caviar.scheduler.gate import Gate
from caviar.scheduler.wards import Wards
from caviar.studies.life import ENDED
from caviar.studies.spec import Study

ENDED_FIRST = "the training ended first"
TIDY_S = 1.0
"""Between two looks whether trainings that nothing is asked of are over: there may be thousands, and turns are many."""


@dataclass(frozen=True, slots=True)
class Babysat:
    """A study with somebody to look after its trainings: a nurse, or forks that are to be compared."""

    record: StudyRecord
    study: Study
    running: tuple[TrialRow, ...]
    waits: bool
    """A fork is on its way: it waits for its slot."""


class Changing:
    """The interventions of the studies that go on. Every public method takes the scheduler's lock, but ``orders``,
    ``values`` and ``changes``, which only look."""

    def __init__(
        self,
        store: Store,
        desks: Desks,
        gate: Gate,
        clock: Callable[[], float],
        wake: threading.Condition,
    ) -> None:
        """``clock`` is monotonic seconds; ``wake`` is what the loop waits for, and its lock the scheduler's."""
        self._store = store
        self._desks = desks
        self._gate = gate
        self._clock = clock
        self._wake = wake
        self.wards = Wards()
        self._open: dict[str, dict[int, InterventionRow]] = {}
        """By trial, what is asked and not answered."""
        self._replaced: dict[str, str] = {}
        """Trials that end for another, and in which words."""
        self._comparing: set[str] = set()
        """Studies with forks that are to be compared with what they go on from."""
        self._tidied = -math.inf
        self.tell: Callable[[], None] = lambda: None
        """Called when hosts have something new to do."""
        self.heard = threading.Event()
        """Set when hosts have told something."""

    def load(self) -> None:
        """What was open when the service stopped."""
        self._store.interventions.void_ended(ENDED_FIRST)  # a kill came after the trial's end
        for desk in self._desks:
            if any(_is_compared(row) for row in desk.open.values()):
                self._comparing.add(desk.record.id)
            for row in self._store.interventions.open(desk.record.id):
                self._open.setdefault(row.trial_id, {})[row.number] = row

    def ask_set(
        self, study_id: str, number: int, params: Mapping[str, ParameterValue], by: str, why: str
    ) -> list[InterventionRow]:
        """Ask for other values, each an intervention of its own.

        Raises InputError for values that do not fit, NotAllowed where the training does not read them as it goes.
        """
        with self._wake:
            return self._ask_set(self._desks.get(study_id), number, params, by, why)

    def _ask_set(
        self, desk: Desk, number: int, params: Mapping[str, ParameterValue], by: str, why: str
    ) -> list[InterventionRow]:
        row = running(desk, number)
        values = fitting(desk, row, params)
        self._refuse_more(row, len(values))
        ward = self.wards.find(row.id)
        for name in values:
            reads = ward is not None and name in ward.live
            if not reads and not desk.study.space[name].live:
                raise unread(number, name, ward is not None and bool(ward.live))
        now = self.values(row)
        return [
            self._ask(row, "set", by, why, parameter=name, before=now[name], value=value)
            for name, value in values.items()
        ]

    def ask_fork(
        self,
        study_id: str,
        number: int,
        kind: Kind,
        params: Mapping[str, ParameterValue],
        by: str,
        why: str,
        *,
        step: int | None,
        steps: int | None = None,
        in_place: bool,
        keep: Keep = "ask",
    ) -> InterventionRow:
        """Ask for a trial that goes on from a checkpoint of this one, at or before ``step``.

        Raises InputError for values that do not fit, NotAllowed where the budget is spent, where there is no such
        checkpoint, as far as that is known here, or where another fork of it takes its place already.
        """
        with self._wake:
            desk = self._desks.get(study_id)
            row = self._may_fork(desk, number, step)
            values = fitting(desk, row, params)
            return self._ask(
                row,
                kind,
                by,
                why,
                params=values,
                step=step,
                steps=steps,
                in_place=in_place,
                keep=keep,
            )

    def _may_fork(self, desk: Desk, number: int, step: int | None) -> TrialRow:
        row = running(desk, number)
        self._refuse_more(row, 1)
        if row.stop_asked or any(each.in_place for each in self._open.get(row.id, {}).values()):
            raise NotAllowed(
                f"Trial {number} is about to end: another takes its place, or somebody stopped it."
            )
        refuse_spent(desk)
        if row.host is not None and (closed := self._gate.closed(row.host)):
            raise NotAllowed(f"{closed}: what goes on from a checkpoint there could not start.")
        ward = self.wards.find(row.id)
        if ward is not None and ward.attempt == row.attempt:
            refuse_unkept(number, ward.checkpoints, step)
        return row

    def _ask(
        self, row: TrialRow, kind: Kind, by: str, why: str, **about: object
    ) -> InterventionRow:
        asked = self._store.interventions.ask(row, kind, by=by, why=why, **about)  # type: ignore[arg-type]
        self._open[row.id] = {**self._open.get(row.id, {}), asked.number: asked}
        self.tell()
        return asked

    def _refuse_more(self, row: TrialRow, more: int) -> None:
        if len(self._open.get(row.id, {})) + more > MOST_ORDERS:
            raise NotAllowed(f"Trial {row.number} has {MOST_ORDERS} changes open: wait for them.")

    def orders(self, waiting: Waiting) -> Orders | None:
        """What a host has to do; None while that is nothing. Without the lock."""
        orders: dict[str, tuple[Order, ...]] = {}
        stop: dict[str, str] = {}
        for trial, known in waiting.open.items():
            desk = self._desks.of_trial(trial)
            row = desk.row(trial) if desk else None
            if desk is None or row is None or row.incarnation != waiting.incarnation:
                continue
            if row.state == "running" and (row.stop_asked or desk.record.state in ENDED):
                stop[trial] = self._replaced.get(trial, "")
            if open_ := self._open.get(trial):
                new = [each for number, each in open_.items() if number not in known]
                if new:
                    orders[trial] = tuple(_order(each) for each in new)
        unheard = any(
            trial not in waiting.open and self._runs(trial, waiting.incarnation)
            for trial in self.wards.of(waiting.incarnation)
        )
        if not (orders or stop or unheard):
            return None
        return Orders(orders=orders, stop=stop)

    def _runs(self, trial: str, incarnation: str) -> bool:
        desk = self._desks.of_trial(trial)
        row = desk.row(trial) if desk else None
        return row is not None and row.state == "running" and row.incarnation == incarnation

    def report(self, report: Report) -> ReportAnswer:
        """What trainings have come to."""
        known = {}
        with self._wake:
            for ward in report.wards:
                desk = self._desks.of_trial(ward.trial)
                row = desk.row(ward.trial) if desk else None
                if desk is None or row is None or row.state != "running":
                    if self.wards.is_last_of(ward, report.incarnation):
                        known[ward.trial] = self.wards.heard(ward, report.incarnation)
                    continue
                if (row.attempt, row.incarnation) != (ward.attempt, report.incarnation):
                    continue
                known[ward.trial] = self.wards.heard(ward, report.incarnation)
                self.answered(desk, row, ward.done)
        self.heard.set()
        return ReportAnswer(known=known)

    def answered(self, desk: Desk, row: TrialRow, answers: Iterable[Done]) -> None:
        """A training, or its host, has said what came of orders. Told again, it changes nothing. Under the lock."""
        for done in answers:
            asked = self._open.get(row.id, {}).get(done.number)
            if asked is None:
                continue
            if asked.kind == "set" or done.refused:
                self._store.interventions.answer(row.id, done)
                if not done.refused:
                    self._take(desk, row.id)
            else:
                self._fork(desk, row, asked, done)
                self._wake.notify_all()
            self._close(row.id, done.number)

    def _fork(self, desk: Desk, row: TrialRow, asked: InterventionRow, done: Done) -> None:
        step = done.step or 0
        reason = self._gate.closed(row.host) if row.host is not None else ""
        if desk.next_number >= desk.study.budget.trials or desk.record.state in ENDED:
            reason = "the study's budget was spent meanwhile, or it ended"
        if reason:
            self._store.interventions.answer(row.id, Done(number=done.number, refused=reason))
            return
        changes = self.changes(row)
        if asked.kind == "rollback":
            values = values_of(row.params, changes, step)
        else:
            at = asked.wanted_step
            values = values_after(row.params, changes, 2**63 if at is None else step)
        origin = Origin(
            number=row.number,
            step=step,
            fork=fork_key(row.id, row.attempt, asked.number),
            host=row.host,
            in_place=asked.in_place,
            steps=asked.steps,
            keep=asked.keep,
            kind="rollback" if asked.kind == "rollback" else "fork",
            by=asked.by[:255],
            why=asked.why[:500],
        )
        made = self._store.interventions.fork(
            asked,
            origin,
            number=desk.next_number,
            round_index=desk.round.index,
            params=values | asked.params,
            seed=row.seed,
            rebuilt=desk.record.rebuilt,
        )
        if made is None:
            return
        _, child, ended = made
        desk.put(child)
        if _is_compared(child):
            self._comparing.add(desk.record.id)
        if ended is not None:
            desk.put(ended)
            how = (
                f"it went back to step {step} and goes on as trial {child.number}"
                if asked.kind == "rollback"
                else f"trial {child.number} took its place from step {step} on"
            )
            self._replaced[row.id] = how
            if row.host is not None:
                self._gate.keep(row.host, child.id, self._clock())
            self.tell()

    def _take(self, desk: Desk, identifier: str) -> None:
        row = self._store.trial(identifier)
        if row is not None:
            desk.put(row)

    def _close(self, trial: str, number: int) -> None:
        left = {key: row for key, row in self._open.get(trial, {}).items() if key != number}
        if left:
            self._open[trial] = left
        else:
            self._open.pop(trial, None)

    def babysat(self) -> list[Babysat]:
        """The studies that somebody looks after."""
        with self._wake:
            return [
                Babysat(
                    desk.record,
                    desk.study,
                    tuple(desk.by_state["running"].values()),
                    bool(desk.by_state["queued"] or desk.by_state["dispatched"]),
                )
                for desk in self._desks
                if desk.record.state not in ENDED
                and (desk.study.nurse or desk.record.id in self._comparing)
            ]

    def is_asked(self, trial: str) -> bool:
        """Whether something is asked of it and not answered."""
        return trial in self._open

    def end(self, trial: str, why: str) -> TrialRow | None:
        """Ask one to end, for a reason that its record keeps. None: it is over already."""
        with self._wake:
            desk = self._desks.of_trial(trial)
            row = desk.row(trial) if desk else None
            if desk is None or row is None:
                return None
            self._replaced[trial] = why
            ended = self._desks.stop_trial(desk, row)
            self._wake.notify_all()
            self.tell()
            return ended

    def keep(self, study_id: str, number: int) -> list[TrialRow]:
        """End all others of the family: what goes on from the same checkpoint, and what that was of.

        Raises NotAllowed where the trial is over.
        """
        with self._wake:
            desk = self._desks.get(study_id)
            kept = desk.open.get(number)
            if kept is None:
                raise NotAllowed(f"Trial {number} of study {study_id} is over, or does not exist.")
            roots = self._roots(study_id)
            root = roots.get(number, number)
            others = [
                row
                for _, row in sorted(desk.open.items())
                if row.number != number and roots.get(row.number, row.number) == root
            ]
            why = f"trial {number} is kept"
            return [ended for row in others if (ended := self.end(row.id, why)) is not None]

    def _roots(self, study_id: str) -> dict[int, int]:
        """Fork -> the trial from nothing that all of it goes back to."""
        parents: dict[int, int] = {}
        for row in self._store.trials(study_id, kind="fork"):
            origin = Origin.model_validate(row.origin)
            if origin.number is not None:
                parents[row.number] = origin.number
        roots: dict[int, int] = {}
        for number in sorted(parents):
            roots[number] = roots.get(parents[number], parents[number])
        return roots

    def ask_spread(
        self, study_id: str, number: int, children: int, by: str, why: str
    ) -> list[InterventionRow]:
        """Ask for several forks of the newest checkpoint, each with live numbers up to ``SPREAD`` of their range away.

        Raises NotAllowed where the training reads no number as it goes, or the budget does not carry them all.
        """
        with self._wake:
            desk = self._desks.get(study_id)
            row = self._may_fork(desk, number, None)
            self._refuse_more(row, children)
            left = desk.study.budget.trials - desk.next_number
            if children > left:
                raise NotAllowed(
                    f"The budget of study {study_id} carries {left} more trials, not {children}."
                )
            ward = self.wards.find(row.id)
            live = ward.live if ward is not None else {}
            made = spread(desk.study.space, number, self.values(row), live, children)
            return [
                self._ask(
                    row, "fork", by, why, params=params, step=None, steps=None, in_place=False
                )
                for params in made
            ]

    def tidy(self) -> None:
        """Of trainings that are over nothing more comes of what is open."""
        trials, now = list(self._open), self._clock()
        if now - self._tidied >= TIDY_S:
            self._tidied = now
            self._comparing = {study for study in self._comparing if self._desks.find(study)}
            trials += [*self._replaced, *self.wards.running()]
        for trial in trials:
            desk = self._desks.of_trial(trial)
            if desk is not None and desk.row(trial) is not None:
                continue
            self.wards.ended(trial)
            self._replaced.pop(trial, None)
            if self._open.pop(trial, None):
                self._store.interventions.void(trial, ENDED_FIRST)

    def changes(self, row: TrialRow) -> tuple[Change, ...]:
        """The values that changed in a trial, by their steps: what it followed, and what was set."""
        followed = Origin.model_validate(row.origin).schedule if row.origin else ()
        done = changes_of(self._store.interventions.of_trial(row.id)) if row.touched else ()
        return tuple(
            sorted(
                (*followed, *done), key=lambda change: -1 if change.step is None else change.step
            )
        )

    def values(self, row: TrialRow) -> dict[str, ParameterValue]:
        """The values in effect now, as far as they are known."""
        ward = self.wards.find(row.id)
        live = ward.live if ward is not None else {}
        return values_after(row.params, self.changes(row), 2**63) | live


def _is_compared(row: TrialRow) -> bool:
    return row.kind == "fork" and row.origin is not None and row.origin.get("keep") == "better"


def _order(row: InterventionRow) -> Order:
    return Order(
        number=row.number,
        parameter=row.parameter,
        value=row.value,
        step=row.wanted_step,
        in_place=row.in_place,
        by=row.by[:255],
        why=row.why[:500],
    )
