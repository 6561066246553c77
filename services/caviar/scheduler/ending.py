"""When a study ends, how, and why."""

from __future__ import annotations

from caviar.adapters.sql import Store
from caviar.contract.views import StudyState
from caviar.scheduler.checking import verdict_of
from caviar.scheduler.confirming import following
from caviar.scheduler.desk import Desk
from caviar.studies.constraints import nothing_fits
from caviar.studies.life import study_after


def ending(desk: Desk, store: Store, now: float) -> tuple[StudyState, str] | None:
    """The state and the reason of a study that ends now, ``now`` in monotonic seconds; None while it goes on.

    The end of its hours, of slots and GPUs too, cuts everything short. A target ends the search, and the study once
    its leaders are confirmed.
    Raises SearchFailed.
    """
    budget = desk.study.budget
    over = not desk.open and not desk.may_create() and following(desk) is None
    if desk.reached_target() and (over or not desk.study.confirm):
        return "done", f"target {budget.target:g} reached"
    reasons = []
    if (spent := desk.spending.over(now)) is not None:
        reasons.append(spent)
    elif not over:
        return None
    elif (said := verdict_of(desk.study, desk.checked.values())) is not None:
        reasons.append(f"{said.word}: {said.reason}")
    elif desk.exhausted:
        reasons.append("every point of the grid was tried")
    state = study_after(store.counts(desk.record.id))
    if state == "failed":
        reasons.append("not one trial gave a value")
    elif desk.best_value() is None and desk.nearest is not None:
        nearest = desk.nearest
        reasons.append(nothing_fits(desk.study.constraints, nearest.number, nearest.metrics))
    return state, "; ".join(reasons)
