"""Whether anything that the queue shows has changed: cheap enough to be asked for twice a second."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from caviar.contract.queue import SlotsNow
from caviar.scheduler.accounts import Accounts
from caviar.scheduler.desk import Desk
from caviar.scheduler.fleet import Fleet
from caviar.scheduler.hosts import Hosts


@dataclass(frozen=True, slots=True)
class Pulse:
    mark: int
    """Another one where the studies that go on, their order, the teams' weights or the workers are not as before."""
    slots: SlotsNow


def take_pulse(
    desks: Iterable[Desk], fleet: Fleet, hosts: Hosts, accounts: Accounts, now: float
) -> Pulse:
    """Called under the scheduler's lock. How long ago a worker called is no change."""
    running: Counter[str] = Counter()
    studies = []
    for desk in desks:
        record = desk.record
        running[desk.study.resources.resource_class] += len(desk.by_state["running"])
        studies.append(
            (
                record.id,
                record.state,
                record.priority,
                record.place,
                record.shared,
                *desk.counts.values(),
            )
        )
    there = fleet.workers(now)
    workers = [
        (w.host, w.incarnation, w.resource_class, w.slots, w.gpus, fleet.usable(w), w.warnings)
        for w in there
    ]
    slots: dict[str, int] = {}
    for worker in there:
        name = worker.resource_class
        slots[name] = slots.get(name, 0) + fleet.usable(worker)
    without = (*hosts.aside.items(), *hosts.drained.items())
    weights = tuple(accounts.weights.items())
    return Pulse(
        hash((tuple(studies), tuple(workers), without, weights)),
        SlotsNow(
            slots=dict(sorted(slots.items())),
            free={name: max(0, slots[name] - running[name]) for name in sorted(slots)},
        ),
    )
