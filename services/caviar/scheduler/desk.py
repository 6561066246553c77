"""One running study in memory: what its next proposal needs, kept in step with the SQL store."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from caviar.adapters.sql import Store, StudyRecord, TrialRow
from caviar.contract.messages import (
    Assignment,
    Change,
    Origin,
    ParameterValue,
    StopRule,
    Trainer,
)
from caviar.contract.views import TrialState
from caviar.errors import CaviarError, NotAllowed
from caviar.scheduler.budget import Clocks, Spending
from caviar.scheduler.checking import wanted
from caviar.scheduler.rungs import Rungs
from caviar.search import Exhausted, History, Result, Round, Settings, propose
from caviar.space import Params
from caviar.studies.life import FINAL, OPEN, TRIAL_STATES
from caviar.studies.spec import Study

log = logging.getLogger("caviar.scheduler")

PAGE = 1000
"""Trials that are read at once: the memory of a start is that of the desk, not of all its rows."""


class SearchFailed(CaviarError):
    """A study's search raised: that study ends as failed with this message, the others go on."""


def over(record: StudyRecord) -> NotAllowed:
    """What is said to somebody who wants to change a study that ended."""
    return NotAllowed(f"Study {record.id} is {record.state}: it starts no more trials.")


@contextmanager
def searching(desk: Desk) -> Iterator[None]:
    """Whatever the search of one study raises becomes SearchFailed, but for Exhausted."""
    try:
        yield
    except Exhausted:
        raise
    except Exception as error:
        log.exception("study %s: its search failed", desk.record.id)
        reason = (
            str(error) if isinstance(error, CaviarError) else f"{type(error).__name__}: {error}"
        )
        raise SearchFailed(f"{desk.study.strategy} search failed: {reason}") from error


@dataclass(slots=True)
class Desk:
    """The scheduler is the only writer of trials, so this cache is never behind the store."""

    record: StudyRecord
    study: Study
    round: Round
    results: dict[int, Result] = field(default_factory=dict)
    open: dict[int, TrialRow] = field(default_factory=dict)
    by_state: dict[TrialState, dict[int, TrialRow]] = field(
        default_factory=lambda: {state: {} for state in OPEN}
    )
    """``open`` again: with thousands of trials that run, nobody looks through all of them to find the few that wait."""
    counts: dict[TrialState, int] = field(default_factory=lambda: dict.fromkeys(TRIAL_STATES, 0))
    """Trials by state, zeros included. Replaced whole: who only looks needs no lock."""
    again: dict[int, TrialRow] = field(default_factory=dict)
    """The leaders' new runs, by number: the search does not learn from them."""
    checked: dict[int, TrialRow] = field(default_factory=dict)
    """With ``mode: check``: all trials, by number. The test asks for the next one by their seeds."""
    nearest: TrialRow | None = None
    """Of the trials beyond the study's bounds the one that is least beyond."""
    served: int = 0
    """The place in the order of all dispatches of the last one of this study."""
    gaps: list[int] = field(default_factory=list)
    """Numbers below the highest that no trial has, the lowest last: MLflow had no run of them when the study came back
    from there."""
    highest: int = -1
    exhausted: bool = False
    """The strategy has no further point (a grid that is done)."""
    refused_since: float | None = None
    """Monotonic seconds since when only workers that may not run its trainer have come for its trials."""
    spent_s: float = 0.0
    """Seconds of finished trials, for the estimate of the time left."""
    spending: Spending = field(init=False)
    rungs: Rungs = field(init=False)
    history: History = field(init=False)
    """``results`` for the search, encoded once; it catches up when a point is proposed."""
    _to_encode: list[Result] = field(default_factory=list)
    _best: float | None = None
    prior: History = field(init=False)
    """Results from elsewhere, by number."""

    def __post_init__(self) -> None:
        space, goal = self.study.space, self.study.metric.goal
        self.rungs = Rungs(self.study.stopping, goal)
        self.history, self.prior = History(space, goal), History(space, goal)

    @classmethod
    def fresh(cls, record: StudyRecord, study: Study, first: Round, now: Clocks) -> Desk:
        """Of a study that was just written, with nothing to start from."""
        desk = cls(record, study, first)
        desk.spending = Spending(study.budget, now.monotonic)
        return desk

    @classmethod
    def load(cls, store: Store, record: StudyRecord, study: Study, now: Clocks) -> Desk:
        newest = store.rounds(record.id)[-1]
        desk = cls(record, study, Round.from_json(study.space, newest.data))
        last = -1
        while page := store.trials(record.id, after=last, limit=PAGE):
            for row in page:
                desk.put(row)
            last = page[-1].number
        running = list(desk.by_state["running"].values())
        desk.spending = Spending.load(store, record, study.budget, running, now)
        desk.read_priors(store)
        return desk

    def read_priors(self, store: Store) -> None:
        """Take over those that came since the last look."""
        new = store.priors(self.record.id, after=len(self.prior) - 1)
        self.prior.extend(row.result() for row in new)

    @property
    def settings(self) -> Settings:
        return self.study.search_settings

    @property
    def next_number(self) -> int:
        """The number of the trial that is created next."""
        return self.gaps[-1] if self.gaps else self.highest + 1

    def put(self, row: TrialRow) -> None:
        """Take over a trial's new state."""
        before = self.open.pop(row.number, None)
        if before is not None:
            del self.by_state[before.state][row.number]
        elif row.number > self.highest:
            self.gaps = [*range(row.number - 1, self.highest, -1), *self.gaps]
            self.highest = row.number
        elif row.number in self.gaps:
            self.gaps.remove(row.number)
        else:
            return  # it has ended already, for good
        counts = dict(self.counts)
        if before is not None:
            counts[before.state] -= 1
        counts[row.state] += 1
        self.counts = counts
        if self.study.mode == "check":
            self.checked[row.number] = row
        confirms = row.kind == "confirm"
        if confirms:
            self.again[row.number] = row
        by_hand = row.kind == "fork" or row.touched
        if row.state in OPEN:
            self.open[row.number] = self.by_state[row.state][row.number] = row
            return
        if confirms or row.state == "cancelled":
            return
        self.spent_s += row.seconds or 0.0
        result = row.result()
        if by_hand:  # its parameters do not say how it was trained
            self.rungs.forget(row)
        else:
            self.results[row.number] = result
            self._to_encode.append(result)
            self.rungs.ended(row, result)
        if result.value is not None and result.succeeded:
            better = max if self.study.metric.goal == "maximize" else min
            self._best = result.value if self._best is None else better(self._best, result.value)
        near = self.nearest
        beyond = row.state == "done" and row.violation > 0
        if beyond and (near is None or row.violation < near.violation):
            self.nearest = row

    def row(self, identifier: str) -> TrialRow | None:
        """An open trial by its id."""
        number = identifier.rpartition("-")[2]
        row = self.open.get(int(number)) if number.isdecimal() else None
        return row if row is not None and row.id == identifier else None

    def homes(self) -> frozenset[str] | None:
        """The only hosts that what waits can start on; None where some of it may start on any."""
        waiting = (*self.by_state["dispatched"].values(), *self.by_state["queued"].values())
        if self.may_create() or not all(row.home for row in waiting):
            return None
        return frozenset(row.home for row in waiting if row.home)

    def may_create(self) -> bool:
        """Whether the search may go on. What is left of the budget then is for the leaders' new runs."""
        if self.study.mode == "check":
            try:
                return self.next_training() is not None
            except SearchFailed:
                return True  # whoever asks for the point hears why
        return (
            not self.exhausted
            and not self.again
            and self.next_number < self.study.search_trials
            and not (self.study.confirm and self.reached_target())
        )

    def next_training(self) -> tuple[Params, int] | None:
        """With ``mode: check``: the point and the seed that its test asks for next. Raises SearchFailed."""
        if self.study.mode != "check":
            return None
        with searching(self):
            return wanted(self.study, self.checked.values())

    def propose(self) -> dict[str, ParameterValue]:
        """The parameters of trial ``next_number``, from all that is known now.

        Raises Exhausted after the last point, and SearchFailed.
        """
        with searching(self):
            self.history.extend(self._to_encode)
            self._to_encode.clear()
            return propose(
                self.study.space,
                self.settings,
                self.round,
                self.history,
                [self.open[number].params for number in sorted(self.open)],
                self.next_number,
                self.prior,
            )

    def best_value(self) -> float | None:
        """Of the trials that can be the best: trained to their end, within the study's bounds."""
        return self._best

    def reached_target(self) -> bool:
        target, best = self.study.budget.target, self._best
        if target is None or best is None:
            return False
        return best >= target if self.study.metric.goal == "maximize" else best <= target

    def left_s(self, slots: int) -> float | None:
        """Estimated seconds until the budget of trials is spent on ``slots`` slots."""
        again = [row.seconds or 0.0 for row in self.again.values() if row.state in FINAL]
        ended = len(self.results) + len(again)
        if not ended or not slots:
            return None
        missing = max(0, self.study.planned_trials - ended)
        return math.ceil(missing / slots) * (self.spent_s + sum(again)) / ended

    def _stop(self, row: TrialRow) -> StopRule | None:
        """A leader on a new seed is not compared: it would crowd the best of a rung. A person's point trains whole, and
        so does what goes on from a checkpoint."""
        if row.kind == "confirm":
            return None
        rule = self.stop_rule(row.incarnation)
        return rule and rule.model_copy(update={"watch_only": row.kind in ("added", "fork")})

    def stop_rule(self, incarnation: str | None) -> StopRule | None:
        """The stopping rule as of now, for the worker of this incarnation."""
        if self.study.trainer.command is not None:
            return None  # its values are in MLflow, not on the worker's disk
        running = self.by_state["running"].items()
        there = [number for number, row in running if row.incarnation == incarnation]
        return self.rungs.rule(there)

    @property
    def trainer(self) -> Trainer:
        """What trains, and where its code lies."""
        trainer = self.study.trainer
        if trainer.name is not None:
            return trainer
        code = {"folder": self.record.folder, "bundle": self.record.bundle}
        return trainer.model_copy(update=code)

    def assignment(
        self,
        row: TrialRow,
        lease_s: float,
        changes: Sequence[Change] = (),
        passed: int | None = None,
    ) -> Assignment:
        """``changes`` and ``passed``: as in Assignment."""
        return Assignment(
            trial=row.id,
            study=self.record.id,
            study_name=self.study.name,
            number=row.number,
            round=row.round,
            attempt=row.attempt,
            seed=row.seed,
            params=row.params,
            trainer=self.trainer,
            metric=self.study.metric.name,
            goal=self.study.metric.goal,
            lease_s=lease_s,
            run_id=row.run_id,
            stop=self._stop(row),
            repeats=row.repeats,
            added=row.kind == "added",
            bounded=tuple(constraint.metric for constraint in self.study.constraints),
            gpu=row.gpu,
            gpu_alone=not self.study.resources.share_gpu,
            checkpoints=self.study.checkpoints,
            origin=None if row.origin is None else Origin.model_validate(row.origin),
            schedule=tuple(changes),
            passed=passed,
        )
