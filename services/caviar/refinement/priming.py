"""Reads the MLflow experiments that a study's warm start names: runs of anybody, mapped by parameter names."""

from __future__ import annotations

import logging

from caviar.adapters.mlflow import Record
from caviar.adapters.sql import Read, Store, StudyRecord
from caviar.contract.views import Note
from caviar.studies.mapping import mapped
from caviar.studies.spec import Study

log = logging.getLogger("caviar.refiner")

MOST_RUNS = 1000
"""The newest finished runs that are read of one experiment."""
STUDY = "study:"


def prime(store: Store, mlflow: Record, record: StudyRecord, study: Study) -> None:
    """Read all of the study's experiments and write what they gave, once.

    Raises ServiceError while MLflow does not answer; nothing is written then.
    """
    known = {row.source for row in store.priors(record.id)}
    skipped = {source.removeprefix(STUDY) for source in known if source.startswith(STUDY)}
    read = [
        _read(mlflow, study, name, skipped | {record.id}) for name in study.warm_start.experiments
    ]
    if store.prime(record.id, read):
        for each in read:
            log.info("study %s: %s", record.id, each.note.text)


def _read(mlflow: Record, study: Study, name: str, skipped: set[str]) -> Read:
    """``skipped`` are studies whose trials are known already, or are the study's own."""
    runs = mlflow.finished_runs(name, study.metric.name, MOST_RUNS)
    if runs is None:
        return Read(_source(name), (), Note(text=f"no experiment {name} in MLflow", warning=True))
    foreign = [(run.params, run.value) for run in runs if run.study not in skipped]
    found = mapped(study.space, foreign)
    text = found.sentence("runs", f"experiment {name}", study.metric.name)
    return Read(_source(name), found.taken, Note(text=text, warning=not found.taken))


def _source(name: str) -> str:
    return f"experiment:{name}"[:255]
