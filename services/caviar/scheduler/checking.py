"""A study with ``mode: check``: what it trains is what the sequential test asks for.

All of it is read from its trials, so a restart goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterable

from caviar.adapters.sql import TrialRow
from caviar.search import checking
from caviar.search.checking import Terms, Training, Verdict
from caviar.space import Params
from caviar.studies.life import OPEN, trial_seed
from caviar.studies.spec import Study


def wanted(study: Study, rows: Iterable[TrialRow]) -> tuple[Params, int] | None:
    """The point and the seed of the trial to start now; None: those that run are waited for, or it is decided."""
    found = checking.next_training(study.space, *_known(study, rows))
    if found is None:
        return None
    point, again = found
    return point, trial_seed(study.seed, again)


def verdict_of(study: Study, rows: Iterable[TrialRow]) -> Verdict | None:
    """What a check's trials say; None where it is not decided, was cut short, or the study is no check."""
    if study.check is None:
        return None
    return checking.verdict(study.space, *_known(study, rows))


def _known(study: Study, rows: Iterable[TrialRow]) -> tuple[Terms, list[Training]]:
    """What a person added on a seed of their own tells nothing, and is part of the budget all the same."""
    rows = list(rows)
    known = trainings(study, rows)
    return terms_of(study, study.budget.trials - (len(rows) - len(known))), known


def terms_of(study: Study, trials: int) -> Terms:
    """``trials``: the most trainings."""
    check = study.check
    assert check is not None
    return Terms(
        goal=study.metric.goal,
        points=study.warm_start.points,
        trials=trials,
        noise=check.noise,
        freedom=check.freedom,
        tolerance=check.tolerance,
        box=check.box,
    )


def trainings(study: Study, rows: Iterable[TrialRow]) -> list[Training]:
    """By number. A trial that a person cancelled is one that failed: its value will not come."""
    places = {trial_seed(study.seed, again): again for again in range(study.budget.trials)}
    found = []
    for row in sorted(rows, key=lambda row: row.number):
        over, result = row.state not in OPEN, row.result()
        value = result.value if over and result.succeeded else None
        again = places.get(row.seed)
        if again is not None:  # else one that a person added
            found.append(Training(row.params, again, over, value))
    return found
