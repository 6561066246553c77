"""Where a study stands: its best trial, and what that one is worth on new seeds."""

from __future__ import annotations

from dataclasses import dataclass

from caviar.adapters.sql.rows import StudyRecord, TrialRow
from caviar.adapters.sql.store import Store
from caviar.search.confirming import Confirmation, confirmed
from caviar.studies.life import ENDED
from caviar.studies.spec import Study


@dataclass(frozen=True, slots=True)
class Standing:
    best: TrialRow | None
    confirmation: Confirmation | None = None
    """Of ``best``; None where the study does not confirm, or ended before it had."""


def standing(store: Store, record: StudyRecord, study: Study) -> Standing:
    """The trial with the best value; once the study has confirmed its leaders, the one that was best on new seeds.

    What was cut short (stopped by hand, out of hours) confirms nothing: the leaders would not have had equal chances.
    """
    goal = study.metric.goal
    if study.confirm and record.state in ENDED:
        rows = store.trials(record.id, kind="confirm")
        verdict = confirmed(_runs(rows), goal) if _complete(rows, study) else None
        if verdict is not None:
            return Standing(store.numbered(record.id, verdict.trial), verdict)
    return Standing(store.best(record.id, goal == "maximize"))


def _runs(rows: list[TrialRow]) -> dict[int, list[float | None]]:
    """Leader -> the values of its new runs; None for one that failed or is beyond the study's bounds."""
    runs: dict[int, list[float | None]] = {}
    for row in rows:
        if row.repeats is not None:
            result = row.result()
            runs.setdefault(row.repeats, []).append(result.value if result.succeeded else None)
    return runs


def _complete(rows: list[TrialRow], study: Study) -> bool:
    """Whether every leader has its new runs, or the budget was spent on them to its end."""
    if any(row.state == "cancelled" for row in rows):
        return False
    leaders = {row.repeats for row in rows}
    spent = any(row.number + 1 == study.budget.trials for row in rows)
    return spent or len(rows) == study.confirm * len(leaders)
