"""What a study starts from: results of earlier studies, and the points that a person wants tried first."""

from __future__ import annotations

from collections.abc import Sequence

from caviar.adapters.sql import Read, Start, Store, StudyRecord
from caviar.adapters.sql.priors import of_study
from caviar.contract.views import Note
from caviar.errors import InputError, Problem
from caviar.space import did_you_mean
from caviar.studies.life import trial_seed
from caviar.studies.mapping import mapped
from caviar.studies.source import read_source
from caviar.studies.spec import Study, load_study

MOST_TRIALS = 1000
"""The newest finished trials that are read of one study."""


def start_of(store: Store, study: Study, text: str, team: str) -> Start:
    """Read the studies that ``study`` names, of those that ``team`` may see.

    Its experiments are read later, by the job that talks to MLflow. Raises InputError naming every study that does not
    exist, with its line in ``text``.
    """
    known = store.studies(team=team) if study.warm_start.studies else []
    known.sort(key=lambda record: record.team == team)  # of one name, its own before a shared one
    found: list[StudyRecord] = []
    problems: list[Problem] = []
    for place, given in enumerate(study.warm_start.studies):
        record = _named(known, given)
        if record is None:
            path = ("warm_start", "studies", str(place))
            way_out = (
                did_you_mean(given, dict.fromkeys(each.name for each in known))
                if known
                else "This service has no study yet."
            )
            line = read_source(text).line(path)
            problems.append(Problem(path, f"there is no study {given!r}", way_out, line))
        elif record not in found:
            found.append(record)
    if problems:
        raise InputError(problems)
    return Start(
        read=tuple(_read(store, study, record) for record in found),
        points=tuple(
            (dict(point), trial_seed(study.seed, number))
            for number, point in enumerate(study.warm_start.points)
            if study.mode != "check"  # its test says which of them is trained when
        ),
        primed=not study.warm_start.experiments,
    )


def _named(known: Sequence[StudyRecord], given: str) -> StudyRecord | None:
    """By id, else the newest of that name, else the only one whose id starts so."""
    by_id = [record for record in known if record.id == given]
    by_name = [record for record in known if record.name == given]
    by_start = [record for record in known if record.id.startswith(given)]
    if by_id or by_name:
        return (by_id or by_name)[-1]
    return by_start[0] if len(by_start) == 1 else None


def _read(store: Store, study: Study, record: StudyRecord) -> Read:
    metric = study.metric.name
    same_metric = load_study(record.source, record.filename).metric.name == metric
    rows = store.trials(record.id, ("done",), limit=MOST_TRIALS, newest_first=True)
    runs = mapped(
        study.space,
        [
            (row.params, row.value if same_metric else row.metrics.get(metric))
            for row in reversed(rows)
            if row.violation <= 0.0
        ],
    )
    text = runs.sentence("trials", f"study {record.name} ({record.id})", metric)
    return Read(of_study(record.id), runs.taken, Note(text=text, warning=not runs.taken))
