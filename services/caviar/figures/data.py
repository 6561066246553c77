"""Each picture's data by its name; that of the champions is ``recheck``'s own view."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from caviar.adapters.sql import Store, StudyRecord
from caviar.contract.figures import (
    ConfirmationView,
    CurvesView,
    ImportanceView,
    ProgressView,
    ZoomView,
)
from caviar.contract.views import Importance
from caviar.figures.curves import Curve, curves
from caviar.figures.leaders import confirmation
from caviar.figures.progress import progress
from caviar.figures.zoom import zoom
from caviar.studies.spec import Study

Name = Literal["progress", "zoom", "importance", "parallel", "curves", "confirmation"]
StudyFigure = ProgressView | ZoomView | ImportanceView | CurvesView | ConfirmationView


def importance(record: StudyRecord, study: Study) -> ImportanceView:
    """As it was measured last; no shares before it was."""
    shares = [Importance.model_validate(entry) for entry in record.importance or ()]
    return ImportanceView(
        study=record.id,
        name=record.name,
        metric=study.metric.name,
        shares=sorted(shares, key=lambda entry: -entry.share),
    )


def figure(
    name: Name,
    store: Store,
    record: StudyRecord,
    study: Study,
    running: Mapping[int, Curve],
) -> StudyFigure:
    """``running``: what the trials that train now have reported, by their numbers. The parallel coordinates are drawn
    from the zoom."""
    if name == "progress":
        return progress(store, record, study)
    if name == "importance":
        return importance(record, study)
    if name == "curves":
        return curves(store, record, study, running)
    if name == "confirmation":
        return confirmation(store, record, study)
    return zoom(store, record, study)
