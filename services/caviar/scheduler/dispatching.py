"""Which trial goes out next: a shallow window of tickets ahead of the free slots, for each resource class."""

from __future__ import annotations

from caviar.adapters.sql import Store, TrialRow
from caviar.contract.names import queue_name
from caviar.scheduler.confirming import following
from caviar.scheduler.desk import Desk, SearchFailed
from caviar.scheduler.desks import Desks
from caviar.scheduler.fleet import Fleet
from caviar.scheduler.tickets import Outgoing, Tickets
from caviar.search import Exhausted
from caviar.studies.life import trial_seed


class Dispatcher:
    """Called under the scheduler's lock; what it returns is sent without it."""

    def __init__(self, store: Store, desks: Desks, fleet: Fleet, tickets: Tickets) -> None:
        self._store = store
        self._desks = desks
        self._fleet = fleet
        self._tickets = tickets

    def turn(self, now: float) -> list[Outgoing]:
        """Keep free slots + 1 tickets out for each class, from the study with the fewest open trials."""
        outgoing: list[Outgoing] = []
        by_class: dict[str, list[Desk]] = {}
        for desk in self._desks:
            if desk.record.state == "running":
                by_class.setdefault(desk.study.resources.resource_class, []).append(desk)
        for resource_class, desks in by_class.items():
            queue = queue_name(resource_class)
            running = sum(desk.count("running") for desk in desks)
            free = max(0, self._fleet.slots(resource_class, now) - running)
            out = 0
            for desk in desks:
                for row in desk.open.values():
                    if row.state == "dispatched":
                        out += 1
                        if self._tickets.due(row, free > 0, now):
                            outgoing.append(self._tickets.write(row, queue, now))
            if self._tickets.broker_is_down:
                continue  # what was not sent is tried again; nothing new is put behind it
            candidates = list(desks)
            while out < free + 1 and candidates:
                desk = min(
                    candidates, key=lambda d: (len(d.open) - d.count("queued"), d.record.created)
                )
                dispatched = self._next(desk)
                if dispatched is None:
                    candidates.remove(desk)
                    continue
                outgoing.append(self._tickets.write(dispatched, queue, now))
                out += 1
        return outgoing

    def _next(self, desk: Desk) -> TrialRow | None:
        """A trial that came back to the queue, or a new one; dispatched."""
        for number in sorted(desk.open):
            if desk.open[number].state == "queued":
                row = self._store.dispatch(desk.open[number].id)
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
            rebuilt=desk.record.rebuilt,
        )
        if row is not None:
            desk.put(row)
        return row
