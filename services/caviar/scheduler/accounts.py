"""What each team has used and may have still: slot-time for its share, and its quotas."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime

from caviar.adapters.sql import SlotTime, Store, TeamRow
from caviar.contract.access import Quota
from caviar.errors import InputError
from caviar.scheduler.budget import Clocks
from caviar.scheduler.desk import Desk
from caviar.scheduler.quotas import Month, refuse_study
from caviar.scheduler.sharing import HALF_LIFE_S, Sharing
from caviar.studies.spec import load_study

REMEMBERED_S = 6 * HALF_LIFE_S
"""What is older counts less than a fiftieth."""
BUCKET_S = round(HALF_LIFE_S / 40)
"""How finely a restart lives through it."""
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

    def remember(self, desks: Collection[Desk]) -> None:
        """Live through what the store knows of late: who had slots, and whose studies wanted some.

        ``desks``: the studies that go on. What they hold now is told to :meth:`starts` afterwards.
        """
        now = self._clocks()
        since = now.wall - REMEMBERED_S
        known = {desk.record.id: (desk.record, desk.study) for desk in desks}
        used = list(self._store.slot_time_since(since, BUCKET_S))
        for desk in desks:
            for row in desk.by_state["running"].values():
                held_s = desk.spending.held_s(row.id, now.monotonic)
                used.append(SlotTime(desk.record.id, now.wall - held_s, now.wall, held_s))
        for study_id in {each.study_id for each in used} - known.keys():
            record = self._store.study(study_id)
            with suppress(InputError):  # written for another version
                if record:
                    known[study_id] = record, load_study(record.source, record.filename)
        steps = int(REMEMBERED_S / BUCKET_S)
        had: list[list[tuple[str, str, float]]] = [[] for _ in range(steps)]
        wanted: list[dict[str, set[str]]] = [{} for _ in range(steps)]
        for each in used:
            if each.study_id in known:
                record, study = known[each.study_id]
                for step, part in _steps(each.began - since, each.ended - since, steps):
                    seconds = each.seconds * part
                    had[step].append((study.resources.resource_class, record.team, seconds))
        for record, study in known.values():
            ended = now.wall if record.ended is None else record.ended
            for step, _ in _steps(record.created - since, ended - since, steps):
                teams = wanted[step].setdefault(study.resources.resource_class, set())
                teams.add(record.team)
        for step in range(steps):
            begins = now.monotonic - REMEMBERED_S + step * BUCKET_S
            ends = begins + BUCKET_S
            for resource_class, teams in wanted[step].items():
                self.sharing.want(resource_class, teams, self.weights, begins)
            for resource_class, team, seconds in had[step]:
                self.sharing.remember(resource_class, team, begins, ends, seconds, ends)

    def starts(self, desk: Desk, since: float | None = None) -> None:
        """A trial of the desk holds a slot; where it has it since before, as ``remember`` knows, since when."""
        now = self._clocks()
        team = desk.record.team
        self.sharing.starts(desk.study.resources.resource_class, team, now.monotonic)
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
        left = sum(max(0, desk.study.planned_trials - desk.next_number) for desk in own)
        refuse_study(team, self.quota(team), len(own), left, trials)


def _steps(began: float, ended: float, steps: int) -> Iterator[tuple[int, float]]:
    """The steps of ``BUCKET_S`` that a time touches, each with the part of it that lies there."""
    span = max(ended - began, 1e-9)
    first, last = max(0, int(began / BUCKET_S)), min(steps - 1, int(ended / BUCKET_S))
    for step in range(first, last + 1):
        within = min(ended, (step + 1) * BUCKET_S) - max(began, step * BUCKET_S)
        yield step, min(1.0, max(0.0, within) / span)
