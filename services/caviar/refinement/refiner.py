"""The job's loop: from finished trials to the next round of the ledger.

Refining never waits for MLflow: a result that is not there yet is taken from the worker's report.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from caviar.adapters.imports import imports_lock
from caviar.adapters.sql import Store, StudyRecord, TrialRow
from caviar.refinement.setbacks import Setbacks
from caviar.search import History, Result, Round, importance, refine
from caviar.studies.life import ENDED, LEARNT_FROM
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
    ended: dict[int, TrialRow] = field(default_factory=dict)
    """Trials that ended by themselves, by number."""
    since: float = 0.0
    """When the newest of them ended: only later ones are read again."""
    rounds: list[Round] = field(default_factory=list)
    prior: History = field(init=False)
    """Results from elsewhere, by number."""

    def __post_init__(self) -> None:
        self.prior = History(self.study.space, self.study.metric.goal)

    def searched(self) -> list[TrialRow]:
        """What rounds are computed from, by number: the leaders' new runs come after the search."""
        return [row for _, row in sorted(self.ended.items()) if row.kind != "confirm"]


class Refiner:
    """Refines every study that goes on, and explains those that ended."""

    def __init__(self, store: Store, find_recorded: FindRecorded) -> None:
        self._store = store
        self._find_recorded = find_recorded
        self._cases: dict[str, _Case] = {}
        self._setbacks = Setbacks()

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
        """One look at every study that is not complete in MLflow yet. One that fails waits; the others do not."""
        records = self._store.studies(closed=False)
        for record in records:
            if self._setbacks.waits(record.id):
                continue
            try:
                self._look(record)
            except Exception:
                self._setbacks.failed(record.id, "refining")
                self._cases.pop(record.id, None)  # it may be half up to date
            else:
                self._setbacks.well(record.id)
        for gone in self._cases.keys() - {record.id for record in records}:
            del self._cases[gone]

    def _look(self, record: StudyRecord) -> None:
        if record.id not in self._cases:
            self._cases[record.id] = _Case(load_study(record.source, record.filename))
        case = self._cases[record.id]
        if record.state not in ENDED:
            self._refine(record, case)
        elif record.importance is None:
            self._explain(record, case)

    def _refine(self, record: StudyRecord, case: _Case) -> None:
        study, known = case.study, len(case.ended)
        if self._read_ended(record, case) == known:
            return
        last = case.rounds[-1].index if case.rounds else -1
        for entry in self._store.rounds(record.id, after=last):
            case.rounds.append(Round.from_json(study.space, entry.data))
        rows = case.searched()
        results = [self._result(row) for row in rows]
        newer = self._store.priors(record.id, after=len(case.prior) - 1)
        case.prior.extend(row.result() for row in newer)
        # After a long absence more than one round may be due.
        while following := refine(
            study.space, study.search_settings, case.rounds, results, case.prior
        ):
            sources = []
            for row in rows:
                recorded = self._find_recorded(row.id)
                sources.append((row.id, recorded.run_id if recorded else None))
            if not self._store.add_round(record.id, following.index, following.to_json(), sources):
                case.rounds.clear()  # a person or another refiner was first: that round counts
                case.ended.clear()
                case.since = 0.0
                return
            case.rounds.append(following)
            log.info("study %s round %d: %s", record.id, following.index, following.reason)

    def _read_ended(self, record: StudyRecord, case: _Case) -> int:
        """Bring ``case.ended`` up to date: only what ended since the last look, or all where that misses some."""
        counts = self._store.counts(record.id)
        expected = sum(counts[state] for state in LEARNT_FROM)
        for since in (case.since, 0.0):  # a clock that was set back hides trials from the first
            if len(case.ended) == expected:
                break
            for row in self._store.trials(record.id, LEARNT_FROM, ended_since=since):
                case.ended[row.number] = row
                case.since = max(case.since, row.ended or 0.0)
        return len(case.ended)

    def _result(self, row: TrialRow) -> Result:
        """MLflow is the record of results; the worker's report stands in until the run is complete there."""
        reported = row.result()
        recorded = self._find_recorded(row.id)
        if reported.value is None or recorded is None or recorded.value is None:
            return reported
        return replace(reported, value=recorded.value)

    def _explain(self, record: StudyRecord, case: _Case) -> None:
        self._read_ended(record, case)
        results = [self._result(row) for row in case.searched()]
        try:
            with imports_lock:
                shares = importance(case.study.space, results, case.study.metric.goal)
        except Exception:
            # A result without its explanation is still a result: the study ends all the same.
            log.exception("study %s ends without importances", record.id)
            shares = []
        self._store.set_importance(record.id, [share.model_dump() for share in shares])


def ended_trials(store: Store, study_id: str) -> list[TrialRow]:
    """The trials that the search learns from."""
    return store.trials(study_id, LEARNT_FROM)
