"""One running study in memory: what its next proposal needs, kept in step with the SQL store."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from caviar.adapters.sql import Store, StudyRecord, TrialRow
from caviar.contract.messages import Assignment, ParameterValue, StopRule, Trainer
from caviar.errors import CaviarError, NotAllowed
from caviar.scheduler.rungs import Rungs
from caviar.search import Exhausted, History, Result, Round, Settings, propose
from caviar.studies.life import FINAL, OPEN
from caviar.studies.spec import Study

log = logging.getLogger("caviar.scheduler")


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
    again: dict[int, TrialRow] = field(default_factory=dict)
    """The leaders' new runs, by number: the search does not learn from them."""
    nearest: TrialRow | None = None
    """Of the trials beyond the study's bounds the one that is least beyond."""
    next_number: int = 0
    exhausted: bool = False
    """The strategy has no further point (a grid that is done)."""
    spent_s: float = 0.0
    """Seconds of finished trials, for the estimate of the time left."""
    rungs: Rungs = field(init=False)
    history: History = field(init=False)
    """``results`` for the search, encoded once; it catches up when a point is proposed."""
    prior: History = field(init=False)
    """Results from elsewhere, by number."""

    def __post_init__(self) -> None:
        space, goal = self.study.space, self.study.metric.goal
        self.rungs = Rungs(self.study.stopping, goal)
        self.history, self.prior = History(space, goal), History(space, goal)

    @classmethod
    def load(cls, store: Store, record: StudyRecord, study: Study) -> Desk:
        newest = store.rounds(record.id)[-1]
        desk = cls(record, study, Round.from_json(study.space, newest.data))
        for row in store.trials(record.id):
            desk.put(row)
        desk.read_priors(store)
        return desk

    def read_priors(self, store: Store) -> None:
        """Take over those that came since the last look."""
        new = store.priors(self.record.id, after=len(self.prior) - 1)
        self.prior.extend(row.result() for row in new)

    @property
    def settings(self) -> Settings:
        return self.study.search_settings

    def put(self, row: TrialRow) -> None:
        """Take over a trial's new state."""
        self.next_number = max(self.next_number, row.number + 1)
        confirms = row.kind == "confirm"
        if confirms:
            self.again[row.number] = row
        if row.state in OPEN:
            self.open[row.number] = row
            return
        self.open.pop(row.number, None)
        if confirms or row.state == "cancelled" or row.number in self.results:
            return
        self.spent_s += row.seconds or 0.0
        self.results[row.number] = row.result()
        self.rungs.ended(row)
        near = self.nearest
        beyond = row.state == "done" and row.violation > 0
        if beyond and (near is None or row.violation < near.violation):
            self.nearest = row

    def count(self, state: str) -> int:
        return sum(row.state == state for row in self.open.values())

    def may_create(self) -> bool:
        """Whether the search may go on. What is left of the budget then is for the leaders' new runs."""
        return (
            not self.exhausted
            and not self.again
            and self.next_number < self.study.search_trials
            and not (self.study.confirm and self.reached_target())
        )

    def propose(self) -> dict[str, ParameterValue]:
        """The parameters of trial ``next_number``, from all that is known now.

        Raises Exhausted after the last point, and SearchFailed.
        """
        with searching(self):
            self.history.extend(list(self.results.values())[len(self.history) :])
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
        values = [r.value for r in self.results.values() if r.value is not None and r.succeeded]
        if not values:
            return None
        return max(values) if self.study.metric.goal == "maximize" else min(values)

    def reached_target(self) -> bool:
        target = self.study.budget.target
        best = None if target is None else self.best_value()  # asked at every turn
        if target is None or best is None:
            return False
        return best >= target if self.study.metric.goal == "maximize" else best <= target

    def left_s(self, slots: int) -> float | None:
        """Estimated seconds until the budget of trials is spent on ``slots`` slots."""
        again = [row.seconds or 0.0 for row in self.again.values() if row.state in FINAL]
        ended = len(self.results) + len(again)
        if not ended or not slots:
            return None
        missing = self.study.budget.trials - ended
        return math.ceil(missing / slots) * (self.spent_s + sum(again)) / ended

    def _stop(self, row: TrialRow) -> StopRule | None:
        """A leader on a new seed is not compared: it would crowd the best of a rung. A person's point trains whole."""
        if row.kind == "confirm":
            return None
        rule = self.stop_rule(row.incarnation)
        return rule and rule.model_copy(update={"watch_only": row.kind == "added"})

    def stop_rule(self, incarnation: str | None) -> StopRule | None:
        """The stopping rule as of now, for the worker of this incarnation."""
        if self.study.trainer.command is not None:
            return None  # its values are in MLflow, not on the worker's disk
        there = [number for number, row in self.open.items() if row.incarnation == incarnation]
        return self.rungs.rule(there)

    def assignment(self, row: TrialRow, lease_s: float) -> Assignment:
        trainer = self.study.trainer
        return Assignment(
            trial=row.id,
            study=self.record.id,
            study_name=self.study.name,
            number=row.number,
            round=row.round,
            attempt=row.attempt,
            seed=row.seed,
            params=row.params,
            trainer=Trainer(
                function=trainer.function, command=trainer.command, folder=self.record.folder
            ),
            metric=self.study.metric.name,
            goal=self.study.metric.goal,
            lease_s=lease_s,
            run_id=row.run_id,
            stop=self._stop(row),
            repeats=row.repeats,
            bounded=tuple(constraint.metric for constraint in self.study.constraints),
            checkpoints=self.study.checkpoints,
        )
