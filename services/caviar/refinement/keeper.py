"""Keeps the studies' record in MLflow: opens their runs, publishes rounds, reads results back, closes them.

A thread of its own, so that MLflow may be slow or away while the refiner goes on.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field

from caviar.adapters.mlflow import Record
from caviar.adapters.sql import Store, StudyRecord, standing
from caviar.contract.figures import FigureName, FigureView
from caviar.contract.views import TrialState
from caviar.errors import ServiceError
from caviar.figures.data import importance
from caviar.figures.progress import progress
from caviar.figures.zoom import zoom
from caviar.refinement import entries, priming, publish
from caviar.refinement.granting import Granting
from caviar.refinement.refiner import Recorded
from caviar.refinement.setbacks import Setbacks
from caviar.studies.life import ENDED, OPEN
from caviar.studies.spec import Study, load_study

log = logging.getLogger("caviar.refiner")

POLL_S = 0.5
READING = 0.1
"""The share of the time that reading results back takes at most, of MLflow's as well: rounds do without."""
RETRY_S = 1.0
"""How long MLflow is left alone after it did not answer."""


@dataclass(slots=True)
class _Case:
    study: Study
    since_ms: int = 0
    """End of the newest run that was read."""
    published: int = -1
    """The newest round that has its run: only later ones are read again."""
    read_again: float = 0.0
    """Monotonic seconds."""
    shipped: int = -1
    """Complete runs at the last look: MLflow is only asked when there are more."""
    told: set[str] = field(default_factory=set)
    """Trials whose end was told to MLflow because their workers could not."""
    written: tuple[object, ...] | None = None
    """The study as it was when its record was last written."""
    points: set[int] = field(default_factory=set)
    """Points of people in that record."""


class Keeper:
    """The record of every study that is not closed."""

    def __init__(
        self,
        store: Store,
        record: Record,
        recorded: dict[str, Recorded],
        granting: Granting | None = None,
        service: str | None = None,
    ) -> None:
        """``recorded`` takes what is read: trial id -> its result in MLflow. ``granting``: where MLflow authorizes.

        ``service`` is the address at which people reach the service; None: runs do not link to it.
        """
        self._service = service
        self._granting = granting
        self._store = store
        self._record = record
        self._recorded = recorded
        self._cases: dict[str, _Case] = {}
        self._setbacks = Setbacks()
        self._away = False
        self._priors: dict[str, int] = {}
        self._points: dict[str, set[int]] = {}

    def run(self, stop: threading.Event) -> None:
        """Turn until ``stop`` is set, whatever MLflow does."""
        while not stop.is_set():
            try:
                self.turn()
            except ServiceError as error:
                if not self._away:
                    log.warning("%s. Results are taken from the workers' reports meanwhile.", error)
                self._away = True
                stop.wait(RETRY_S)
            except Exception:
                log.exception("a turn of the record keeper failed; trying again")
                stop.wait(RETRY_S)
            else:
                self._away = False
            stop.wait(POLL_S)

    def turn(self) -> None:
        """One look at every study that is not closed. One that cannot be served keeps no other waiting.

        Raises:
            ServiceError: MLflow does not answer, or not on one study; what was written so far stays, the next turn
                goes on from it.
        """
        failed: ServiceError | None = None
        if self._granting is not None:
            self._granting.turn()
        self._priors, self._points = self._store.prior_counts(), self._store.waiting_points()
        for record in self._store.studies(closed=False):
            if self._setbacks.waits(record.id):
                continue
            try:
                self._look(record)
            except ServiceError as error:
                failed = failed or error
            except Exception:
                self._setbacks.failed(record.id, "the record in MLflow")
            else:
                self._setbacks.well(record.id)
        if failed is not None:
            raise failed

    def _look(self, record: StudyRecord) -> None:
        if record.id not in self._cases:
            self._cases[record.id] = _Case(load_study(record.source, record.filename))
        case = self._cases[record.id]
        self._keep(record, case)
        if not record.primed and record.state not in ENDED:
            priming.prime(self._store, self._record, record, case.study)

    def _keep(self, record: StudyRecord, case: _Case) -> None:
        if record.run_id is None or record.experiment_id is None:
            experiment_id, run_id = publish.open_study(self._record, record, case.study)
            if self._granting is not None:
                self._granting.opened(record.team, experiment_id)
            self._store.set_study_run(record.id, experiment_id, run_id)
            return
        changed = self._write(record, case)
        self._read_results(record.id, record.experiment_id, case)
        newer = False
        for row in self._store.rounds(record.id, after=case.published):
            if row.run_id is None:
                self._publish(record, case, row.index)
                newer = True
            case.published = row.index
        if newer or changed:
            self._tell_study(record, case, newer)
        if record.state in ENDED and record.importance is not None:
            self._close(record, case)

    def _write(self, record: StudyRecord, case: _Case) -> bool:
        """Write the study's record where it changed. Whether it had."""
        points = self._points.get(record.id, set())
        state = (record.state, record.reason, record.ended, record.importance, len(record.notes))
        queued = (record.priority, record.place, record.shared)
        now = (*state, *queued, record.primed, self._priors.get(record.id, 0))
        if now == case.written and points <= case.points:
            return False
        entries.write_study(self._record, self._store, record)
        case.written, case.points = now, points
        return True

    def _tell(self, study_id: str, states: tuple[TrialState, ...], case: _Case) -> None:
        for row in self._store.trials(study_id, states):
            if row.run_id is not None and row.id not in case.told:
                entries.tell_end(self._record, row, row.run_id)
                case.told.add(row.id)

    def _publish(self, record: StudyRecord, case: _Case, index: int) -> None:
        rounds = self._store.rounds(record.id)[: index + 1]
        shown = zoom(self._store, record, case.study, until=index)
        sources = self._store.computed_from(record.id, index)
        support = shown.rounds[-1].support if shown.rounds else []
        found = (self._store.numbered(record.id, number) for number in support)
        runs = {row.number: row.run_id for row in found if row is not None}
        run_id = publish.publish_round(
            self._record, record, case.study, rounds, shown, runs, sources, self._service
        )
        self._store.set_round_run(record.id, index, run_id)

    def _tell_study(self, record: StudyRecord, case: _Case, newer: bool) -> None:
        """How the study goes, in its run: at each new round, and when its state changes."""
        publish.tell_study(
            self._record,
            record,
            case.study,
            self._store.rounds(record.id),
            self._figures(record, case.study) if newer else None,
            standing(self._store, record, case.study),
            self._store.counts(record.id),
            self._service,
        )

    def _figures(self, record: StudyRecord, study: Study) -> dict[FigureName, FigureView]:
        """What its run shows of it."""
        found: dict[FigureName, FigureView] = {
            "zoom": zoom(self._store, record, study),
            "progress": progress(self._store, record, study),
        }
        if record.importance:
            found["importance"] = importance(record, study)
        return found

    def _read_results(self, study_id: str, experiment_id: str, case: _Case) -> None:
        shipped = self._store.shipped_count(study_id)
        began = time.monotonic()
        if shipped == case.shipped or began < case.read_again:
            return
        metric = case.study.metric.name
        found = self._record.results(experiment_id, study_id, metric, case.since_ms)
        for trial, (run_id, value, ended_ms) in found.items():
            self._recorded[trial] = Recorded(run_id, value, ended_ms)
            case.since_ms = max(case.since_ms, ended_ms)
        self._tell(study_id, ("quarantined",), case)
        case.shipped = shipped
        ended = time.monotonic()
        case.read_again = ended + (ended - began) / READING

    def _close(self, record: StudyRecord, case: _Case) -> None:
        """Complete the study's run once every trial's run is complete."""
        for row in self._store.lost_for_good(record.id):
            assert record.experiment_id is not None
            run_id = row.run_id or self._record.trial_run(record.experiment_id, row.id)
            if run_id is not None:
                status = "FINISHED" if row.state == "done" else "FAILED"
                self._record.end(run_id, status, row.ended or time.time())
            self._store.written_off(row.id, run_id)
        counts = self._store.counts(record.id)
        if any(counts[state] for state in OPEN) or self._store.unshipped(record.id):
            return
        self._tell(record.id, entries.UNTOLD, case)
        entries.write_study(self._record, self._store, record)
        publish.close_study(
            self._record,
            record,
            case.study,
            self._store.rounds(record.id),
            self._figures(record, case.study),
            standing(self._store, record, case.study),
            counts,
            time.time(),
            self._service,
        )
        self._store.close_study(record.id)
        for row in self._store.trials(record.id):
            self._recorded.pop(row.id, None)
        del self._cases[record.id]
        log.info("study %s is complete in MLflow", record.id)
