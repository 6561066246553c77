"""The job's loop: from finished trials to the next round of the ledger.

Refining never waits for MLflow: a result that is not there yet is taken from the worker's report.
"""

from __future__ import annotations

import logging
import math
import threading
import time
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
COUNT_S = 5.0
"""How often ended trials are counted although none seems to be new: a clock that was set back hides some."""
RECHECK_S = 1.0
"""How often reported results are compared with what MLflow has."""
PAGE = 1000
"""Trials that are read at once."""


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
    ended: dict[int, str] = field(default_factory=dict)
    """Number -> id of the trials that ended by themselves."""
    since: float = 0.0
    """When the newest of them ended: only later ones are read again."""
    counted: float = -math.inf
    """When they were counted last, in monotonic seconds."""
    rechecked: float = -math.inf
    """When they were compared with MLflow last."""
    reported: dict[int, Result] = field(default_factory=dict)
    """Results that MLflow has not been seen to have: the workers' reports stand in for them."""
    rounds: list[Round] = field(default_factory=list)
    history: History = field(init=False)
    """What rounds are computed from: all that ended but for the leaders' new runs, which come after the search."""
    prior: History = field(init=False)
    """Results from elsewhere, by number."""

    def __post_init__(self) -> None:
        self.prior = History(self.study.space, self.study.metric.goal)
        self.history = History(self.study.space, self.study.metric.goal)


class Refiner:
    """Refines every study that goes on, and explains those that ended."""

    def __init__(
        self,
        store: Store,
        find_recorded: FindRecorded,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``clock`` is monotonic seconds."""
        self._clock = clock
        self._store = store
        self._find_recorded = find_recorded
        self._cases: dict[str, _Case] = {}
        self._setbacks = Setbacks()

    def run(self, stop: threading.Event, turned: Callable[[], None] = lambda: None) -> None:
        """Turn until ``stop`` is set; ``turned`` is called after each turn. One that fails is logged and repeated."""
        while not stop.is_set():
            try:
                self.turn()
                turned()
            except Exception:
                log.exception("a turn of the refiner failed; trying again")
                stop.wait(RETRY_S)
            stop.wait(POLL_S)

    def turn(self) -> None:
        """One look at every study that is not complete in MLflow yet. One that fails waits; the others do not."""
        records = self._store.studies(closed=False)
        newest = self._store.newest_ends()
        for record in records:
            if self._setbacks.waits(record.id):
                continue
            try:
                self._look(record, newest.get(record.id, 0.0))
            except Exception:
                self._setbacks.failed(record.id, "refining")
                self._cases.pop(record.id, None)  # it may be half up to date
            else:
                self._setbacks.well(record.id)
        for gone in self._cases.keys() - {record.id for record in records}:
            del self._cases[gone]

    def _look(self, record: StudyRecord, newest: float) -> None:
        if record.id not in self._cases:
            self._cases[record.id] = _Case(load_study(record.source, record.filename))
        case = self._cases[record.id]
        if record.state not in ENDED:
            if newest != case.since or self._clock() - case.counted > COUNT_S:
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
        self._recheck(case)
        newer = self._store.priors(record.id, after=len(case.prior) - 1)
        case.prior.extend(row.result() for row in newer)
        # After a long absence more than one round may be due.
        while following := refine(
            study.space, study.search_settings, case.rounds, case.history, case.prior
        ):
            sources = []
            for number in sorted(case.history.numbers.tolist()):
                trial = case.ended[number]
                recorded = self._find_recorded(trial)
                sources.append((trial, recorded.run_id if recorded else None))
            if not self._store.add_round(record.id, following.index, following.to_json(), sources):
                # A person or another refiner was first: that round counts.
                self._cases[record.id] = _Case(study)
                return
            case.rounds.append(following)
            log.info("study %s round %d: %s", record.id, following.index, following.reason)

    def _read_ended(self, record: StudyRecord, case: _Case) -> int:
        """Bring ``case`` up to date: only what ended since the last look, or all where that misses some."""
        counts = self._store.counts(record.id)
        case.counted = self._clock()
        expected = sum(counts[state] for state in LEARNT_FROM)
        for since in (case.since, 0.0):  # a clock that was set back hides trials from the first
            if len(case.ended) == expected:
                break
            last = -1
            while page := self._store.trials(
                record.id, LEARNT_FROM, last, limit=PAGE, ended_since=since
            ):
                self._take(case, [row for row in page if row.number not in case.ended])
                last = page[-1].number
        return len(case.ended)

    def _take(self, case: _Case, rows: list[TrialRow]) -> None:
        case.ended.update((row.number, row.id) for row in rows)
        case.since = max([case.since, *(row.ended or 0.0 for row in rows)])
        results = [
            row.result() for row in rows if row.kind not in ("confirm", "fork") and not row.touched
        ]
        case.history.extend(self._result(case, result) for result in results)
        case.reported.update((result.number, result) for result in results)

    def _result(self, case: _Case, reported: Result) -> Result:
        """MLflow is the record of results; the worker's report stands in until the run is complete there."""
        recorded = self._find_recorded(case.ended[reported.number])
        if reported.value is None or recorded is None or recorded.value is None:
            return reported
        return replace(reported, value=recorded.value)

    def _recheck(self, case: _Case) -> None:
        """Where MLflow now has another value than was reported, it counts: the history is encoded anew."""
        if self._clock() - case.rechecked < RECHECK_S:
            return
        case.rechecked = self._clock()
        differs = {}
        for number, reported in list(case.reported.items()):
            if self._find_recorded(case.ended[number]) is None:
                continue
            del case.reported[number]
            result = self._result(case, reported)
            if result.value != reported.value:
                differs[number] = result
        if differs:
            known = [differs.get(result.number, result) for result in case.history]
            case.history = History(case.study.space, case.study.metric.goal, known)

    def _explain(self, record: StudyRecord, case: _Case) -> None:
        self._read_ended(record, case)
        self._recheck(case)
        try:
            with imports_lock:
                shares = importance(case.study.space, case.history, case.study.metric.goal)
        except Exception:
            # A result without its explanation is still a result: the study ends all the same.
            log.exception("study %s ends without importances", record.id)
            shares = []
        self._store.set_importance(record.id, [share.model_dump() for share in shares])
