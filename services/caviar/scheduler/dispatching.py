"""Which trial goes out next: a shallow window of tickets ahead of the free slots, for each resource class."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable

from caviar.adapters.sql import Store, TrialRow
from caviar.contract.names import queue_name
from caviar.scheduler.accounts import Accounts
from caviar.scheduler.confirming import following
from caviar.scheduler.desk import Desk, SearchFailed
from caviar.scheduler.desks import Desks
from caviar.scheduler.fleet import Fleet
from caviar.scheduler.gate import Gate
from caviar.scheduler.line import Line, promised_by_team
from caviar.scheduler.preempting import Preempting
from caviar.scheduler.tickets import Outgoing, Tickets
from caviar.search import Exhausted
from caviar.studies.life import trial_seed

AHEAD_S = 0.05
"""A window holds what was claimed in this time of late, beyond the free slots: a proposal, its ticket and a claim take
half of it. Of trials that take a second this is nothing; more would only decide earlier."""
TURN_S = 0.01
"""After this long a turn creates no further trial: claims and heartbeats wait for the lock meanwhile."""
MOST_A_TURN = 64


class Dispatcher:
    """Called under the scheduler's lock; what it returns is sent without it. ``clock`` is monotonic seconds."""

    def __init__(
        self,
        store: Store,
        desks: Desks,
        fleet: Fleet,
        tickets: Tickets,
        accounts: Accounts,
        preempting: Preempting,
        gate: Gate,
        clock: Callable[[], float],
    ) -> None:
        self._clock = clock
        self._served = 0
        self._store = store
        self._desks = desks
        self._fleet = fleet
        self._tickets = tickets
        self._accounts = accounts
        self._preempting = preempting
        self._gate = gate
        self._claims: dict[str, deque[float]] = defaultdict(deque)
        """The times of the last second's claims, by resource class."""
        self._spare: dict[str, int] = {}
        """Tickets that are out beyond the free slots, by resource class."""
        self._free_on: dict[str, int] = {}
        """By host, as of this turn: its free slots that are not promised yet to a trial that can only start there."""

    def claimed(self, resource_class: str, now: float) -> None:
        """A ticket and a free slot became a running trial."""
        self._claims[resource_class].append(now)

    def freed(self, resource_class: str) -> bool:
        """A slot is free again; whether it has no ticket to take."""
        self._spare[resource_class] = self._spare.get(resource_class, 0) - 1
        return self._spare[resource_class] < 0

    def _window(self, resource_class: str, slots: int, free: int, now: float) -> int:
        """The free slots and one, and as many as are claimed within ``AHEAD_S``, at most one more for each slot."""
        claims = self._claims[resource_class]
        while claims and claims[0] < now - 1.0:
            claims.popleft()
        return free + 1 + min(slots, int(len(claims) * AHEAD_S))

    def turn(self, now: float) -> tuple[list[Outgoing], bool]:
        """Keep each class's window full, from the study whose turn it is.

        Returns the tickets to send, and whether slots are left for which there was no time in this turn.
        """
        outgoing: list[Outgoing] = []
        created, more = 0, False
        self._free_on.clear()
        by_class: dict[str, list[Desk]] = {}
        for desk in self._desks:
            if desk.record.state == "running":
                by_class.setdefault(desk.study.resources.resource_class, []).append(desk)
        promised = promised_by_team(desk for desks in by_class.values() for desk in desks)
        room = {team: self._accounts.room(team) for team in promised}
        for resource_class, desks in by_class.items():
            queue = queue_name(resource_class)
            running = sum(len(desk.by_state["running"]) for desk in desks)
            slots = self._fleet.slots(resource_class, now)
            free = max(0, slots - running)
            window = self._window(resource_class, slots, free, now)
            self._preempting.settle(resource_class, desks, now)
            out = own = 0
            for desk in desks:
                if not desk.by_state["dispatched"] or room[desk.record.team] <= 0:
                    continue  # what its quota holds back is in nobody's way
                # Nor is what waits for its host.
                waiting = [
                    row for row in desk.by_state["dispatched"].values() if self._may_start(row, now)
                ]
                out += len(waiting)
                if self._preempting.keeps_from(desk, now):
                    continue
                for row in waiting:
                    if self._tickets.due(row, free > 0, now):
                        outgoing.append(self._tickets.write(row, queue, now))
            # A slot that claims before its last report is here counts twice for that moment: no clamp.
            self._spare[resource_class] = out - (slots - running)
            if self._tickets.broker_is_down:
                continue  # what was not sent is tried again; nothing new is put behind it
            if not free and self._preempting.is_due(resource_class, desks, now):
                outgoing += self._make_way(resource_class, desks, promised, now)
            if out >= window:
                continue
            line = Line(resource_class, desks, self._accounts, promised, now)
            while out < window and (chosen := line.next()):
                if own and (created >= MOST_A_TURN or self._clock() - now > TURN_S):
                    more = True
                    break
                dispatched = self._next(chosen, now)
                if dispatched is None:
                    line.dry(chosen)
                    continue
                outgoing.append(self._tickets.write(dispatched, queue, now))
                out += 1
                self._spare[resource_class] += 1
                self._served += 1
                chosen.served = self._served
                line.took(chosen)
                own += 1
                created += 1
        return outgoing, more

    def _make_way(
        self, resource_class: str, desks: list[Desk], promised: dict[str, int], now: float
    ) -> list[Outgoing]:
        """Where a trial is asked to make way, the study that it is for has a ticket out, whatever the window says."""
        line = Line(resource_class, desks, self._accounts, promised, now)
        desk = self._preempting.look(resource_class, desks, line, now)
        if desk is None or desk.by_state["dispatched"]:
            return []
        row = self._next(desk, now)
        if row is None:
            return []
        promised[desk.record.team] = promised.get(desk.record.team, 0) + 1
        return [self._tickets.write(row, queue_name(resource_class), now)]

    def _may_start(self, row: TrialRow, now: float) -> bool:
        """Whether a slot is free that it could take. It takes that: whoever asks next may only have another one.

        A trial whose checkpoint lies on a host can only start there. While that is busy, or away, its ticket would go
        round among the other hosts, in the place of a trial that they could train.
        """
        host = row.home
        if host is None:
            return True
        if host not in self._free_on:
            running = sum(
                each.host == host
                for desk in self._desks
                for each in desk.by_state["running"].values()
            )
            self._free_on[host] = self._fleet.slots_of(host, now) - running
        self._free_on[host] -= 1
        return self._free_on[host] >= 0

    def _next(self, desk: Desk, now: float) -> TrialRow | None:
        """A trial that came back to the queue, or a new one; dispatched."""
        for number in sorted(desk.by_state["queued"]):
            waiting = desk.by_state["queued"][number]
            if self._may_start(waiting, now):
                row = self._store.dispatch(waiting.id)
                if row is not None:
                    desk.put(row)
                    if host := row.home:
                        self._gate.keep(host, row.id, now)
                return row
        number = desk.next_number
        seed = trial_seed(desk.study.seed, number)
        try:
            leader = following(desk)
            if leader is not None:
                params = dict(desk.results[leader].params)
            elif not desk.may_create():
                return None
            elif (training := desk.next_training()) is not None:
                params, seed = dict(training[0]), training[1]
            else:
                params = desk.propose()
        except Exhausted:
            desk.exhausted = True
            return None
        except SearchFailed as error:
            self._desks.end(desk, "failed", str(error))
            return None
        row = self._store.add_trial(
            desk.record.id,
            number,
            desk.round.index,
            params,
            seed,
            "search" if leader is None else "confirm",
            leader,
            rebuilt=desk.record.rebuilt,
        )
        if row is not None:
            desk.put(row)
        return row
