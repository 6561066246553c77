"""The leaders on new seeds as data."""

from __future__ import annotations

from statistics import fmean

from caviar.adapters.sql import Store, StudyRecord, standing
from caviar.contract.figures import ConfirmationView, RunsView
from caviar.contract.views import Confirmed
from caviar.search.confirming import interval
from caviar.studies.spec import Study


def confirmation(store: Store, record: StudyRecord, study: Study) -> ConfirmationView:
    """As far as it has come: a leader has a mean from its first new run on."""
    goal = study.metric.goal
    runs: dict[int, list[float | None]] = {}
    for row in store.pictured.confirming(record.id):
        of_leader = runs.setdefault(row.repeats or 0, [])
        if row.state != "cancelled":
            result = row.result()
            of_leader.append(result.value if result.succeeded else None)
    verdict = standing(store, record, study).confirmation
    leaders = []
    for number, values in runs.items():
        leader = store.numbered(record.id, number)
        if leader is None or leader.value is None:
            continue
        again = [value for value in values if value is not None]
        confirmed = None
        if again:
            low, high = interval(again)
            won = verdict is not None and verdict.trial == number
            confirmed = Confirmed(
                runs=len(again),
                mean=fmean(again),
                low=low,
                high=high,
                rivals=list(verdict.rivals) if verdict is not None and won else [],
            )
        leaders.append(
            RunsView(
                trial=number,
                first=leader.value,
                again=again,
                failed=len(values) - len(again),
                confirmed=confirmed,
            )
        )
    sign = -1.0 if goal == "maximize" else 1.0
    return ConfirmationView(
        study=record.id,
        name=record.name,
        metric=study.metric.name,
        goal=goal,
        leaders=sorted(leaders, key=lambda each: _place(each, sign)),
    )


def _place(leader: RunsView, sign: float) -> tuple[int, int, float, int]:
    """Who failed on fewer seeds, then the better mean, then the earlier; those without a new run by their own value."""
    mean = leader.first if leader.confirmed is None else leader.confirmed.mean
    return leader.confirmed is None, leader.failed, sign * mean, leader.trial
