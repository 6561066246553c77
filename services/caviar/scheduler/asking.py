"""What may be asked of a training, and what not: in words, before anything is written."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from caviar.adapters.sql import TrialRow
from caviar.contract.messages import ParameterValue
from caviar.errors import InputError, NotAllowed, Problem
from caviar.scheduler.desk import Desk
from caviar.space import Numeric, Space
from caviar.studies.life import ENDED
from caviar.studies.mapping import untexted

SPREAD = 0.15
"""Of a parameter's range, on its scale."""
GOLDEN = (math.sqrt(5) - 1) / 2
"""Multiples of it, without their whole part, spread evenly however many there are (Kronecker's sequence)."""


def running(desk: Desk, number: int) -> TrialRow:
    """The trial, where something may be asked of it. Raises NotAllowed."""
    row = desk.open.get(number)
    if row is None:
        raise NotAllowed(
            f"Trial {number} of study {desk.record.id} has ended, or does not exist: only a running one can be changed."
        )
    if row.state != "running":
        raise NotAllowed(
            f"Trial {number} of study {desk.record.id} has not started: it is {row.state}."
        )
    if desk.record.state in ENDED:
        raise NotAllowed(f"Study {desk.record.id} is {desk.record.state}.")
    if desk.study.trainer.command is not None:
        raise NotAllowed(
            f"Trial {number} is a command: nothing can be handed to it while it runs. "
            "A training function can be changed: trial.live() and trial.save_checkpoint()."
        )
    return row


def fitting(
    desk: Desk, row: TrialRow, params: Mapping[str, ParameterValue]
) -> dict[str, ParameterValue]:
    """The values in their parameters' own types. Raises InputError with all that is wrong."""
    problems, values = [], {}
    space = desk.study.space
    for name, given in params.items():
        if name not in space or name not in row.params:
            known = ", ".join(sorted(row.params))
            problems.append(Problem((name,), "is no parameter of this trial", f"It has {known}."))
            continue
        value, reason = space[name].check(untexted(space[name], given))
        if value is None:
            way_out = "The study file has the range: a study with a wider one takes it."
            problems.append(Problem((name,), reason, way_out))
        else:
            values[name] = value
    if problems:
        raise InputError(problems)
    space.check_point({**row.params, **values})  # the same parameters apply then
    return values


def unread(number: int, name: str, others: bool) -> NotAllowed:
    """What is said of a parameter that the training does not read; ``others``: it reads some as it goes."""
    what = f"does not read {name} as it goes" if others else "reads no parameter as it goes"
    return NotAllowed(
        f"The training of trial {number} {what}: a change would do nothing. "
        f"It calls trial.live({name!r}) in every step; `live: true` in the study file says that it will."
    )


def refuse_spent(desk: Desk) -> None:
    """Raises NotAllowed where the budget carries no further trial."""
    if desk.next_number >= desk.study.budget.trials:
        raise NotAllowed(
            f"The budget of study {desk.record.id} is spent: all {desk.study.budget.trials} trials are given out, "
            "and a fork or a rollback is one."
        )


def refuse_unkept(number: int, kept: Sequence[int], step: int | None) -> None:
    """Raises NotAllowed where no checkpoint of ``kept``, rising, lies at or before ``step``."""
    if not kept:
        raise NotAllowed(
            f"Trial {number} has saved no checkpoint yet: its training calls trial.save_checkpoint()."
        )
    if step is not None and step < kept[0]:
        there = ", ".join(map(str, kept))
        raise NotAllowed(
            f"No checkpoint of trial {number} at or before step {step} is kept: there are {there}. "
            "`checkpoints: {keep: N}` in the study file keeps more."
        )


def spread(
    space: Space,
    number: int,
    values: Mapping[str, ParameterValue],
    live: Mapping[str, ParameterValue],
    children: int,
) -> list[dict[str, ParameterValue]]:
    """For each child the numbers that may change, up to ``SPREAD`` of their range away from ``values``.

    ``live``: what the training reads as it goes. Raises NotAllowed where that is no number.
    """
    numbers = [
        each
        for each in space
        if isinstance(each, Numeric) and each.name in values and (each.live or each.name in live)
    ]
    if not numbers:
        raise NotAllowed(
            f"Trial {number} reads no number as it goes: its copies would all be the same. "
            "trial.live() in the training, or `live: true` in the study file, says which ones may differ."
        )
    made = []
    for child in range(1, children + 1):
        params: dict[str, ParameterValue] = {}
        for place, parameter in enumerate(numbers, 1):
            away = SPREAD * (2 * (child * GOLDEN**place % 1.0) - 1)
            unit = parameter.to_unit(values[parameter.name]) + away
            params[parameter.name] = parameter.from_unit(min(max(unit, 0.0), 1.0))
        made.append(params)
    return made
