"""Which trial goes out next: a shallow window of tickets ahead of the free slots, for each resource class."""

from __future__ import annotations

from collections.abc import Callable

from caviar.adapters.sql import Store, TrialRow
from caviar.contract.names import queue_name
from caviar.scheduler.confirming import following
from caviar.scheduler.desk import Desk, SearchFailed
from caviar.scheduler.desks import Desks
from caviar.scheduler.fleet import Fleet
from caviar.scheduler.tickets import Outgoing, Tickets
from caviar.search import Exhausted
from caviar.studies.life import trial_seed

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
        clock: Callable[[], float],
    ) -> None:
        self._clock = clock
        self._served = 0
        self._store = store
        self._desks = desks
        self._fleet = fleet
        self._tickets = tickets

    def turn(self, now: float) -> tuple[list[Outgoing], bool]:
        """Keep free slots + 1 tickets out for each class, from the study with the fewest open trials.

        Returns the tickets to send, and whether slots are left for which there was no time in this turn.
        """
        outgoing: list[Outgoing] = []
        created, more = 0, False
        by_class: dict[str, list[Desk]] = {}
        for desk in self._desks:
            if desk.record.state == "running":
                by_class.setdefault(desk.study.resources.resource_class, []).append(desk)
        for resource_class, desks in by_class.items():
            queue = queue_name(resource_class)
            running = sum(len(desk.by_state["running"]) for desk in desks)
            free = max(0, self._fleet.slots(resource_class, now) - running)
            out = own = 0
            for desk in desks:
                out += len(desk.by_state["dispatched"])
                for row in desk.by_state["dispatched"].values():
                    if self._tickets.due(row, free > 0, now):
                        outgoing.append(self._tickets.write(row, queue, now))
            if self._tickets.broker_is_down:
                continue  # what was not sent is tried again; nothing new is put behind it
            candidates = list(desks)
            while out < free + 1 and candidates:
                if own and (created >= MOST_A_TURN or self._clock() - now > TURN_S):
                    more = True
                    break
                desk = min(candidates, key=_holds)
                dispatched = self._next(desk)
                if dispatched is None:
                    candidates.remove(desk)
                    continue
                outgoing.append(self._tickets.write(dispatched, queue, now))
                out += 1
                self._served += 1
                desk.served = self._served
                own += 1
                created += 1
        return outgoing, more

    def _next(self, desk: Desk) -> TrialRow | None:
        """A trial that came back to the queue, or a new one; dispatched."""
        if queued := desk.by_state["queued"]:
            row = self._store.dispatch(queued[min(queued)].id)
            if row is not None:
                desk.put(row)
            return row
        number = desk.next_number
        try:
            leader = following(desk)
            if leader is None and not desk.may_create():
                return None
            params = desk.propose() if leader is None else dict(desk.results[leader].params)
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
            trial_seed(desk.study.seed, number),
            "search" if leader is None else "confirm",
            leader,
        )
        if row is not None:
            desk.put(row)
        return row


def _holds(desk: Desk) -> tuple[int, int, float]:
    """How many slots a study has or was promised; of equals the one that waits longest is first, then the older.

    By age alone the oldest studies would share the slots for ever where there are more studies than slots.
    """
    return len(desk.open) - len(desk.by_state["queued"]), desk.served, desk.record.created
