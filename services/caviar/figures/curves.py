"""Learning curves as data: of the best trials, those stopped early, those that train, some others."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from caviar.adapters.sql import Store, StudyRecord, spread
from caviar.contract.figures import MOST_LINES, CurvesView, LineView
from caviar.contract.views import TrialState
from caviar.figures.ranks import ranks
from caviar.studies.spec import Study

EACH = 25
"""The best, those that were stopped early and those that train have so many lines each."""
POINTS = 120
"""Of one line, at most."""
LONGEST = 200
"""Characters of why one ended."""

Curve = Sequence[tuple[int, float | None]]


def curves(
    store: Store, record: StudyRecord, study: Study, running: Mapping[int, Curve]
) -> CurvesView:
    """``running``: what the trials that train now have reported, by their numbers."""
    maximize = study.metric.goal == "maximize"
    training = {number: line for number, line in sorted(running.items()) if line}
    live = {number: training[number] for number in list(training)[-EACH:]}
    ended, of = store.pictured.curved(record.id, maximize, MOST_LINES - len(live), EACH)
    ended = [row for row in ended if row.number not in live]
    lines = [
        _line(row.number, row.state, rank, row.curve, row.error)
        for row, rank in zip(ended, ranks(ended, maximize), strict=True)
    ]
    lines += [_line(number, "running", None, line, "") for number, line in live.items()]
    return CurvesView(
        study=record.id,
        name=record.name,
        metric=study.metric.name,
        goal=study.metric.goal,
        lines=sorted((line for line in lines if line.steps), key=lambda line: line.number),
        of=of + len(training),
    )


def _line(number: int, state: TrialState, rank: float | None, curve: Curve, error: str) -> LineView:
    points = spread(list(_finite(curve)), POINTS)
    return LineView(
        number=number,
        state=state,
        rank=rank,
        steps=[step for step, _ in points],
        values=[float(f"{value:.6g}") for _, value in points],
        ended=_cause(error),
    )


def _finite(curve: Curve) -> Iterable[tuple[int, float]]:
    for step, value in sorted(curve, key=lambda point: point[0]):
        if value is not None and math.isfinite(value):
            yield int(step), value


def _cause(error: str) -> str:
    """The last line: of a traceback it says what went wrong."""
    lines = error.strip().splitlines()
    return lines[-1].strip()[:LONGEST] if lines else ""
