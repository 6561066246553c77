"""Looks at all trials at once, for the record in MLflow and for the doctor: few columns, on an open connection."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from caviar.adapters.sql.tables import trials
from caviar.contract.views import TrialState
from caviar.studies.life import OPEN


@dataclass(frozen=True, slots=True)
class TrialMark:
    """A trial as far as its run is concerned."""

    state: TrialState
    run_id: str | None
    shipped: bool
    ended: float | None


@dataclass(frozen=True, slots=True)
class WaitingRuns:
    """Trials of a study that ended on a host and are not complete in MLflow."""

    study_id: str
    host: str | None
    count: int
    since: float
    """When the first of them ended, in seconds since the epoch."""


def waiting_points(connection: Connection) -> dict[str, set[int]]:
    query = select(trials.c.study_id, trials.c.number).where(
        trials.c.state.in_(OPEN), trials.c.kind == "added", trials.c.run_id.is_(None)
    )
    found: dict[str, set[int]] = {}
    for study, number in connection.execute(query):
        found.setdefault(study, set()).add(int(number))
    return found


def waiting_runs(connection: Connection) -> list[WaitingRuns]:
    query = (
        select(trials.c.study_id, trials.c.host, func.count(), func.min(trials.c.ended))
        .where(
            trials.c.ended.is_not(None),
            trials.c.started.is_not(None),
            trials.c.shipped.is_(False),
        )
        .group_by(trials.c.study_id, trials.c.host)
        .order_by(trials.c.study_id, trials.c.host)
    )
    return [WaitingRuns(*row) for row in connection.execute(query)]


def marks(connection: Connection, study_id: str) -> dict[str, TrialMark]:
    query = select(
        trials.c.id, trials.c.state, trials.c.run_id, trials.c.shipped, trials.c.ended
    ).where(trials.c.study_id == study_id)
    return {identifier: TrialMark(*rest) for identifier, *rest in connection.execute(query)}
