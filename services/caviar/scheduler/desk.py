"""One running study in memory: what its next proposal needs, kept in step with the SQL store."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from caviar.adapters.sql import Store, StudyRecord, TrialRow
from caviar.contract.messages import Assignment, ParameterValue, Trainer
from caviar.search import History, Result, Round, Settings, propose
from caviar.studies.life import OPEN
from caviar.studies.spec import Study


@dataclass(slots=True)
class Desk:
    """The scheduler is the only writer of trials, so this cache is never behind the store."""

    record: StudyRecord
    study: Study
    round: Round
    history: History
    """``results`` for the search, encoded once; it catches up when a point is proposed."""
    prior: History
    """Results from elsewhere."""
    results: dict[int, Result] = field(default_factory=dict)
    open: dict[int, TrialRow] = field(default_factory=dict)
    next_number: int = 0
    exhausted: bool = False
    """The strategy has no further point (a grid that is done)."""
    spent_s: float = 0.0
    """Seconds of finished trials, for the estimate of the time left."""

    @classmethod
    def load(cls, store: Store, record: StudyRecord, study: Study) -> Desk:
        newest = store.rounds(record.id)[-1]
        space, goal = study.space, study.metric.goal
        known = [row.result() for row in store.priors(record.id)]
        now = Round.from_json(space, newest.data)
        desk = cls(record, study, now, History(space, goal), History(space, goal, known))
        for row in store.trials(record.id):
            desk.put(row)
        return desk

    @property
    def settings(self) -> Settings:
        return self.study.search_settings

    def put(self, row: TrialRow) -> None:
        """Take over a trial's new state."""
        self.next_number = max(self.next_number, row.number + 1)
        if row.state in OPEN:
            self.open[row.number] = row
            return
        self.open.pop(row.number, None)
        if row.state == "cancelled" or row.number in self.results:
            return
        self.spent_s += row.seconds or 0.0
        self.results[row.number] = row.result()

    def count(self, state: str) -> int:
        return sum(row.state == state for row in self.open.values())

    def may_create(self) -> bool:
        return not self.exhausted and self.next_number < self.study.budget.trials

    def propose(self) -> dict[str, ParameterValue]:
        """The parameters of trial ``next_number``, from all that is known now."""
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
        values = [result.value for result in self.results.values() if result.value is not None]
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
        if not self.results or not slots:
            return None
        missing = self.study.budget.trials - len(self.results)
        return math.ceil(missing / slots) * self.spent_s / len(self.results)

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
        )
