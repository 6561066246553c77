"""What happened, as it follows from the store: nothing has to be caught in the moment, so nothing is missed.

Each event has a key, and a webhook gets an event of a key once. Looking again finds the same events: after a restart,
after days of downtime, in two processes at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from caviar.adapters.sql import Store, StudyRecord, TeamRow
from caviar.contract.webhooks import EventName
from caviar.studies.life import ENDED
from caviar.studies.spec import load_study
from caviar.teams import month_of

RECENT_S = 7 * 86_400.0
"""A study that ended longer ago is no news: for a webhook that was just made, say."""
BY_ITSELF = "caviar"
"""Who made the first champion of a study: that it ended is told already."""
HOUR_S = 3600.0
STALE_S = HOUR_S
"""A study of which nothing runs, and nothing ended for this long, is told to be stale."""


@dataclass(frozen=True, slots=True)
class Event:
    name: EventName
    team: str
    key: str
    at: float
    """When it happened, in seconds since the epoch."""
    data: dict[str, Any]

    def body(self) -> str:
        """As Standard Webhooks has it: type, timestamp, data."""
        stamp = datetime.fromtimestamp(self.at, UTC).isoformat(timespec="seconds")
        return json.dumps({"type": self.name, "timestamp": stamp, "data": self.data})


def study_events(store: Store, teams: set[str], now: float) -> Iterator[Event]:
    """Ends of studies of these teams, and those of which nothing moves."""
    newest: dict[str, float] | None = None
    for record in store.studies():
        if record.team not in teams:
            continue
        if record.state in ENDED:
            if record.ended is not None and record.ended >= now - RECENT_S:
                yield _ended(store, record, record.ended)
        elif record.state == "running":
            newest = store.newest_ends() if newest is None else newest
            moved = max(record.created, newest.get(record.id, 0.0))
            if now - moved > STALE_S and not store.counts(record.id)["running"]:
                data = {"study": _about(record), "idle_s": round(now - moved)}
                yield Event("study.stale", record.team, f"{record.id}:{moved:.0f}", now, data)


def champion_events(store: Store, teams: set[str], now: float) -> Iterator[Event]:
    """Verdicts of checks of these teams' studies, champions that are proposed, and those that took another's place."""
    rows = store.rechecks
    for check in rows.ended_since(now - RECENT_S):
        record = store.study(check.study_id)
        if record is not None and record.team in teams and check.ended is not None:
            verdict = {k: v for k, v in (check.verdict or {}).items() if k != "mixed"}
            data = {"study": _about(record), "check": check.number, "causes": check.causes}
            data |= {"data_version": check.data_version, "verdict": verdict}
            key = f"{record.id}:{check.number}"
            yield Event("check.ended", record.team, key, check.ended, data)
    for champion in rows.changed_since(now - RECENT_S):
        if champion.state == "champion" and champion.number == 1 and champion.by == BY_ITSELF:
            continue  # After an upgrade that is each study that ever ended.
        record = store.study(champion.study_id)
        if record is None or record.team not in teams:
            continue
        data = {"study": _about(record), "champion": champion.number, "params": champion.params}
        data |= {"value": champion.value, "by": champion.by, "why": champion.why}
        if champion.state == "proposed":
            key = f"{record.id}:{champion.number}"
            yield Event("champion.proposed", record.team, key, champion.created, data)
        else:
            at = champion.decided or champion.created
            key = f"{record.id}:{champion.number}:{at:.3f}"
            yield Event("champion.changed", record.team, key, at, data)


NEAR = (0.8, 1.0)
"""Shares of a team's slot-hours of the month that are told, the largest that is reached."""


def quota_events(
    store: Store, teams: Mapping[str, TeamRow], wanted: set[str], now: float
) -> Iterator[Event]:
    """Which of the ``wanted`` teams have nearly used, or used, their slot-hours of this month; ended attempts count."""
    limited = {
        name: row.quota.slot_hours
        for name, row in teams.items()
        if name in wanted and row.quota.slot_hours
    }
    if not limited:
        return
    begins, _ = month_of(now)
    month = datetime.fromtimestamp(begins, UTC).strftime("%Y-%m")
    used = store.team_seconds_since(begins)
    for team, limit in limited.items():
        hours = used.get(team, 0.0) / HOUR_S
        reached = [share for share in NEAR if hours >= share * limit]
        if reached:
            data = {"team": team, "month": month, "used": round(hours, 3), "limit": limit}
            yield Event("quota.near", team, f"{month}:{reached[-1]:g}", now, data)


def _ended(store: Store, record: StudyRecord, at: float) -> Event:
    name: EventName = "study.failed" if record.state == "failed" else "study.finished"
    goal = load_study(record.source, record.filename).metric.goal
    row = store.best(record.id, goal == "maximize")
    best = None
    if row is not None:
        best = {"trial": row.number, "value": row.value, "params": row.params}
    counts = {state: count for state, count in store.counts(record.id).items() if count}
    data = {"study": _about(record), "best": best, "trials": counts}
    return Event(name, record.team, record.id, at, data)


def _about(record: StudyRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": record.name,
        "team": record.team,
        "state": record.state,
        "reason": record.reason,
        "path": f"/api/v1/studies/{record.id}",
    }
