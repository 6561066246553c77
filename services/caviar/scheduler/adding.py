"""A point that a person adds to a study: trained as its next trial, or known with its value."""

from __future__ import annotations

import math
from collections.abc import Sequence

from caviar.adapters.sql import Store
from caviar.adapters.sql.priors import BY_HAND
from caviar.contract.messages import Change, Origin
from caviar.contract.views import AddedTrial, NewTrial
from caviar.errors import InputError, NotAllowed, Problem
from caviar.scheduler.desk import Desk, over
from caviar.studies.life import ENDED, trial_seed
from caviar.studies.mapping import Point, same_point, typed


def add(store: Store, desk: Desk, new: NewTrial) -> AddedTrial:
    """Queue the point before all proposals, or note its value. Called under the scheduler's lock.

    Raises:
        InputError: the point does not fit the space, or is known already; nothing was written.
        NotAllowed: the study ended, or its budget is spent.
    """
    study, record = desk.study, desk.record
    if record.state in ENDED:
        raise over(record)
    point = typed(study.space, new.params)
    if new.value is not None:
        _note(store, desk, point, new.value)
        return AddedTrial(params=point, value=new.value)
    again = new.seed is not None or bool(new.schedule)
    if not again:
        _refuse_known(desk, point)
    _refuse_schedule(desk, new.schedule)
    if desk.next_number >= study.budget.trials:
        raise NotAllowed(
            f"The budget of study {record.id} is spent: all {study.budget.trials} trials are given out. "
            "A result that you know is taken with --value."
        )
    number = desk.next_number
    row = store.add_trial(
        record.id,
        number,
        desk.round.index,
        point,
        trial_seed(study.seed, number) if new.seed is None else new.seed,
        kind="added",
        queued=True,
        rebuilt=desk.record.rebuilt,
        origin=Origin(schedule=new.schedule) if new.schedule else None,
    )
    if row is None:
        raise NotAllowed(f"Trial {number} was created by another process. Try again.")
    desk.put(row)
    return AddedTrial(params=point, trial=number)


def _note(store: Store, desk: Desk, point: Point, value: float) -> None:
    if not math.isfinite(value):
        raise InputError(Problem(("value",), f"{value} is not a finite number"))
    study_id = desk.record.id
    by_hand = [row for row in store.priors(study_id) if row.source == BY_HAND]
    twin = same_point(desk.study.space, point, [(row.number, row.params) for row in by_hand])
    if twin is not None:
        known = next(row.value for row in by_hand if row.number == twin)
        raise InputError(Problem((), f"this point is known by hand already, with {known:g}"))
    store.add_priors(study_id, BY_HAND, [(point, value)])
    desk.read_priors(store)


def _refuse_schedule(desk: Desk, schedule: Sequence[Change]) -> None:
    space, problems, at = desk.study.space, [], -1
    for place, change in enumerate(schedule):
        where = ("schedule", str(place))
        if change.parameter not in space:
            known = ", ".join(space.names)
            problems.append(Problem(where, f"there is no {change.parameter}", f"It has {known}."))
        elif reason := space[change.parameter].check(change.value)[1]:
            problems.append(Problem(where, f"{change.parameter}: {reason}"))
        step = -1 if change.step is None else change.step
        if step < at:
            problems.append(
                Problem(where, f"step {step} comes after step {at}", "Sort it by step.")
            )
        at = max(at, step)
    if problems:
        raise InputError(problems)


def _refuse_known(desk: Desk, point: Point) -> None:
    tried = [(result.number, result.params) for result in desk.results.values()]
    going = [(row.number, row.params) for row in desk.open.values()]
    number = same_point(desk.study.space, point, tried)
    if number is not None:
        raise InputError(Problem((), f"trial {number} of this study tried this point already"))
    number = same_point(desk.study.space, point, going)
    if number is not None:
        state = desk.open[number].state
        raise InputError(Problem((), f"trial {number} of this study has this point: it is {state}"))
