"""One running study in memory: what its next proposal needs, kept in step with the SQL store."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from caviar.adapters.sql import Store, StudyRecord, TrialRow
from caviar.contract.messages import Assignment, ParameterValue, Trainer
from caviar.search import Result, Round, Settings, propose
from caviar.studies.life import FINAL, OPEN
from caviar.studies.spec import Study


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

    @classmethod
    def load(cls, store: Store, record: StudyRecord, study: Study) -> Desk:
        newest = store.rounds(record.id)[-1]
        desk = cls(record, study, Round.from_json(study.space, newest.data))
        for row in store.trials(record.id):
            desk.put(row)
        return desk

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
        """The parameters of trial ``next_number``, from all that is known now."""
        return propose(
            self.study.space,
            self.settings,
            self.round,
            [self.results[number] for number in sorted(self.results)],
            [self.open[number].params for number in sorted(self.open)],
            self.next_number,
        )

    def best_value(self) -> float | None:
        """Of the trials that can be the best: within the study's bounds, for one."""
        values = [
            result.value
            for result in self.results.values()
            if result.value is not None and result.succeeded
        ]
        if not values:
            return None
        return max(values) if self.study.metric.goal == "maximize" else min(values)

    def reached_target(self) -> bool:
        target, best = self.study.budget.target, self.best_value()
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
            repeats=row.repeats,
            bounded=tuple(constraint.metric for constraint in self.study.constraints),
        )
