"""What those see and ask who babysit a training: its curve, what was done to it and what came of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from caviar.adapters.sql import InterventionRow, Store, StudyRecord, TrialRow
from caviar.contract.messages import Change, Origin
from caviar.contract.panda import (
    CurveView,
    EffectView,
    ForkRequest,
    InterventionView,
    RollbackRequest,
    ScheduleView,
    SetRequest,
    values_of,
)
from caviar.panda.verdict import Effect, compare, effect
from caviar.scheduler import Scheduler
from caviar.scheduler.wards import WardNow
from caviar.studies.spec import Study, load_study

Curve = Sequence[tuple[int, float]]


class Babysitting:
    def __init__(self, store: Store, scheduler: Scheduler) -> None:
        self._store = store
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
        )
        return _view(row, None)

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
            points=list(ward.points) if ward else [],
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
        if ward is None:
            return None
        goal, name = study.metric.goal, study.metric.name
        if each.kind == "set":
            steps = [
                other.step if other.step is not None else -1
                for other in rows
                if other.kind == "set" and other.state == "applied"
            ]
            at = each.step if each.step is not None else -1
            found = effect(
                _curve(ward),
                at,
                goal,
                name,
                until=min((step for step in steps if step > at), default=None),
                since=max((step for step in steps if step < at), default=None),
            )
        else:
            child = self._child(row, each)
            if child is None or each.step is None:
                return None
            found = compare(_curve(ward), _curve(child), each.step, goal, name)
        view = _effect_view(found)
        if ward.over and (each.kind == "set" or self._is_over(row, each)):
            about = view.model_dump(mode="json")
            self._store.interventions.note_effect(row.id, each.number, about)
        return view

    def _child(self, row: TrialRow, each: InterventionRow) -> WardNow | None:
        found = None if each.child is None else self._store.numbered(row.study_id, each.child)
        return None if found is None else self._changing.wards.find(found.id)

    def _is_over(self, row: TrialRow, each: InterventionRow) -> bool:
        child = self._child(row, each)
        return child is not None and child.over


def _curve(ward: WardNow) -> list[tuple[int, float]]:
    return [(step, float("nan") if value is None else value) for step, value in list(ward.points)]


def _effect_view(found: Effect) -> EffectView:
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
