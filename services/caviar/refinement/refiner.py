"""The job's loop: from finished trials to the next round of the ledger.

Refining never waits for MLflow: a result that is not there yet is taken from the worker's report.
"""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from caviar.adapters.imports import FRAMES, imports_lock, without
from caviar.adapters.sql import Store, StudyRecord, TrialRow
from caviar.search import Result, Round, importance, refine
from caviar.studies.life import ENDED, FINAL
from caviar.studies.spec import Study, load_study

log = logging.getLogger("caviar.refiner")

POLL_S = 0.1
RETRY_S = 2.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """One trial's result as MLflow has it."""

    run_id: str
    value: float | None
    ended_ms: int


FindRecorded = Callable[[str], Recorded | None]
"""Trial id -> its result in MLflow, where it was read already."""


@dataclass(slots=True)
class _Case:
    study: Study
    seen: int = -1
    """Ended trials at the last look."""


class Refiner:
    """Refines every study that goes on, and explains those that ended."""

    def __init__(self, store: Store, find_recorded: FindRecorded) -> None:
        self._store = store
        self._find_recorded = find_recorded
        self._cases: dict[str, _Case] = {}

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
        """One look at every study that is not complete in MLflow yet."""
        records = self._store.studies(closed=False)
        for record in records:
            if record.id not in self._cases:
                self._cases[record.id] = _Case(load_study(record.source, record.filename))
            case = self._cases[record.id]
            if record.state not in ENDED:
                self._refine(record, case)
            elif record.importance is None:
                self._explain(record, case)
        for gone in self._cases.keys() - {record.id for record in records}:
            del self._cases[gone]

    def _refine(self, record: StudyRecord, case: _Case) -> None:
        counts = self._store.counts(record.id)
        ended = sum(counts[state] for state in FINAL)
        if ended == case.seen:
            return
        study, rows = case.study, ended_trials(self._store, record.id)
        rounds = [Round.from_json(study.space, row.data) for row in self._store.rounds(record.id)]
        results = [self._result(row) for row in rows]
        following = refine(study.space, study.search_settings, rounds, results)
        if following is None:
            case.seen = ended
            return
        sources = []
        for row in rows:
            recorded = self._find_recorded(row.id)
            sources.append((row.id, recorded.run_id if recorded else None))
        # Not marked as seen: after a long absence another round may be due at once.
        if self._store.add_round(record.id, following.index, following.to_json(), sources):
            log.info("study %s round %d: %s", record.id, following.index, following.reason)

    def _result(self, row: TrialRow) -> Result:
        """MLflow is the record of results; the worker's report stands in until the run is complete there."""
        reported = row.result()
        recorded = self._find_recorded(row.id)
        if reported.value is None or recorded is None or recorded.value is None:
            return reported
        return Result(row.number, row.params, recorded.value)

    def _explain(self, record: StudyRecord, case: _Case) -> None:
        results = [self._result(row) for row in ended_trials(self._store, record.id)]
        try:
            with without(FRAMES):
                importlib.import_module("sklearn.ensemble")
            with imports_lock:
                shares = importance(case.study.space, results)
        except Exception:
            # A result without its explanation is still a result: the study ends all the same.
            log.exception("study %s ends without importances", record.id)
            shares = []
        self._store.set_importance(record.id, [share.model_dump() for share in shares])


def ended_trials(store: Store, study_id: str) -> list[TrialRow]:
    """The trials that the search learns from: ended, and not because somebody cancelled them."""
    return [row for row in store.trials(study_id, FINAL) if row.state != "cancelled"]
