"""Panda or caviar: one model that is watched, or many of which the best is kept. Pure."""

from __future__ import annotations

from caviar.studies.nursing import Mode

ENOUGH = 10
"""Whole trainings from which on a search has something to choose from: a zoom begins with so many."""


def which(
    slots: int, trials: int, trial_hours: float | None, hours: float | None
) -> tuple[Mode, str]:
    """What fits, and why, in one sentence.

    ``trials``: the budget's; ``trial_hours``: of one training, None where nothing tells; ``hours``: of wall time that
    the budget leaves, None where it does not limit them.
    """
    many = trials
    where = f"{slots} slots" if slots != 1 else "one slot"
    what = f"{trials} trainings"
    if trial_hours is not None and hours is not None and trial_hours > 0:
        many = min(trials, int(hours * max(1, slots) / trial_hours))
        what = f"{hours:g} h on {where} are {many} trainings of {trial_hours:.2g} h"
    elif slots:
        what += f" on {where}"
    if many >= ENOUGH:
        return "caviar", f"{what}: enough for a search over many models."
    return "panda", (
        f"{what}: too few for a search, which wants {ENOUGH}. One model that is watched and changed as it trains "
        "makes more of them: `mode: panda`, with a nurse where nobody can watch."
    )
