"""When checks are due, and how they go on: reads and writes on an open connection.

A check goes due -> running -> ended, what tunes again wanted -> open -> over, each by a compare-and-set. What depends
on more than one row locks the study's row of ``rechecks`` first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from caviar.adapters.sql import champions
from caviar.adapters.sql.rows import CheckRow, RecheckRow, Retuning
from caviar.adapters.sql.tables import checks, one_of, rechecks, studies
from caviar.contract.recheck import Cause, CheckState
from caviar.errors import NotAllowed

_WATCH = [rechecks.c[name] for name in RecheckRow.__slots__]
_FIND = select(*_WATCH).where(rechecks.c.study_id == bindparam("study"))
_WATCHED = select(*_WATCH).where(rechecks.c.policy.is_not(None)).order_by(rechecks.c.study_id)
_UNWRITTEN = select(rechecks.c.study_id, rechecks.c.changed).where(
    rechecks.c.changed != rechecks.c.written
)
_WHOLE = [checks.c[name] for name in CheckRow.__slots__]
_ALL = select(*_WHOLE)
_OF_STUDY = _ALL.where(checks.c.study_id == bindparam("study")).order_by(checks.c.number)
_ONE = _ALL.where(checks.c.study_id == bindparam("study"), checks.c.number == bindparam("number"))
_OPEN = _ALL.where(checks.c.state.in_(one_of(("due", "running")))).order_by(
    checks.c.asked, checks.c.study_id, checks.c.number
)
_RETUNING = _ALL.where(checks.c.retuning.in_(one_of(("wanted", "open")))).order_by(
    checks.c.asked, checks.c.study_id, checks.c.number
)
_ENDED_SINCE = _ALL.where(checks.c.ended >= bindparam("since")).order_by(checks.c.ended)
_KEYS = select(checks.c.number, checks.c["keys"]).where(checks.c.study_id == bindparam("study"))
_LAST = select(func.coalesce(func.max(checks.c.number), 0)).where(
    checks.c.study_id == bindparam("study")
)


def find(connection: Connection, study_id: str) -> RecheckRow | None:
    row = connection.execute(_FIND, {"study": study_id}).first()
    return RecheckRow(*row) if row else None


def watched(connection: Connection) -> list[RecheckRow]:
    return [RecheckRow(*row) for row in connection.execute(_WATCHED)]


def open_checks(connection: Connection) -> list[CheckRow]:
    return [CheckRow(*row) for row in connection.execute(_OPEN)]


def retuning(connection: Connection) -> list[CheckRow]:
    return [CheckRow(*row) for row in connection.execute(_RETUNING)]


def ended_since(connection: Connection, since: float) -> list[CheckRow]:
    """By their end."""
    return [CheckRow(*row) for row in connection.execute(_ENDED_SINCE, {"since": since})]


def of_study(connection: Connection, study_id: str) -> list[CheckRow]:
    return [CheckRow(*row) for row in connection.execute(_OF_STUDY, {"study": study_id})]


def one(connection: Connection, study_id: str, number: int) -> CheckRow | None:
    row = connection.execute(_ONE, {"study": study_id, "number": number}).first()
    return CheckRow(*row) if row else None


def start(
    connection: Connection,
    study_id: str,
    number: int,
    check_study: str,
    champion: int | None = None,
) -> bool:
    """due -> running, since its study was added. False: it is not due, or another check of the study still runs.

    ``champion``: the one that is checked, where another was promoted since it was asked.
    """
    locked(connection, study_id)
    running = select(checks.c.number).where(
        checks.c.study_id == study_id, checks.c.state == "running"
    )
    if connection.execute(running).first():
        return False
    began = select(studies.c.created).where(studies.c.id == check_study).scalar_subquery()
    values: dict[str, Any] = {
        "state": "running",
        "started": began,
        "check_study": check_study,
        "waits": "",
    }
    if champion is not None:
        values["champion"] = champion
    return move(connection, study_id, number, ("due",), values)


def start_retuning(connection: Connection, study_id: str, number: int, retuned: str) -> bool:
    """wanted -> open."""
    values = {"retuning": "open", "retuned": retuned}
    return retune(connection, study_id, number, ("wanted",), values)


def locked(
    connection: Connection, study_id: str, values: Mapping[str, Any] | None = None
) -> RecheckRow:
    """The study's row with these values, made where it is missing; nobody else gets here until the transaction ends.

    Even without values it is written: that is what locks a row in PostgreSQL. And MLflow is told, see ``unwritten``.
    """
    given = dict(values or {})
    insert_of = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    made = insert_of(rechecks).values(study_id=study_id, changed=1, written=0, **given)
    changed = made.on_conflict_do_update(
        index_elements=["study_id"], set_={**given, "changed": rechecks.c.changed + 1}
    ).returning(*_WATCH)
    return RecheckRow(*connection.execute(changed).one())


def unwritten(connection: Connection) -> list[tuple[str, int]]:
    """Studies of which MLflow was not told all, each with the place of its newest change."""
    found = connection.execute(_UNWRITTEN)
    return [(str(study), int(changed)) for study, changed in found]


def written(connection: Connection, study_id: str, change: int) -> None:
    connection.execute(
        update(rechecks).where(rechecks.c.study_id == study_id).values(written=change)
    )


def move_due(connection: Connection, study_id: str, due: float | None, then: float | None) -> bool:
    changed = connection.execute(
        update(rechecks)
        .where(rechecks.c.study_id == study_id, rechecks.c.next_due == due)
        .values(next_due=then, changed=rechecks.c.changed + 1)
    )
    return bool(changed.rowcount)


def ask(
    connection: Connection,
    study_id: str,
    cause: Cause,
    told: Mapping[str, str | None],
    versions: tuple[str | None, str | None],
    key: str | None,
    again: bool,
    now: float,
) -> tuple[CheckRow, bool] | None:
    """See ``Rechecks.ask``. ``told``: why, by, bundle; ``versions``: of the data and of the code."""
    seen = locked(connection, study_id)
    champion = champions.current(connection, study_id)
    if champion is None:
        raise NotAllowed(
            f"Study {study_id} has no champion yet: there is nothing that could be checked. "
            "It has one once it has ended with a result."
        )
    data = seen.data_version if versions[0] is None else versions[0]
    code = seen.code_version if versions[1] is None else versions[1]
    if key is not None:
        for number, keys in connection.execute(_KEYS, {"study": study_id}):
            if key in keys:
                served = connection.execute(_ONE, {"study": study_id, "number": number}).one()
                return CheckRow(*served), False
    _note(connection, seen, {"data_version": versions[0], "code_version": versions[1]})
    alike = _ALL.where(
        checks.c.study_id == study_id,
        checks.c.champion == champion.number,
        checks.c.data_version.is_not_distinct_from(data),
        checks.c.code_version.is_not_distinct_from(code),
    ).order_by(checks.c.number)
    same = [CheckRow(*row) for row in connection.execute(alike)]
    for row in same:
        if row.state != "ended" and row.bundle == told["bundle"]:
            return _joined(connection, row, cause, key), False
    if not again:
        known = ((data, champion.data_version), (code, champion.code_version))
        if all(now_at in (None, chosen_on) for now_at, chosen_on in known):
            return None
        # Trainings on mixed data say nothing of any version.
        if any(row.verdict is not None and row.verdict.get("mixed") is not True for row in same):
            return None
    made = connection.execute(
        insert(checks).returning(*_WHOLE),
        {
            **told,
            "study_id": study_id,
            "number": connection.execute(_LAST, {"study": study_id}).scalar_one() + 1,
            "state": "due",
            "causes": [cause],
            "keys": [] if key is None else [key],
            "champion": champion.number,
            "data_version": data,
            "code_version": code,
            "asked": now,
        },
    )
    return CheckRow(*made.one()), True


def _note(connection: Connection, seen: RecheckRow, given: Mapping[str, str | None]) -> None:
    """In one with what they call for: a check of another version than was seen last is not begun."""
    new = {name: told for name, told in given.items() if told not in (None, getattr(seen, name))}
    if new:
        locked(connection, seen.study_id, new)


def _joined(connection: Connection, row: CheckRow, cause: Cause, key: str | None) -> CheckRow:
    """An open check with one cause more, once each."""
    values = {
        "causes": list(dict.fromkeys([*row.causes, cause])),
        "keys": row.keys if key is None else [*row.keys, key],
    }
    changed = connection.execute(
        update(checks)
        .where(checks.c.study_id == row.study_id, checks.c.number == row.number)
        .values(values)
        .returning(*_WHOLE)
    )
    return CheckRow(*changed.one())


def move(
    connection: Connection,
    study_id: str,
    number: int,
    leaving: tuple[CheckState, ...],
    values: Mapping[str, Any],
) -> bool:
    return _moved(connection, study_id, number, checks.c.state.in_(one_of(leaving)), values)


def retune(
    connection: Connection,
    study_id: str,
    number: int,
    leaving: tuple[Retuning, ...],
    values: Mapping[str, Any],
) -> bool:
    return _moved(connection, study_id, number, checks.c.retuning.in_(one_of(leaving)), values)


def _moved(
    connection: Connection,
    study_id: str,
    number: int,
    still: ColumnElement[bool],
    values: Mapping[str, Any],
) -> bool:
    """Compare-and-set: False where the check is not ``still`` so."""
    locked(connection, study_id)
    one = (checks.c.study_id == study_id) & (checks.c.number == number) & still
    changed = connection.execute(update(checks).where(one).values(dict(values)))
    return bool(changed.rowcount)
