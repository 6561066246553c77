"""What each team has used and may have still: slot-time for its share, and its quotas."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from caviar.adapters.sql import Store, TeamRow
from caviar.contract.access import Quota
from caviar.errors import InputError
from caviar.scheduler.budget import Clocks
from caviar.scheduler.desk import Desk
from caviar.scheduler.quotas import Month, refuse_study
from caviar.scheduler.sharing import HALF_LIFE_S, Sharing
from caviar.studies.spec import load_study

REMEMBERED_S = 10 * HALF_LIFE_S
"""What is older counts less than a thousandth."""
_BUCKET_S = HALF_LIFE_S / 40
_NO_QUOTA = Quota()

ReadTeams = Callable[[], Mapping[str, TeamRow]]
"""The teams that there are, by name."""


class Accounts:
    """Called under the scheduler's lock. A team that is not known weighs 1 and has no quota."""

    def __init__(self, store: Store, teams: ReadTeams, clocks: Callable[[], Clocks]) -> None:
        self._store = store
        self._read_teams = teams
        self._clocks = clocks
        self.sharing = Sharing()
        self.weights: dict[str, float] = {}
        self._quotas: dict[str, Quota] = {}
        now = clocks()
        begins = Month(now, {}).begins
        self._month = Month(now, store.team_seconds_since(begins))
        self.teams_changed()

    def teams_changed(self) -> None:
        """Read the weights and quotas again."""
        rows = self._read_teams()
        self.weights = {name: row.weight for name, row in rows.items()}
        self._quotas = {name: row.quota for name, row in rows.items()}

    def remember(self, classes: Mapping[str, str]) -> None:
        """Take over the slot-time of late from the store. ``classes``: study -> resource class, where it is known."""
        now = self._clocks()
        known = dict(classes)
        teams: dict[str, str] = {}
        for each in self._store.slot_time_since(now.wall - REMEMBERED_S, _BUCKET_S):
            study = each.study_id
            if study not in teams:
                record = self._store.study(study)
                teams[study] = record.team if record else ""
                if record and study not in known:
                    try:
                        parsed = load_study(record.source, record.filename)
                        known[study] = parsed.resources.resource_class
                    except InputError:  # written for another version
                        teams[study] = ""
            if teams[study]:
                ago_began, ago_ended = (
                    now.monotonic - max(0.0, now.wall - moment)
                    for moment in (each.began, each.ended)
                )
                self.sharing.remember(
                    known[study], teams[study], ago_began, ago_ended, each.seconds, now.monotonic
                )

    def starts(self, desk: Desk, since: float | None = None) -> None:
        """A trial of the desk holds a slot, since this monotonic second where it is not since now."""
        now = self._clocks()
        team, resource_class = desk.record.team, desk.study.resources.resource_class
        if since is not None and since < now.monotonic:
            held = now.monotonic - since
            self.sharing.remember(resource_class, team, since, now.monotonic, held, now.monotonic)
        self.sharing.starts(resource_class, team, now.monotonic)
        self._month.starts(team, now.monotonic if since is None else since, now)

    def ends(self, desk: Desk) -> None:
        """It gave the slot back."""
        now = self._clocks()
        team = desk.record.team
        self.sharing.ends(desk.study.resources.resource_class, team, now.monotonic)
        self._month.stops(team, now)

    def quota(self, team: str) -> Quota:
        return self._quotas.get(team, _NO_QUOTA)

    def month_hours(self, team: str) -> float:
        """Slot-hours that the team has used in this calendar month (UTC)."""
        return self._month.hours(team, self._clocks())

    def month_ends(self) -> float:
        """When the calendar month is over, in seconds since the epoch."""
        return self._month.ends

    def room(self, team: str) -> float:
        """How many more trials of the team may run now; infinite where nothing limits it."""
        quota = self._quotas.get(team, _NO_QUOTA)
        if quota.slots is None and quota.slot_hours is None:
            return math.inf
        if quota.slot_hours is not None and self.month_hours(team) >= quota.slot_hours:
            return 0
        if quota.slots is None:
            return math.inf
        return max(0, quota.slots - self.sharing.running(team))

    def held_back(self, team: str) -> str | None:
        """Why no trial of the team starts now, whatever is free; None where one may."""
        if self.room(team) > 0:
            return None
        quota = self.quota(team)
        if quota.slot_hours is not None and self.month_hours(team) >= quota.slot_hours:
            again = datetime.fromtimestamp(self._month.ends, UTC)
            return (
                f"team {team} has used the {quota.slot_hours:g} slot-hours of its month; "
                f"it goes on at {again:%Y-%m-%d %H:%M} UTC"
            )
        return f"team {team} holds all {quota.slots} slots of its quota"

    def refuse_study(self, team: str, desks: Iterable[Desk], trials: int) -> None:
        """``desks``: of the studies that have not ended. Raises NotAllowed where one more is beyond the quota."""
        own = [desk for desk in desks if desk.record.team == team]
        left = sum(max(0, desk.study.budget.trials - desk.next_number) for desk in own)
        refuse_study(team, self.quota(team), len(own), left, trials)
