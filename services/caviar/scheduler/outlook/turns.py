"""Who gets the next slots of a class, one after the other, as of one snapshot: what the dispatcher's line would say."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from typing import Final

from caviar.scheduler.line import RANKS
from caviar.scheduler.outlook.snapshot import Snapshot, StudyNow
from caviar.scheduler.sharing import Sharing

MOST_PICKS: Final = 5000
"""Slots that are looked ahead at most."""

_Entry = tuple[int, int, int, float, int]


def turns(snapshot: Snapshot, resource_class: str, fresh: bool = False) -> Iterator[StudyNow]:
    """Each study as often as it gets a slot, as long as anybody may have one.

    ``fresh``: as if nobody held a slot yet, which is how all slots together are shared.
    """
    sharing, weights = Sharing(), {name: team.weight for name, team in snapshot.teams.items()}
    held: dict[str, int] = {}
    room: dict[str, float] = {}
    heaps: dict[int, dict[str, list[_Entry]]] = {rank: {} for rank in sorted(RANKS.values())}
    studies = snapshot.of_class(resource_class)
    left = {}
    for index, each in enumerate(studies):
        team, now = each.record.team, snapshot.teams[each.record.team]
        if team not in held:
            held[team] = 0
            used = now.used_s.get(resource_class, 0.0)
            sharing.remember(resource_class, team, 0.0, 0.0, used, 0.0)
            quota = now.quota.slots
            room[team] = (math.inf if quota is None else quota) if fresh else now.room
            if fresh and now.room <= 0 and (quota is None or now.running < quota):
                room[team] = 0
        holds = 0 if fresh else len(each.running) + each.dispatched
        held[team] += holds
        # Tickets that are out were counted in ``holds``; they take their slots before anybody else.
        left[index] = each.left + (len(each.running) if fresh else -each.dispatched)
        if each.record.state == "running" and left[index] > 0 and (each.ready or fresh):
            entry = (-each.record.priority, holds, each.served, each.record.created, index)
            heaps[RANKS[each.record.place]].setdefault(team, []).append(entry)
    known = {team for team in held if snapshot.teams[team].used_s.get(resource_class, 0.0) > 0}
    sharing.want(resource_class, known, weights, 0.0)
    sharing.want(resource_class, held, weights, 0.0)  # who comes begins where the others are
    for teams in heaps.values():
        for heap in teams.values():
            heapq.heapify(heap)
    promised = {} if fresh else _promised(studies)
    for team, count in promised.items():
        room[team] -= count
    served = max((each.served for each in studies), default=0)
    for teams in heaps.values():
        while waiting := {team: held[team] for team in teams if room[team] > 0}:
            team = sharing.next(resource_class, waiting, weights, 0.0)
            priority, holds, _, created, index = teams[team][0]
            yield studies[index]
            served += 1
            held[team] += 1
            room[team] -= 1
            left[index] -= 1
            if left[index]:
                heapq.heapreplace(teams[team], (priority, holds + 1, served, created, index))
            else:
                heapq.heappop(teams[team])
                if not teams[team]:
                    del teams[team]


def _promised(studies: list[StudyNow]) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in studies:
        if each.dispatched:
            found[each.record.team] = found.get(each.record.team, 0) + each.dispatched
    return found


def order(snapshot: Snapshot, resource_class: str) -> list[StudyNow]:
    """Each study of the class once: those that wait in the order in which they get their next slot, then the rest."""
    found: dict[str, StudyNow] = {}
    wanting = sum(each.waits for each in snapshot.of_class(resource_class))
    for picked, each in enumerate(turns(snapshot, resource_class)):
        found.setdefault(each.record.id, each)
        if len(found) >= wanting or picked > MOST_PICKS:
            break
    rest = [each for each in snapshot.of_class(resource_class) if each.record.id not in found]
    return [*found.values(), *sorted(rest, key=_aside)]


def _aside(each: StudyNow) -> tuple[bool, int, int, float]:
    paused = each.record.state != "running"
    return paused, RANKS[each.record.place], -each.record.priority, each.record.created
