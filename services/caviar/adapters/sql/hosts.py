"""Reads and writes about hosts: which are set aside or drained, and what attempts have cost on them."""

from __future__ import annotations

from sqlalchemy import Connection, and_, bindparam, case, delete, func, insert, select

from caviar.adapters.sql.rows import Aside, Drained
from caviar.adapters.sql.tables import attempts, drained, hosts, trials

_BY_DAY = attempts.c.ended - attempts.c.started
LASTED = func.coalesce(attempts.c.seconds, case((_BY_DAY > 0, _BY_DAY), else_=0.0))
"""Seconds. Attempts of an older version have only their times of day."""
_SLOT_SECONDS = (
    select(func.sum(LASTED), func.sum(LASTED * attempts.c.gpus))
    .join(trials, trials.c.id == attempts.c.trial_id)
    .where(trials.c.study_id == bindparam("study"), attempts.c.ended.is_not(None))
)


def read_aside(connection: Connection) -> dict[str, Aside]:
    rows = connection.execute(select(hosts))
    return {row.host: Aside(row.reason, row.since) for row in rows}


def write_aside(connection: Connection, host: str, aside: Aside) -> None:
    remove_aside(connection, host)
    connection.execute(insert(hosts).values(host=host, reason=aside.reason, since=aside.since))


def remove_aside(connection: Connection, host: str) -> bool:
    return bool(connection.execute(delete(hosts).where(hosts.c.host == host)).rowcount)


def read_drained(connection: Connection) -> dict[str, Drained]:
    return {row.host: Drained(row.since, row.now) for row in connection.execute(select(drained))}


def write_drained(connection: Connection, host: str, drain: Drained) -> None:
    remove_drained(connection, host)
    connection.execute(insert(drained).values(host=host, since=drain.since, now=drain.now))


def remove_drained(connection: Connection, host: str) -> bool:
    return bool(connection.execute(delete(drained).where(drained.c.host == host)).rowcount)


def unshipped(connection: Connection, host: str) -> int:
    """Trials that ended on the host and are not complete in MLflow: what they logged is on its disk only."""
    query = select(func.count()).where(
        trials.c.host == host,
        trials.c.ended.is_not(None),
        trials.c.started.is_not(None),
        trials.c.shipped.is_(False),
    )
    return int(connection.execute(query).scalar_one())


def slot_seconds(connection: Connection, study_id: str) -> tuple[float, float]:
    """Seconds of slots and of GPUs."""
    slot_s, gpu_s = connection.execute(_SLOT_SECONDS, {"study": study_id}).one()
    return float(slot_s or 0.0), float(gpu_s or 0.0)


def gpu_shares(connection: Connection, study_id: str) -> dict[str, float]:
    newest = and_(attempts.c.trial_id == trials.c.id, attempts.c.attempt == trials.c.attempt)
    query = (
        select(trials.c.id, attempts.c.gpus)
        .join(attempts, newest)
        .where(trials.c.study_id == study_id, trials.c.state == "running")
    )
    return {row.id: float(row.gpus) for row in connection.execute(query)}
