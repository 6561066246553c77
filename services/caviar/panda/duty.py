"""The nurse on duty, and the comparisons that are due: what happens to babysat trainings without a person.

A thread of the scheduler's process, beside its loop. It looks at what the hosts have told and asks, as people do.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from caviar.adapters.sql import Store, StudyRecord, TrialRow
from caviar.contract.messages import Origin, ParameterValue
from caviar.contract.panda import forked_from
from caviar.errors import InputError, NotAllowed
from caviar.panda.babysitting import NURSE, effect_view
from caviar.panda.nurse import Act, Limits, Look, Memory, decide
from caviar.panda.verdict import Effect, compare, effect
from caviar.scheduler import Scheduler
from caviar.scheduler.changing import Babysat
from caviar.studies.nursing import Nursing

log = logging.getLogger("caviar.panda")

LOOK_S = 1.0
PAUSE_S = 0.05
"""Between two looks, however much is told."""


@dataclass(slots=True)
class _Case:
    """What she knows of one study between two looks."""

    memory: Memory
    trial: str = ""
    seen: int = 0
    """How many of the points of that trial's line she has looked at."""
    acted: bool = False
    ended: dict[str, int] = field(default_factory=dict)
    """Trials that are over, with the steps that they trained."""


class Duty:
    def __init__(self, store: Store, scheduler: Scheduler) -> None:
        self._store = store
        self._changing = scheduler.changing
        self._cases: dict[str, _Case] = {}
        self._compared: set[tuple[str, int]] = set()
        """The forks that were compared, by the trial that they go on from and the number of the intervention."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="nurse", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._changing.heard.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._changing.heard.wait(LOOK_S)
            self._changing.heard.clear()
            self._stop.wait(PAUSE_S)
            try:
                self.turn()
            except Exception:
                log.exception("the nurse could not look; trying again")
                self._stop.wait(1.0)

    def turn(self) -> None:
        """Look at every babysat training once. One that fails holds up no other. Raises the last error."""
        babysat, failed = self._changing.babysat(), None
        for one in babysat:
            try:
                self._compare(one)
                if one.study.nurse is not None:
                    self._nurse(one, one.study.nurse)
            except Exception as error:
                error.add_note(f"study {one.record.id}")
                failed = error
        here = {one.record.id for one in babysat}
        self._cases = {study: case for study, case in self._cases.items() if study in here}
        if failed is not None:
            raise failed

    # Comparisons

    def _compare(self, one: Babysat) -> None:
        """Of two that were to be compared after a number of steps, keep the better."""
        for row in one.running:
            origin = Origin.model_validate(row.origin) if row.origin else None
            if origin is None or origin.steps is None or origin.number is None:
                continue
            forked = forked_from(origin.fork or "")
            if row.stop_asked or forked is None or origin.keep != "better":
                continue
            other, number = forked
            due = (origin.step or 0) + origin.steps
            mine, theirs = self._changing.wards.find(row.id), self._changing.wards.find(other)
            if mine is None or theirs is None or not mine.steps or mine.steps[-1] < due:
                continue
            if not theirs.over and (not theirs.steps or theirs.steps[-1] < due):
                continue  # it trains slower: at equal steps
            if forked in self._compared or self._was_compared(other, number):
                self._compared.add(forked)
                continue
            self._decide(one, row, origin, other, number, due)

    def _decide(
        self, one: Babysat, row: TrialRow, origin: Origin, other: str, number: int, due: int
    ) -> None:
        study = one.study
        goal, name = study.metric.goal, study.metric.name
        theirs, mine = self._curve(other), self._curve(row.id)
        step = origin.step or 0
        if origin.in_place:
            line = [point for point in theirs if point[0] <= step]
            line += [point for point in mine if point[0] > step]
            found = effect(line, step, goal, name, until=due)
        else:
            upto = [[p for p in curve if p[0] <= due] for curve in (theirs, mine)]
            found = compare(upto[0], upto[1], step, goal, name)
        why = f"compared after {origin.steps} steps: {found.sentence}"
        try:
            if origin.in_place:
                if found.word == "hurt":
                    before = self._store.trial(other)
                    params = self._changing.values(before) if before else {}
                    self._changing.ask_fork(
                        one.record.id, row.number, "rollback", params, NURSE, why,
                        step=step, in_place=True,
                    )  # fmt: skip
            elif found.word == "helped":
                self._changing.end(other, f"trial {row.number} is kept: {why}")
            else:
                self._changing.end(row.id, f"trial {origin.number} is kept: {why}")
        except (InputError, NotAllowed) as error:
            log.warning("trial %s: %s", row.id, error)
        # Last: after a kill before this it is compared, and asked, again.
        self._store.interventions.note_effect(other, number, _json(found))

    def _was_compared(self, trial: str, number: int) -> bool:
        rows = self._store.interventions.of_trial(trial)
        return any(each.number == number and each.effect is not None for each in rows)

    def _curve(self, trial: str) -> list[tuple[int, float]]:
        ward = self._changing.wards.find(trial)
        return ward.points if ward else []

    # The nurse

    def _nurse(self, one: Babysat, nursing: Nursing) -> None:
        study_id = one.record.id
        case = self._cases.get(study_id)
        on, memory = self._store.interventions.nurse(study_id)
        if case is None:
            known = Memory() if memory is None else Memory.from_json(memory["mind"])
            case = self._cases[study_id] = _Case(known)
        row = _the_one(one.running)
        if row is None or one.waits or self._changing.is_asked(row.id):
            return
        if not on:
            self._stand_down(one, row, case)
            return
        ward = self._changing.wards.find(row.id)
        if ward is None or ward.attempt != row.attempt or nursing.parameter not in ward.live:
            return
        line = self._line(row)
        if case.trial != row.id:
            first = not case.trial
            case.trial, case.seen = row.id, max(0, len(line) - len(ward.steps))
            if first and memory is not None and memory["trial"] == row.id:
                # After a restart: what she saw until her memory changed last would make her act again.
                case.seen = max(case.seen, sum(step <= memory["step"] for step, _ in line))
        if case.acted:  # what was reported until the training read the new value says nothing of it
            case.acted, at = False, self._applied(row.id)
            case.seen = max(case.seen, sum(step <= at for step, _ in line))
        limits = Limits(
            nursing.low, nursing.high, nursing.parameter, one.study.metric.goal, nursing.waste
        )
        trained = self._trained(one.record, case, row, len(ward.steps))
        after, act = case.memory, None
        while case.seen < len(line) and act is None:
            case.seen += 1
            look = Look(
                points=line[: case.seen],
                params=_numbers(ward.live),
                checkpoints=ward.checkpoints,
                planned=nursing.steps,
                trained=trained,
            )
            after, act = decide(limits, after, look)
        if act is not None:
            if not self._act(one, row, act):
                return
            case.acted = True
        if after != case.memory:
            case.memory = after
            step = line[case.seen - 1][0]
            self._store.interventions.set_nurse(study_id, memory=_noted(after, row, step))

    def _stand_down(self, one: Babysat, row: TrialRow, case: _Case) -> None:
        """She was switched off: where that was in the middle of a race, the best value so far stays."""
        memory, nursing = case.memory, one.study.nurse
        if memory.race is None or nursing is None:
            return
        ward = self._changing.wards.find(row.id)
        now = ward.live.get(nursing.parameter) if ward is not None else None
        if memory.standing is not None and now is not None and now != memory.standing:
            why = "switched off in the middle of a race: the best value so far"
            params = {nursing.parameter: memory.standing}
            if not self._act(one, row, Act("set", params, why)):
                return
        case.memory = replace(memory, race=None, value=memory.standing)
        step = self._changing.wards.last_step(row.id)
        noted = _noted(case.memory, row, -1 if step is None else step)
        self._store.interventions.set_nurse(one.record.id, memory=noted)

    def _applied(self, trial: str) -> int:
        """The step after which the last value that was set took effect."""
        steps = [
            each.step if each.step is not None else -1
            for each in self._store.interventions.of_trial(trial)
            if each.kind == "set" and each.state == "applied"
        ]
        return max(steps, default=-1)

    def _act(self, one: Babysat, row: TrialRow, act: Act) -> bool:
        """Ask for it. False where that cannot be."""
        study_id, params = one.record.id, dict(act.params)
        try:
            if act.kind == "set":
                self._changing.ask_set(study_id, row.number, params, NURSE, act.reason)
            else:
                self._changing.ask_fork(
                    study_id, row.number, "rollback", params, NURSE, act.reason,
                    step=act.to_step, in_place=True,
                )  # fmt: skip
        except (InputError, NotAllowed) as error:
            log.warning(
                "study %s, trial %d: the nurse could not act: %s", study_id, row.number, error
            )
            return False
        return True

    def _line(self, row: TrialRow) -> list[tuple[int, float]]:
        """The curve of the line that lives: of what it goes on from up to there, then its own."""
        line = self._curve(row.id)
        while row.origin is not None:
            origin = Origin.model_validate(row.origin)
            before = (
                None if origin.number is None else self._store.numbered(row.study_id, origin.number)
            )
            if before is None or origin.step is None:
                break
            at = origin.step
            first = line[0][0] if line else math.inf  # some report the checkpoint's own step again
            line = [p for p in self._curve(before.id) if p[0] <= at and p[0] < first] + line
            row = before
        return line

    def _trained(self, record: StudyRecord, case: _Case, row: TrialRow, own: int) -> int:
        """Steps that were trained in all, those too that were taken back."""
        if row.id not in case.ended or len(case.ended) < row.number:
            rows = self._store.trials(record.id)
            case.ended = {each.id: each.steps for each in rows if each.id != row.id}
            case.ended[row.id] = 0
        return sum(case.ended.values()) + own


def _the_one(running: Sequence[TrialRow]) -> TrialRow | None:
    """The training that she looks after: the newest that is to go on."""
    going = [row for row in running if not row.stop_asked]
    return max(going, key=lambda row: row.number) if going else None


def _noted(memory: Memory, row: TrialRow, step: int) -> dict[str, Any]:
    """What she remembers, and the trial and the step at which that changed."""
    return {"mind": memory.to_json(), "trial": row.id, "step": step}


def _numbers(values: Mapping[str, ParameterValue]) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in values.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }


def _json(found: Effect) -> dict[str, Any]:
    return effect_view(found).model_dump(mode="json")
