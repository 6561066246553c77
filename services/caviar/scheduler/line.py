"""Whose turn it is for a slot of one class: the studies in order, as of one moment."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from caviar.contract.queue import Place
from caviar.scheduler.accounts import Accounts
from caviar.scheduler.desk import Desk

RANKS: Final[dict[Place, int]] = {"first": 0, "normal": 1, "last": 2}

_Key = tuple[int, int, int, float, int]


def _key(desk: Desk, index: int) -> _Key:
    """Inside a team; ``index`` tells studies of one moment apart.

    By age alone the oldest studies would share the slots for ever where there are more of them than slots: of those
    that hold as many the one that waits longest is first.
    """
    holds = len(desk.open) - len(desk.by_state["queued"])
    return -desk.record.priority, holds, desk.served, desk.record.created, index


class Line:
    """Place by place; in each the team that fair share names; inside the team by priority, then who holds least."""

    def __init__(
        self,
        resource_class: str,
        desks: Collection[Desk],
        accounts: Accounts,
        promised: dict[str, int],
        now: float,
    ) -> None:
        """``desks``: those of the class that may start trials. ``promised``: dispatched trials by team, of all classes.

        A team that a quota holds back is not in the line.
        """
        self._class = resource_class
        self._accounts = accounts
        self._promised = promised
        self._now = now
        self._places: dict[int, dict[str, list[tuple[_Key, Desk]]]] = defaultdict(dict)
        room = {team: self._room(team) for team in {desk.record.team for desk in desks}}
        self.held: dict[str, int] = dict.fromkeys(room, 0)
        """Slots of the class that each team holds or was promised."""
        wanting: set[str] = set()
        for index, desk in enumerate(desks):
            team = desk.record.team
            self.held[team] += len(desk.by_state["dispatched"])
            if room[team] > 0:
                if team not in wanting and wants(desk):
                    wanting.add(team)
                teams = self._places[RANKS[desk.record.place]]
                teams.setdefault(team, []).append((_key(desk, index), desk))
        accounts.sharing.want(resource_class, wanting, accounts.weights, now)
        for team in self.held:
            self.held[team] += accounts.sharing.holds(resource_class, team)
        for teams in self._places.values():
            for heap in teams.values():
                heapq.heapify(heap)

    def next(self) -> Desk | None:
        """The study whose turn it is; None where nobody waits."""
        for rank in sorted(self._places):
            teams = self._places[rank]
            if teams:
                held = {team: self.held[team] for team in teams}
                accounts = self._accounts
                team = accounts.sharing.next(self._class, held, accounts.weights, self._now)
                return teams[team][0][1]
        return None

    def heads(self) -> Iterator[Desk]:
        """The first study of each place and team, in the order of places."""
        for rank in sorted(self._places):
            for heap in self._places[rank].values():
                yield heap[0][1]

    def dry(self, desk: Desk) -> None:
        """It has no trial to give now."""
        rank, team = RANKS[desk.record.place], desk.record.team
        teams = self._places[rank]
        heapq.heappop(teams[team])
        if not teams[team]:
            del teams[team]

    def took(self, desk: Desk) -> None:
        """A trial of the study that was next is promised a slot."""
        team = desk.record.team
        self.held[team] += 1
        self._promised[team] = self._promised.get(team, 0) + 1
        heap = self._places[RANKS[desk.record.place]][team]
        index = heap[0][0][-1]
        heapq.heapreplace(heap, (_key(desk, index), desk))
        if self._room(team) <= 0:
            for teams in self._places.values():
                teams.pop(team, None)

    def _room(self, team: str) -> float:
        return self._accounts.room(team) - self._promised.get(team, 0)


def wants(desk: Desk) -> bool:
    """Whether a trial of it waits for a slot, or would be created for one."""
    return bool(desk.by_state["dispatched"] or desk.by_state["queued"]) or desk.may_create()


def promised_by_team(desks: Iterable[Desk]) -> dict[str, int]:
    """Trials of each team that are dispatched and not claimed yet; teams with none are absent."""
    found: dict[str, int] = {}
    for desk in desks:
        if waiting := len(desk.by_state["dispatched"]):
            found[desk.record.team] = found.get(desk.record.team, 0) + waiting
    return found
