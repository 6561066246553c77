"""The job's loop. Refining never waits for MLflow: a result that is not there yet is taken from the worker's report."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field

from caviar.adapters.mlflow import Record, Recorded
from caviar.adapters.sql import Store, StudyRecord, TrialRow
from caviar.errors import ServiceError
from caviar.refinement import publish
from caviar.search import Result, Round, importance, refine
from caviar.studies.life import ENDED, FINAL, OPEN
from caviar.studies.spec import Study, load_study

log = logging.getLogger("caviar.refiner")

POLL_S = 0.2
RETRY_S = 2.0
"""How long MLflow is left alone after it did not answer."""


@dataclass(slots=True)
class _Case:
    """What the job remembers of one study between two turns."""

    study: Study
    recorded: dict[str, Recorded] = field(default_factory=dict)
    since_ms: int = 0
    seen: int = -1


class Refiner:
    """Refines every study that is not closed and keeps its record in MLflow."""

    def __init__(self, store: Store, record: Record) -> None:
        self._store = store
        self._record = record
        self._cases: dict[str, _Case] = {}
        self._mlflow_away_until = 0.0
        self._said_away = False

    def run(self, stop: threading.Event) -> None:
        """Turn until ``stop`` is set. A turn that fails is logged and tried again."""
        while not stop.is_set():
            try:
                self.turn()
            except Exception:
                log.exception("a turn of the refiner failed; trying again")
                stop.wait(RETRY_S)
            stop.wait(POLL_S)

    def turn(self) -> None:
        """One look at every study that is not closed."""
        for record in self._store.studies(closed=False):
            case = self._cases.setdefault(
                record.id, _Case(load_study(record.source, record.filename))
            )
            if self._mlflow_is_there():
                self._with_mlflow(record, case)
            self._refine(record, case)
            if record.state in ENDED and record.importance is None:
                self._explain(record, case)

    def _mlflow_is_there(self) -> bool:
        return time.monotonic() >= self._mlflow_away_until

    def _with_mlflow(self, record: StudyRecord, case: _Case) -> None:
        try:
            self._keep_record(record, case)
        except ServiceError as error:
            self._mlflow_away_until = time.monotonic() + RETRY_S
            if not self._said_away:
                log.warning("%s; results are taken from the workers' reports until it does", error)
            self._said_away = True
        else:
            self._said_away = False

    # Refining

    def _ended(self, record: StudyRecord) -> list[TrialRow]:
        rows = self._store.trials(record.id, FINAL)
        return [row for row in rows if row.state != "cancelled"]

    def _refine(self, record: StudyRecord, case: _Case) -> None:
        counts = self._store.counts(record.id)
        ended = sum(counts[state] for state in FINAL)
        if ended == case.seen or record.state in ENDED:
            return
        case.seen = ended
        rows = self._ended(record)
        study = case.study
        rounds = [Round.from_json(study.space, row.data) for row in self._store.rounds(record.id)]
        following = refine(
            study.space, study.search_settings, rounds, [self._result(case, row) for row in rows]
        )
        if following is None:
            return
        sources = [
            (row.id, recorded.run_id if (recorded := case.recorded.get(row.id)) else None)
            for row in rows
        ]
        if self._store.add_round(record.id, following.index, following.to_json(), sources):
            log.info("study %s round %d: %s", record.id, following.index, following.reason)
        case.seen = -1  # another round may be due at once after a long absence

    def _result(self, case: _Case, row: TrialRow) -> Result:
        """MLflow is the record of results; the worker's report stands in until the run is complete there."""
        recorded = case.recorded.get(row.id)
        if recorded is None or recorded.value is None or row.value is None:
            return row.result()
        return Result(row.number, row.params, recorded.value)

    def _explain(self, record: StudyRecord, case: _Case) -> None:
        shares = importance(
            case.study.space, [self._result(case, row) for row in self._ended(record)]
        )
        self._store.set_importance(record.id, [share.model_dump() for share in shares])

    # MLflow

    def _keep_record(self, record: StudyRecord, case: _Case) -> None:
        """Open the study's run, read new results, publish new rounds, and close the run when all is there."""
        now = time.time()
        if record.run_id is None:
            experiment_id, run_id = publish.open_study(self._record, record, case.study)
            self._store.set_study_run(record.id, experiment_id, run_id)
            return
        assert record.experiment_id is not None
        found = self._record.results(
            record.experiment_id, record.id, case.study.metric.name, case.since_ms
        )
        case.recorded.update(found)
        case.since_ms = max([case.since_ms, *(entry.ended_ms for entry in found.values())])
        rounds = self._store.rounds(record.id)
        for row in rounds:
            if row.run_id is None:
                trials = self._ended(record)
                run_id = publish.publish_round(
                    self._record, record, case.study, rounds[: row.index + 1], trials
                )
                self._store.set_round_run(record.id, row.index, run_id)
        if record.state not in ENDED or record.importance is None:
            return
        counts = self._store.counts(record.id)
        if any(counts[state] for state in OPEN) or self._store.unshipped(record.id):
            return
        publish.close_study(
            self._record, record, case.study, rounds, self._ended(record), counts, now
        )
        self._store.close_study(record.id)
        log.info("study %s is complete in MLflow", record.id)
