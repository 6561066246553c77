"""What those see and ask who babysit a training: its curve, what was done to it and what came of that."""

from __future__ import annotations

import math
import time
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from caviar.adapters.sql import InterventionRow, Store, StudyRecord, TrialRow
from caviar.contract.messages import Change, Origin
from caviar.contract.panda import (
    CurveView,
    EffectView,
    ForkRequest,
    InterventionView,
    NurseView,
    RollbackRequest,
    ScheduleView,
    SetRequest,
    SpreadRequest,
    values_of,
)
from caviar.panda.verdict import Effect, compare, effect
from caviar.scheduler import Scheduler
from caviar.scheduler.wards import WardNow
from caviar.studies.nursing import Nursing
from caviar.studies.spec import Study, load_study

LOOKS = (1, 5, 10, 20, 40, 80)
"""Reports after a change at which it is looked at. Each look may be wrong: few, further and further apart."""
NURSE = "nurse"
"""Who she is in the books."""
DAY_S = 86_400.0
LAST_ACTS = 12
"""Acts that her day's report tells one by one."""


class Babysitting:
    def __init__(
        self, store: Store, scheduler: Scheduler, clock: Callable[[], float] = time.time
    ) -> None:
        """``clock`` gives seconds since the epoch."""
        self._store = store
        self._clock = clock
        self._looks: dict[tuple[str, int], tuple[int, EffectView]] = {}
        """Which of the looks the last one was, by trial and intervention, and what it said."""
        self._changing = scheduler.changing

    def set(
        self, record: StudyRecord, number: int, asked: SetRequest, by: str
    ) -> list[InterventionView]:
        """Raises InputError, NotAllowed: see :meth:`caviar.scheduler.changing.Changing.ask_set`."""
        rows = self._changing.ask_set(record.id, number, asked.params, by, asked.why)
        return [_view(row, None) for row in rows]

    def rollback(
        self, record: StudyRecord, number: int, asked: RollbackRequest, by: str
    ) -> InterventionView:
        """Raises InputError, NotAllowed: see :meth:`caviar.scheduler.changing.Changing.ask_fork`."""
        row = self._changing.ask_fork(
            record.id,
            number,
            "rollback",
            asked.params,
            by,
            asked.why,
            step=asked.to_step,
            in_place=True,
        )
        return _view(row, None)

    def fork(
        self, record: StudyRecord, number: int, asked: ForkRequest, by: str
    ) -> InterventionView:
        """Raises InputError, NotAllowed: see :meth:`caviar.scheduler.changing.Changing.ask_fork`."""
        row = self._changing.ask_fork(
            record.id,
            number,
            "fork",
            asked.params,
            by,
            asked.why,
            step=asked.at_step,
            steps=asked.steps,
            in_place=asked.in_place,
            keep=asked.keep,
        )
        return _view(row, None)

    def spread(
        self, record: StudyRecord, number: int, asked: SpreadRequest, by: str
    ) -> list[InterventionView]:
        """Raises NotAllowed: see :meth:`caviar.scheduler.changing.Changing.ask_spread`."""
        rows = self._changing.ask_spread(record.id, number, asked.children, by, asked.why)
        return [_view(row, None) for row in rows]

    def keep(self, record: StudyRecord, number: int) -> list[TrialRow]:
        """Raises NotAllowed: see :meth:`caviar.scheduler.changing.Changing.keep`."""
        return self._changing.keep(record.id, number)

    def nurse(self, record: StudyRecord, nursing: Nursing) -> NurseView:
        """What she may do, as ``nursing`` says, and what she did."""
        on, _ = self._store.interventions.nurse(record.id)
        rows = self._store.trials(record.id)
        by_number = {row.number: row for row in rows}
        every = self._store.interventions.of_study(record.id)
        acts = [
            _view(each, self._effect(load_study(record.source, record.filename), row, each, every))
            for each in every
            if each.by == NURSE and (row := by_number.get(each.trial)) is not None
        ]
        trained, wasted = _steps(rows, self._changing.wards.find)
        return NurseView(
            on=on,
            parameter=nursing.parameter,
            low=nursing.low,
            high=nursing.high,
            steps=nursing.steps,
            trained=trained,
            wasted=wasted,
            acts=acts,
            report=day_report(acts, nursing.parameter, trained, wasted, self._clock()),
        )

    def switch_nurse(self, record: StudyRecord, on: bool) -> None:
        self._store.interventions.set_nurse(record.id, on=on)

    def interventions(self, record: StudyRecord, row: TrialRow) -> list[InterventionView]:
        """What was done to a trial, in the order in which it was asked, with what came of it."""
        study = load_study(record.source, record.filename)
        rows = self._store.interventions.of_trial(row.id)
        return [_view(each, self._effect(study, row, each, rows)) for each in rows]

    def curve(self, record: StudyRecord, row: TrialRow) -> CurveView:
        """The learning curve, as far as this service has heard it: a host tells it while it trains."""
        study = load_study(record.source, record.filename)
        ward = self._changing.wards.find(row.id)
        return CurveView(
            trial=row.number,
            metric=study.metric.name,
            points=[(s, v if math.isfinite(v) else None) for s, v in ward.points] if ward else [],
            live=dict(ward.live) if ward else {},
            checkpoints=list(ward.checkpoints) if ward else [],
            interventions=self.interventions(record, row),
        )

    def schedule(self, record: StudyRecord, row: TrialRow) -> ScheduleView:
        """How a training came to be as it is, from its very start: through all that it goes on from."""
        study_id, changes = record.id, list(self._changing.changes(row))
        first = row
        while first.origin is not None:
            origin = Origin.model_validate(first.origin)
            before = (
                None if origin.number is None else self._store.numbered(study_id, origin.number)
            )
            if before is None or origin.step is None:
                break
            at = origin.step
            earlier = self._changing.changes(before)
            kept = [each for each in earlier if each.step is None or each.step < at]
            began = values_of(before.params, earlier, at)
            own = [
                Change(step=at, parameter=name, value=value)
                for name, value in first.params.items()
                if began.get(name) != value
            ]
            changes = [*kept, *own, *changes]
            first = before
        return ScheduleView(params=first.params, seed=first.seed, schedule=tuple(changes))

    def _effect(
        self,
        study: Study,
        row: TrialRow,
        each: InterventionRow,
        rows: Sequence[InterventionRow],
    ) -> EffectView | None:
        if each.state != "applied":
            return None
        if each.effect is not None:
            return EffectView.model_validate(each.effect)
        ward = self._changing.wards.find(row.id)
        child = self._child(row, each) if each.kind != "set" else None
        if ward is None or (each.kind != "set" and child is None):
            return None
        at = each.step if each.step is not None else -1
        after = sum(step > at for step in (child or ward).steps)
        look = bisect_right(LOOKS, after)
        known = self._looks.get((row.id, each.number))
        if known is None or known[0] < look:
            found = self._judged(study, ward, child, at, rows)
            known = self._looks[row.id, each.number] = (look, effect_view(found))
        due = each.keep == "better" and each.steps is not None  # its verdict is by rule, later
        if (child or ward).over or (look == len(LOOKS) and not due):
            about = known[1].model_dump(mode="json")
            self._store.interventions.note_effect(row.id, each.number, about)
            self._looks.pop((row.id, each.number), None)
        return known[1]

    @staticmethod
    def _judged(
        study: Study,
        ward: WardNow,
        child: WardNow | None,
        at: int,
        rows: Sequence[InterventionRow],
    ) -> Effect:
        goal, name = study.metric.goal, study.metric.name
        if child is not None:
            return compare(ward.points, child.points, at, goal, name)
        steps = [
            other.step if other.step is not None else -1
            for other in rows
            if other.kind == "set" and other.state == "applied"
        ]
        return effect(
            ward.points,
            at,
            goal,
            name,
            until=min((step for step in steps if step > at), default=None),
            since=max((step for step in steps if step < at), default=None),
        )

    def _child(self, row: TrialRow, each: InterventionRow) -> WardNow | None:
        found = None if each.child is None else self._store.numbered(row.study_id, each.child)
        return None if found is None else self._changing.wards.find(found.id)


def nursing_of(record: StudyRecord) -> Nursing | None:
    """The limits of the study's nurse; None where it has none."""
    return load_study(record.source, record.filename).nurse


def _steps(rows: Sequence[TrialRow], find: Callable[[str], WardNow | None]) -> tuple[int, int]:
    """Steps that were trained in all, and those of them that were taken back."""
    trained = wasted = 0
    back: dict[int, int] = {}
    for row in rows:
        origin = Origin.model_validate(row.origin) if row.origin else None
        if origin is not None and origin.in_place and origin.number is not None:
            back[origin.number] = origin.step or 0
    for row in rows:
        ward = find(row.id)
        steps = len(ward.steps) if ward is not None and ward.steps else row.steps
        trained += steps
        if row.number in back and ward is not None:
            wasted += sum(step > back[row.number] for step in ward.steps)
        elif row.number in back and row.origin is None:
            wasted += max(0, row.steps - back[row.number] - 1)
    return trained, wasted


def day_report(
    acts: Sequence[InterventionView], parameter: str, trained: int, wasted: int, now: float
) -> str:
    """What the nurse did in the last day, in a few sentences; ``now`` in seconds since the epoch."""
    today = [act for act in acts if now - act.asked <= DAY_S and act.state == "applied"]
    steps = f"{trained} steps were trained so far, {wasted} of them taken back."
    if not today:
        return f"She changed nothing in the last day. {steps}"
    back = sum(act.kind == "rollback" for act in today)
    often = "once" if len(today) == 1 else f"{len(today)} times"
    told = [f"She acted {often} in the last day, {back} of them by going back. {steps}"]
    told += [f"{_what(act, parameter)}: {act.why}" for act in today[-LAST_ACTS:]]
    return "\n".join(told)


def _what(act: InterventionView, parameter: str) -> str:
    if act.kind == "set":
        return f"after step {act.step}, {act.parameter} {act.before:.4g} -> {act.value:.4g}"
    return f"back to step {act.step} with {parameter} {act.params.get(parameter, 'as it was')}"


def effect_view(found: Effect) -> EffectView:
    """What clients see of it."""
    about: Mapping[str, object] = asdict(found)
    return EffectView.model_validate(about)


def _view(row: InterventionRow, found: EffectView | None) -> InterventionView:
    return InterventionView(
        trial=row.trial,
        number=row.number,
        kind=row.kind,
        state=row.state,
        parameter=row.parameter,
        before=row.before,
        value=row.value,
        params=row.params,
        step=row.step if row.state == "applied" else row.wanted_step,
        by=row.by,
        why=row.why,
        asked=row.asked,
        answered=row.answered,
        reason=row.reason,
        child=row.child,
        effect=found,
    )
