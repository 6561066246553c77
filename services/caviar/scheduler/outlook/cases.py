"""From stored trials to what a projection reads: of the study itself, and of earlier ones of the same trainer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from caviar.adapters.sql import TrialRow
from caviar.contract import halving
from caviar.contract.messages import ParameterValue
from caviar.scheduler.outlook.projection import Case, Past, Present
from caviar.space import Box, Categorical, Space, grid_lattice
from caviar.space.parameter import Floats
from caviar.studies.spec import Study

RUNNING: Final = 0.99
"""A trial that runs has trained no more than this share."""
NARROWING: Final = frozenset({"zoom", "optuna_tpe", "optuna_gp", "optuna_cmaes"})
"""Strategies that look more and more where they found the best."""


@dataclass(frozen=True, slots=True)
class Running:
    """A trial that runs: for how long, and the last step that was heard of it."""

    params: Mapping[str, ParameterValue]
    seconds: float
    step: int | None = None
    confirms: bool = False


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier study of the same trainer, and its trials that ended."""

    study: Study
    rows: Sequence[TrialRow]


def to_start(study: Study) -> int:
    """Trials that a study would start: its budget, or less where a grid has fewer points."""
    if study.strategy != "grid":
        return study.planned_trials
    points = grid_lattice(study.space, study.search_settings.budget).size
    return min(study.search_trials, points) + study.planned_trials - study.search_trials


def case_of(
    study: Study,
    box: Box,
    left: int,
    rows: Sequence[TrialRow] = (),
    running: Sequence[Running] = (),
    spent_s: float = 0.0,
    trained_s: float = 0.0,
    earlier: Sequence[Earlier] = (),
) -> Case:
    """``left``: trials to come. ``rows``: the study's own trials that ended, or the newest of them, in that order.
    ``spent_s`` and ``trained_s`` as in ``Case``."""
    first, last = _steps(rows)
    past = _pasts(study, Earlier(study, rows), 0)
    for other in earlier:
        kept = _pasts(study, other, 1 + max((each.source for each in past), default=0))
        past += kept
    confirmed = sum(row.kind == "confirm" for row in rows) + sum(r.confirms for r in running)
    again = min(left, max(0, study.planned_trials - study.search_trials - confirmed))
    if last is None:
        first, last = _whole_of(earlier)
    return Case(
        space=study.space,
        box=box,
        narrows=study.strategy in NARROWING,
        past=past,
        present=[
            Present(
                study.space.to_unit(r.params), r.seconds, _share(r.step, first, last, between=0.5)
            )
            for r in running
        ],
        left=left - again,
        again=again,
        begun=max(0, to_start(study) - left),
        spent_s=spent_s,
        trained_s=trained_s,
        rungs=_rungs(study, first, last),
        early=study.stopping.reduction**2,
    )


def _whole_of(earlier: Sequence[Earlier]) -> tuple[int | None, int | None]:
    """How long a training is in steps, by the first of the earlier studies that knows it."""
    for each in earlier:
        first, last = _steps(each.rows)
        if last is not None:
            return first, last
    return None, None


def _steps(rows: Sequence[TrialRow]) -> tuple[int | None, int | None]:
    """The first step of a training, and the last one of the longest; None where no curve tells."""
    first = min((int(row.curve[0][0]) for row in rows if row.curve), default=None)
    last = max((int(r.curve[-1][0]) for r in rows if r.curve and r.state == "done"), default=None)
    return first, last


def _share(
    step: int | None, first: int | None, last: int | None, between: float = 0.0
) -> float | None:
    """The share of a training that is over at ``step``, or so far ``between`` it and the next."""
    if step is None or first is None or last is None or step < first:
        return None
    most = RUNNING if between else 1.0
    return min(most, (step - first + 1 + between) / (last - first + 1))


def _rungs(study: Study, first: int | None, last: int | None) -> tuple[float, ...]:
    rule = study.stopping
    if rule.rule == "none" or first is None or last is None:
        return ()
    rungs = halving.rungs(rule.reduction, first, last, rule.min_steps)
    return tuple((rung - first + 1) / (last - first + 1) for rung in rungs)


def _pasts(study: Study, of: Earlier, source: int) -> list[Past]:
    """Those that say something to ``study``."""
    first, last = _steps(of.rows)
    cold = _cold(of.rows)
    found = []
    for row in of.rows:
        share = _share(int(row.curve[-1][0]) if row.curve else None, first, last)
        past = _past(study, of.study, row, share, source, row.id in cold)
        if past is not None:
            found.append(past)
    return found


def _cold(rows: Sequence[TrialRow]) -> set[str]:
    """The first trial of each slot, of each life of a worker."""
    first: dict[tuple[str | None, str | None, int | None], TrialRow] = {}
    for row in rows:
        if row.host is not None and row.started is not None:
            slot = row.host, row.incarnation, row.slot
            before = first.setdefault(slot, row)
            if row.started < (before.started or 0.0):
                first[slot] = row
    return {row.id for row in first.values()}


def _past(
    study: Study, of: Study, row: TrialRow, share: float | None, source: int, cold: bool
) -> Past | None:
    """None where it says nothing: it was cancelled, or its point has no place in the space of ``study``."""
    if row.seconds is None or row.seconds <= 0 or row.state == "cancelled":
        return None
    unit = study.space.to_unit(row.params) if study is of else place(study.space, row.params)
    if unit is None:
        return None
    comparable = study is of or study.metric == of.metric
    return Past(
        unit,
        row.seconds,
        row.state,
        share,
        _loss(study, row) if comparable and row.kind != "confirm" else None,
        source,
        cold,
    )


def _loss(study: Study, row: TrialRow) -> float | None:
    if row.state != "done" or row.value is None or row.violation > 0:
        return None
    if not math.isfinite(row.value):
        return None
    return -row.value if study.metric.goal == "maximize" else row.value


def place(space: Space, params: Mapping[str, ParameterValue]) -> Floats | None:
    """Where another study's point lies in the cube, (d,): numbers beyond the bounds at them, what it has not in the
    middle. None where it has a choice that the space has not."""
    unit = np.full(len(space), 0.5)
    for index, parameter in enumerate(space):
        value = params.get(parameter.name)
        if value is None:
            continue
        if isinstance(parameter, Categorical):
            if parameter.check(value)[1]:
                return None
            unit[index] = parameter.to_unit(value)
        elif isinstance(value, bool | str):
            return None
        elif math.isfinite(value):
            unit[index] = parameter.to_unit(min(max(value, parameter.low), parameter.high))
    return unit
