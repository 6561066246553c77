"""The end of a study that confirms: once the search is over, its leaders train again on new seeds.

All of it is read from the trials, so a restart goes on where it was. The leaders that have a new run stay the leaders,
whatever a late round's model says.
"""

from __future__ import annotations

from caviar.scheduler.desk import Desk, searching
from caviar.search.confirming import candidates, leaders, next_leader


def following(desk: Desk) -> int | None:
    """The number of the leader to train again next.

    None while the search goes on, once every leader has its new runs or the budget is spent, and where the study
    does not confirm. The search is over when it creates nothing more and all that it created has ended.
    Raises SearchFailed where the leaders cannot be told.
    """
    study = desk.study
    if not study.confirm:
        return None
    searching = desk.may_create() or any(row.kind != "confirm" for row in desk.open.values())
    if searching or desk.next_number >= study.budget.trials:
        return None
    runs = [row.repeats for _, row in sorted(desk.again.items()) if row.repeats is not None]
    chosen = list(dict.fromkeys(runs))
    wanted = candidates(study.budget.trials, study.confirm)
    if len(chosen) < wanted:
        chosen += [number for number in _leaders(desk, wanted) if number not in chosen]
    return next_leader(chosen[:wanted], runs, study.confirm)


def _leaders(desk: Desk, count: int) -> list[int]:
    results = [desk.results[number] for number in sorted(desk.results)]
    with searching(desk):
        return leaders(desk.study.space, desk.settings, desk.round, results, count, desk.prior)
