"""Reads the MLflow experiments that a study's warm start names: runs of anybody, mapped by parameter names."""

from __future__ import annotations

import logging

from caviar.adapters.mlflow import Record
from caviar.adapters.sql import Read, Store, StudyRecord
from caviar.adapters.sql.priors import of_experiment, of_study
from caviar.contract.views import Note
from caviar.studies.mapping import mapped
from caviar.studies.spec import Study
from caviar.teams import owner_of

log = logging.getLogger("caviar.refiner")

MOST_RUNS = 1000
"""The newest finished runs that are read of one experiment."""


def prime(store: Store, mlflow: Record, record: StudyRecord, study: Study) -> None:
    """Read all of the study's experiments and write what they gave, once.

    What another team has not shared is as if it were not there: its experiments, and its studies' runs in any other.

    Raises ServiceError while MLflow does not answer; nothing is written then.
    """
    known = {row.source for row in store.priors(record.id)} | {of_study(record.id)}
    others, hidden = store.not_for(record.team)
    known |= {of_study(each) for each in hidden}
    names = study.warm_start.experiments
    read = [
        _missing(name) if owner_of(name, others) else _read(mlflow, study, name, known)
        for name in names
    ]
    if store.prime(record.id, read):
        for each in read:
            log.info("study %s: %s", record.id, each.note.text)


def _missing(name: str) -> Read:
    return Read(of_experiment(name), (), Note(text=f"no experiment {name} in MLflow", warning=True))


def _read(mlflow: Record, study: Study, name: str, known: set[str]) -> Read:
    """``known`` are sources: trials of studies among them are not news, or not to be known."""
    runs = mlflow.finished_runs(name, study.metric.name, MOST_RUNS)
    if runs is None:
        return _missing(name)
    foreign = [
        (run.params, run.value)
        for run in runs
        if run.study is None or of_study(run.study) not in known
    ]
    found = mapped(study.space, foreign)
    text = found.sentence("runs", f"experiment {name}", study.metric.name)
    return Read(of_experiment(name), found.taken, Note(text=text, warning=not found.taken))
