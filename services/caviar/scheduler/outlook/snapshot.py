"""The queue as it stands at one moment: taken under the scheduler's lock, looked at without it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from caviar.adapters.sql import StudyRecord
from caviar.contract.access import Quota
from caviar.scheduler.accounts import Accounts
from caviar.scheduler.budget import HOUR_S
from caviar.scheduler.desk import Desk
from caviar.scheduler.fleet import Fleet, Worker
from caviar.scheduler.outlook.cases import Running, to_start
from caviar.search import Round
from caviar.studies.life import ENDED, FINAL
from caviar.studies.spec import Study


@dataclass(frozen=True)
class StudyNow:
    record: StudyRecord
    study: Study
    round: Round
    running: tuple[Running, ...]
    dispatched: int
    """Trials that are promised a slot."""
    back: int
    """Trials that wait again: a crash, a lost host, or they made way."""
    left: int
    """Trials that may still start, those included."""
    ready: bool
    """Whether one could start now; otherwise it waits for its own running ones."""
    created: int
    """Trials that it has started."""
    served: int
    unclaimed: bool
    """Nobody takes a trial of it though a slot is free."""
    ended: int
    spent_s: float
    """Slot-seconds of attempts that are over."""
    trained_s: float
    """Of them, what the last attempts of trials that ended took."""

    @property
    def resource_class(self) -> str:
        return self.study.resources.resource_class

    @property
    def waits(self) -> bool:
        """Whether a free slot would be given to it."""
        return self.record.state == "running" and self.ready and self.left > self.dispatched


@dataclass(frozen=True)
class ClassNow:
    """One resource class. ``without_work``: the hosts that get none, why, and the way out."""

    slots: int
    running: int
    workers: int
    without_work: Mapping[str, str] = field(default_factory=dict)

    @property
    def free(self) -> int:
        return max(0, self.slots - self.running)


@dataclass(frozen=True)
class TeamNow:
    weight: float
    running: int
    """Slots that it holds, of all classes."""
    used_s: Mapping[str, float]
    """Slot-seconds of late, by resource class."""
    quota: Quota
    month_hours: float
    held_back: str | None
    """Why no trial of it starts now, whatever is free."""
    room: float


@dataclass(frozen=True)
class Snapshot:
    studies: tuple[StudyNow, ...]
    classes: Mapping[str, ClassNow]
    teams: Mapping[str, TeamNow]
    broker_is_down: bool = False
    month_left_s: float = 0.0

    def of_class(self, resource_class: str) -> list[StudyNow]:
        return [each for each in self.studies if each.resource_class == resource_class]

    def held(self, resource_class: str) -> Mapping[str, int]:
        """Slots of the class by the team that holds them; teams without one are absent."""
        return self._held.get(resource_class, {})

    @cached_property
    def _held(self) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        for each in self.studies:
            if each.running:
                here = found.setdefault(each.resource_class, {})
                here[each.record.team] = here.get(each.record.team, 0) + len(each.running)
        return found

    def at(self, resource_class: str) -> ClassNow:
        return self.classes.get(resource_class, ClassNow(0, 0, 0))


def take(
    desks: Iterable[Desk],
    fleet: Fleet,
    accounts: Accounts,
    unclaimed: Iterable[str],
    without_work: Mapping[str, str],
    broker_is_down: bool,
    now: float,
    wall: float,
    team: str | None = None,
) -> Snapshot:
    """Called under the scheduler's lock. ``team``: one that is to be in it though it has no study."""
    going_on = [
        desk for desk in desks if desk.record.state not in ENDED or desk.by_state["running"]
    ]
    lost = {trial.rpartition("-")[0] for trial in unclaimed}
    studies = tuple(study_now(desk, fleet, now, desk.record.id in lost) for desk in going_on)
    workers = fleet.workers(now)
    names = {each.resource_class for each in studies} | {w.resource_class for w in workers}
    teams = {each.record.team for each in studies} | ({team} if team else set())
    return Snapshot(
        studies,
        {name: _class(name, workers, fleet, studies, without_work, now) for name in sorted(names)},
        {name: _team(name, names, accounts, now) for name in sorted(teams)},
        broker_is_down,
        max(0.0, accounts.month_ends() - wall),
    )


def study_now(desk: Desk, fleet: Fleet, now: float, unclaimed: bool = False) -> StudyNow:
    """Called under the scheduler's lock."""
    running = []
    for row in desk.by_state["running"].values():
        progress = fleet.progress.get(row.id)
        held_s = desk.spending.held_s(row.id, now)
        step = progress.step if progress else None
        running.append(Running(row.params, held_s, step, row.kind == "confirm"))
    back = len(desk.by_state["queued"])
    dispatched = len(desk.by_state["dispatched"])
    searches = desk.may_create()
    reserved = desk.study.planned_trials - desk.study.search_trials
    new = to_start(desk.study) - desk.next_number if searches else reserved - len(desk.again)
    new = max(0, new)
    settled = all(row.kind == "confirm" for row in desk.open.values())
    over = desk.record.state in ENDED
    return StudyNow(
        record=desk.record,
        study=desk.study,
        round=desk.round,
        running=tuple(running),
        dispatched=dispatched,
        back=back,
        left=0 if over else new + back + dispatched,
        ready=bool(back) or searches or (settled and new > 0),
        created=desk.next_number,
        served=desk.served,
        unclaimed=unclaimed,
        ended=sum(desk.counts[state] for state in FINAL),
        trained_s=desk.spent_s + sum(row.seconds or 0.0 for row in desk.again.values()),
        spent_s=desk.spending.slot_hours(now) * HOUR_S - sum(each.seconds for each in running),
    )


def _class(
    name: str,
    workers: Iterable[Worker],
    fleet: Fleet,
    studies: Iterable[StudyNow],
    without_work: Mapping[str, str],
    now: float,
) -> ClassNow:
    there = [worker for worker in workers if worker.resource_class == name]
    running = sum(len(each.running) for each in studies if each.resource_class == name)
    refused = {w.host: without_work[w.host] for w in there if w.host in without_work}
    return ClassNow(fleet.slots(name, now), running, len(there), refused)


def _team(name: str, classes: Iterable[str], accounts: Accounts, now: float) -> TeamNow:
    return TeamNow(
        weight=accounts.weights.get(name, 1.0),
        running=accounts.sharing.running(name),
        used_s={each: accounts.sharing.used(each, name, now) for each in classes},
        quota=accounts.quota(name),
        month_hours=accounts.month_hours(name),
        held_back=accounts.held_back(name),
        room=accounts.room(name),
    )
