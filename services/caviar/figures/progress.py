"""The progress as data: every trial's value, and the best so far, over trials, time and cost."""

from __future__ import annotations

from collections.abc import Sequence

from caviar.adapters.sql import Store, StudyRecord, spread
from caviar.adapters.sql.pictured import Step
from caviar.contract.figures import MOST_DOTS, ProgressView, StepsView
from caviar.studies.spec import Study

HOUR_S = 3600.0


def progress(store: Store, record: StudyRecord, study: Study) -> ProgressView:
    course = store.pictured.course(record.id, study.metric.goal == "maximize", MOST_DOTS)
    shown = spread(course.steps, MOST_DOTS)
    ended = record.ended if record.ended is not None else course.ended
    return ProgressView(
        study=record.id,
        name=record.name,
        metric=study.metric.name,
        goal=study.metric.goal,
        best=_steps(spread([step for step in course.steps if step.is_best], MOST_DOTS), record),
        trials=_steps(shown, record),
        state=[step.state for step in shown],
        kind=[step.kind for step in shown],
        of=course.of,
        seconds=_since(record, ended),
        slot_hours=_hours(course.spent),
    )


def _steps(steps: Sequence[Step], record: StudyRecord) -> StepsView:
    return StepsView(
        number=[step.number for step in steps],
        seconds=[_since(record, step.ended) for step in steps],
        slot_hours=[_hours(step.spent) for step in steps],
        value=[step.value for step in steps],
    )


def _since(record: StudyRecord, moment: float | None) -> float:
    """A study that came back from MLflow may be younger than its trials."""
    return 0.0 if moment is None else round(max(0.0, moment - record.created), 1)


def _hours(seconds: float) -> float:
    return round(seconds / HOUR_S, 5)
