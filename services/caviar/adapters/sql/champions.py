"""What studies recommend: reads and writes of champions, on an open connection.

proposed -> champion -> former, or rejected; a former or rejected one may be promoted again. Who writes holds the lock
of the study's row in ``rechecks``: numbers go on from the highest, and one is champion at a time.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal_column,
    select,
    update,
)

from caviar.adapters.sql.rows import ChampionRow
from caviar.adapters.sql.tables import CHAMPION, champions, checks, one_of, studies, trials
from caviar.contract.recheck import ChampionState

_WHOLE = [champions.c[name] for name in ChampionRow.__slots__]
_OF_STUDY = select(*_WHOLE).where(champions.c.study_id == bindparam("study"))
_ALL = _OF_STUDY.order_by(champions.c.number)
_CURRENT = _OF_STUDY.where(CHAMPION)
_SAME = _OF_STUDY.where(
    champions.c.found_in == bindparam("found_in"), champions.c.trial == bindparam("trial")
)
_LAST = select(func.coalesce(func.max(champions.c.number), 0)).where(
    champions.c.study_id == bindparam("study")
)
_CHANGED_SINCE = (
    select(*_WHOLE)
    .where(
        champions.c.state.in_(one_of(("champion", "proposed"))),
        func.coalesce(champions.c.decided, champions.c.created) >= bindparam("since"),
    )
    .order_by(champions.c.created)
)
_FOUND_IN = studies.alias("found_in")
_ANY: ColumnElement[int] = literal_column("1")
# As in reads._BEST, so that what is listed can be given one: else studies without would fill the list for good.
_RECOMMENDABLE = (
    trials.c.state.in_(one_of(("done",))),
    trials.c.kind.in_(one_of(("search", "added"))),
    trials.c.violation <= 0.0,
)
_WITHOUT = (
    select(studies.c.id)
    .where(
        studies.c.state.in_(one_of(("done", "stopped"))),
        ~exists(select(_ANY).where(champions.c.study_id == studies.c.id)),
        ~exists(select(_ANY).where(checks.c.check_study == studies.c.id)),
        ~exists(select(_ANY).where(checks.c.retuned == studies.c.id)),
        exists(select(_ANY).where(trials.c.study_id == studies.c.id, *_RECOMMENDABLE)),
    )
    .order_by(studies.c.ended.desc())
)


_ARRIVED = (
    select(champions.c.study_id, champions.c.number, trials.c.run_id)
    .join(studies, studies.c.id == champions.c.study_id)
    .join(_FOUND_IN, _FOUND_IN.c.id == champions.c.found_in)
    .join(
        trials,
        and_(trials.c.study_id == champions.c.found_in, trials.c.number == champions.c.trial),
    )
    .where(
        champions.c.state.in_(one_of(("champion", "proposed"))),
        champions.c.run_id.is_(None),
        trials.c.run_id.is_not(None),
        trials.c.shipped,
        studies.c.team == _FOUND_IN.c.team,
    )
)


def of_study(connection: Connection, study_id: str) -> list[ChampionRow]:
    return [ChampionRow(*row) for row in connection.execute(_ALL, {"study": study_id})]


def current(connection: Connection, study_id: str) -> ChampionRow | None:
    row = connection.execute(_CURRENT, {"study": study_id}).first()
    return ChampionRow(*row) if row else None


def changed_since(connection: Connection, since: float) -> list[ChampionRow]:
    """Those of all studies that hold since then, or were proposed since and still are."""
    return [ChampionRow(*row) for row in connection.execute(_CHANGED_SINCE, {"since": since})]


def arrived(connection: Connection) -> list[tuple[str, int, str]]:
    """Study, number and run of champions that were named before their training was whole in MLflow, and now it is."""
    return [(str(study), int(n), str(run)) for study, n, run in connection.execute(_ARRIVED)]


def set_run(connection: Connection, study_id: str, number: int, run_id: str) -> None:
    one = (champions.c.study_id == study_id) & (champions.c.number == number)
    connection.execute(update(champions).where(one).values(run_id=run_id))


def without(connection: Connection) -> list[str]:
    """Studies that ended with something to recommend and recommend nothing, the newest end first."""
    return list(connection.execute(_WITHOUT).scalars())


def add(connection: Connection, study_id: str, values: dict[str, Any]) -> ChampionRow | None:
    """With the next number. None: the trial is among them already, or there is a champion and this were another."""
    same = {"study": study_id, "found_in": values["found_in"], "trial": values["trial"]}
    if connection.execute(_SAME, same).first():
        return None
    if values["state"] == "champion" and current(connection, study_id):
        return None
    number = connection.execute(_LAST, {"study": study_id}).scalar_one() + 1
    made = connection.execute(
        insert(champions).returning(*_WHOLE),
        {"study_id": study_id, "number": number, **values},
    )
    return ChampionRow(*made.one())


def promote(
    connection: Connection, study_id: str, number: int, by: str, why: str, now: float
) -> ChampionRow | None:
    """The one before becomes a former one. None: it is the champion already, or there is no such one."""
    numbers = {row.number: row.state for row in of_study(connection, study_id)}
    if numbers.get(number, "champion") == "champion":
        return None
    for other, state in numbers.items():
        if state == "champion":
            _move(connection, study_id, other, state, {"state": "former"})
    values = {"state": "champion", "decided": now, "by": by, "why": why}
    return _move(connection, study_id, number, numbers[number], values)


def reject(
    connection: Connection, study_id: str, number: int, by: str, why: str, now: float
) -> ChampionRow | None:
    """None: it is not proposed."""
    values = {"state": "rejected", "decided": now, "by": by, "why": why}
    return _move(connection, study_id, number, "proposed", values)


def _move(
    connection: Connection,
    study_id: str,
    number: int,
    leaving: ChampionState,
    values: dict[str, Any],
) -> ChampionRow | None:
    row = connection.execute(
        update(champions)
        .where(
            champions.c.study_id == study_id,
            champions.c.number == number,
            champions.c.state == leaving,
        )
        .values(values)
        .returning(*_WHOLE)
    ).first()
    return ChampionRow(*row) if row else None
