"""From stored rows to the views that clients see."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, astuple

from caviar.adapters.sql import Standing, Store, StudyRecord, TrialRow, standing
from caviar.api.etags import etag
from caviar.contract.messages import Origin
from caviar.contract.views import (
    Best,
    Confirmed,
    Importance,
    MlflowView,
    Note,
    RoundView,
    SlotUse,
    StudyNow,
    StudyRow,
    StudyView,
    TrialState,
    TrialView,
    Use,
    WorkerView,
)
from caviar.errors import InputError
from caviar.scheduler import Scheduler
from caviar.scheduler.budget import HOUR_S, uses
from caviar.scheduler.outlook.outlook import Outlook
from caviar.search import Round, in_force
from caviar.studies.constraints import Constraint, beyond
from caviar.studies.life import ENDED, OPEN
from caviar.studies.spec import Study, load_study
from caviar.teams import experiment_of

FAILURES_SHOWN = 5
RUNNING_SHOWN = 50
LEDGERS_KEPT = 256
ANSWERS_KEPT = 256
STUDIES = 1000
"""Studies in one answer, at most."""
MOST_KEPT = 10_000
"""Ended studies whose line in the list is kept: it cannot change any more."""


class Presenter:
    """Builds views from the store and from what the scheduler knows of running trials."""

    def __init__(self, store: Store, scheduler: Scheduler, mlflow_uri: str) -> None:
        self._store = store
        self._scheduler = scheduler
        self.mlflow_uri = mlflow_uri
        self.outlook = Outlook(store, scheduler.look, scheduler.look_at)
        self._lock = threading.Lock()
        self._bounds: dict[str, tuple[Constraint, ...]] = {}
        self._ledgers: dict[str, list[tuple[Round, RoundView]]] = {}
        """Of the studies that were looked at last."""
        self._over: dict[str, StudyRow] = {}
        self._shown: dict[str, tuple[str, bytes]] = {}
        """Of the studies that were looked at last: the tag of an answer, and the answer."""

    def studies(
        self,
        limit: int = STUDIES,
        called: str | None = None,
        team: str | None = None,
        before: StudyRecord | None = None,
    ) -> list[StudyRow]:
        """The newest first; ``called``: only those of this id, this name, or whose id starts so; ``team``: only those
        that it may see; ``before``: only those older than that one."""
        return self.rows(self._store.newest_studies(limit, called, team, before), team)

    def rows(self, records: Sequence[StudyRecord], team: str | None = None) -> list[StudyRow]:
        """Their lines in the list, as ``team`` sees them; None: an operator."""
        rows = {record.id: self._over.get(record.id) for record in records}
        counts = self._scheduler.counts([study_id for study_id, row in rows.items() if row is None])
        found = []
        for record in records:
            row = rows[record.id]
            if row is None:
                row = self._row(record, counts[record.id])
                if record.state in ENDED and not any(counts[record.id][state] for state in OPEN):
                    if len(self._over) >= MOST_KEPT:
                        self._over.clear()
                    self._over[record.id] = row
            mine = team is None or record.team == team
            found.append(row.model_copy(update={"yours": mine}))
        return found

    def _row(self, record: StudyRecord, counts: dict[TrialState, int]) -> StudyRow:
        row = StudyRow(
            id=record.id,
            name=record.name,
            state=record.state,
            strategy="unreadable",
            done=counts["done"] + counts["stopped"],
            budget=sum(counts.values()),
            goal="minimize",
            created=record.created,
            team=record.team,
        )
        with suppress(InputError):  # a file for another version: the list is there all the same
            study = load_study(record.source, record.filename)
            best = _best(standing(self._store, record, study))
            known = {
                "strategy": study.strategy,
                "budget": _shown_budget(study, counts),
                "best": best and (best.confirmed.mean if best.confirmed else best.value),
                "goal": study.metric.goal,
            }
            row = row.model_copy(update=known)
        return row

    def answer(self, record: StudyRecord, tag: str) -> bytes:
        """The study's view as JSON; ``tag`` is its entity tag. Of a study that many look at it is made once."""
        with self._lock:
            known = self._shown.pop(record.id, None)
        body = known[1] if known and known[0] == tag else None
        if body is None:
            body = self.study(record).model_dump_json().encode()
        with self._lock:
            self._shown[record.id] = (tag, body)
            if len(self._shown) > ANSWERS_KEPT:
                del self._shown[next(iter(self._shown))]
        return body

    def tag(self, record: StudyRecord) -> str:
        """The entity tag of the study's view: made of what the view is made of, without making it."""
        spent = [(use.name, round(use.spent, 3)) for use in self._scheduler.uses(record.id) or ()]
        shown = [
            astuple(record),
            self._store.shown_of(record.id),
            self._scheduler.counts([record.id])[record.id],
            [
                (trial, last and astuple(last))
                for trial, last in self._scheduler.reported(record.id)
            ],
            self._scheduler.slots(record.id),
            spent,
        ]
        return etag(edited_of(record), shown)

    def now(self, record: StudyRecord) -> StudyNow:
        study = load_study(record.source, record.filename)
        counts = self._scheduler.counts([record.id])[record.id]
        return StudyNow(
            study=record.id,
            name=record.name,
            state=record.state,
            reason=record.reason,
            counts={str(state): count for state, count in counts.items()},
            best=_best(standing(self._store, record, study)),
        )

    def study(self, record: StudyRecord) -> StudyView:
        study = load_study(record.source, record.filename)
        counts = self._scheduler.counts([record.id])[record.id]
        slots, left_s = self._scheduler.outlook(record.id)
        # Most studies have few kinds of trials: what is not there is not asked for.
        running: list[TrialRow] = []
        if counts["running"]:
            running = self._store.trials(record.id, ("running",), limit=RUNNING_SHOWN)
        failures: list[TrialRow] = []
        if counts["failed"] or counts["quarantined"]:
            failures = self._store.failures(record.id, FAILURES_SHOWN)
        return StudyView(
            id=record.id,
            name=record.name,
            project=experiment_of(record.team, study.project),
            team=record.team,
            shared=record.shared,
            state=record.state,
            reason=record.reason,
            metric=study.metric.name,
            goal=study.metric.goal,
            strategy=study.strategy,
            mode=study.mode,
            budget=_shown_budget(study, counts),
            counts={str(state): count for state, count in counts.items()},
            best=_best(standing(self._store, record, study)),
            constraints=[str(constraint) for constraint in study.constraints],
            confirm=study.confirm,
            parameters=study.space.to_views(),
            rounds=self.rounds(record),
            importance=[Importance.model_validate(entry) for entry in record.importance or []],
            running=[self.trial(row) for row in running],
            failures=[self.trial(row) for row in failures],
            warnings=list(study.warnings),
            notes=_notes(record, study),
            priority=record.priority,
            place=record.place,
            created=record.created,
            ended=record.ended,
            left_s=left_s,
            slots=slots,
            uses=self._uses(record, study),
            projection=self.outlook.projection(record),
            branched_from=record.branched_from,
            branched_round=record.branched_round,
            mlflow=MlflowView(
                uri=self.mlflow_uri,
                experiment_id=record.experiment_id,
                run_id=record.run_id,
                pending=self._store.unshipped(record.id),
                closed=record.closed,
            ),
        )

    def _uses(self, record: StudyRecord, study: Study) -> list[Use]:
        known = self._scheduler.uses(record.id)
        if known is not None:
            return known
        budget = study.budget
        limited = budget.slot_hours is not None or budget.gpu_hours is not None
        slot_s, gpu_s = self._store.slot_seconds(record.id) if limited else (0.0, 0.0)
        lasted_s = max(0.0, (record.ended or record.created) - record.created)
        return uses(budget, lasted_s / HOUR_S, slot_s / HOUR_S, gpu_s / HOUR_S)

    def rounds(self, record: StudyRecord) -> list[RoundView]:
        """By number. A round never changes: those that were shown before are not read again, but for their runs."""
        study = load_study(record.source, record.filename)
        with self._lock:
            shown = list(self._ledgers.pop(record.id, ()))
        for row in self._store.rounds(record.id, after=len(shown) - 1):
            round_ = Round.from_json(study.space, row.data)
            before = shown[-1][0].box if shown else None
            shown.append((round_, round_.to_view(None, before)))
        with self._lock:
            self._ledgers[record.id] = shown
            if len(self._ledgers) > LEDGERS_KEPT:
                del self._ledgers[next(iter(self._ledgers))]
        valid = in_force([round_ for round_, _ in shown])
        runs = self._store.round_runs(record.id)
        return [
            view.model_copy(update={"run_id": runs.get(index), "undone": index not in valid})
            for index, (_, view) in enumerate(shown)
        ]

    def _constraints(self, study_id: str) -> tuple[Constraint, ...]:
        if study_id not in self._bounds:
            record = self._store.study(study_id)
            study = record and load_study(record.source, record.filename)
            self._bounds[study_id] = study.constraints if study else ()
        return self._bounds[study_id]

    def trial(self, row: TrialRow, with_output: bool = False) -> TrialView:
        progress = self._scheduler.progress(row.id)
        return TrialView(
            id=row.id,
            number=row.number,
            round=row.round,
            state=row.state,
            attempt=row.attempt,
            params=row.params,
            value=row.value,
            metrics=row.metrics,
            kind=row.kind,
            repeats=row.repeats,
            origin=None if row.origin is None else Origin.model_validate(row.origin),
            touched=row.touched,
            violation=row.violation,
            beyond=beyond(self._constraints(row.study_id), row.metrics) if row.violation else "",
            step=progress.step if progress else None,
            last=progress.value if progress else None,
            seconds=row.seconds,
            started=row.started,
            ended=row.ended,
            host=row.host,
            gpu=row.gpu,
            stop_asked=row.stop_asked,
            error=row.error,
            output=row.output if with_output else "",
            run_id=row.run_id,
        )


def _shown_budget(study: Study, counts: Mapping[TrialState, int]) -> int:
    """Trials. Those that a babysat study may still fork say nothing of how far it is."""
    if study.mode == "panda":
        return max(study.planned_trials, sum(counts.values()))
    return study.budget.trials


def edited_of(record: StudyRecord) -> tuple[object, ...]:
    """What people change of a study: the first part of its entity tag."""
    return record.priority, record.place, record.shared


SET_ASIDE = "trials failed there that succeed on other hosts"


def worker_views(scheduler: Scheduler, team: str | None = None) -> list[WorkerView]:
    """The workers that called within the lease, as ``team`` sees them; None: an operator.

    Why a host is set aside names studies: an operator's to see.
    """
    views, training = [], scheduler.training()
    for worker, free, running, seen_s in scheduler.workers():
        aside = scheduler.aside(worker.host)
        drained = scheduler.drained(worker.host)
        views.append(
            WorkerView(
                host=worker.host,
                resource_class=worker.resource_class,
                slots=worker.slots,
                free=free,
                seen_s=seen_s,
                gpus=worker.gpus,
                aside="" if aside is None else aside.reason if team is None else SET_ASIDE,
                aside_since=aside.since if aside else None,
                running=running,
                drained_since=drained.since if drained else None,
                unshipped=scheduler.unshipped(worker.host) if drained else 0,
                warnings=list(worker.warnings),
                uses=[
                    _slot_use(record, row, team)
                    for record, row in training.get(worker.incarnation, ())
                ],
            )
        )
    return views


def _slot_use(record: StudyRecord, row: TrialRow, team: str | None) -> SlotUse:
    slot = SlotUse(slot=row.slot or 0, team=record.team, gpu=row.gpu)
    if team not in (None, record.team) and not record.shared:
        return slot
    about = {"study": record.id, "name": record.name, "trial": row.number}
    return slot.model_copy(update=about)


def _best(stands: Standing) -> Best | None:
    row, confirmation = stands.best, stands.confirmation
    if row is None or row.value is None:
        return None
    return Best(
        trial=row.number,
        value=row.value,
        params=row.params,
        metrics=row.metrics,
        confirmed=confirmation and Confirmed.model_validate(asdict(confirmation)),
        run_id=row.run_id,
    )


def _notes(record: StudyRecord, study: Study) -> list[Note]:
    notes = [Note.model_validate(note) for note in record.notes]
    if not record.primed:
        names = ", ".join(study.warm_start.experiments)
        ended = record.state in ENDED
        when = "not read before the study ended" if ended else "to be read once MLflow answers"
        notes.append(Note(text=f"{when}: experiment {names}", warning=ended))
    return notes
