"""The workers that are there and the leases they hold, on the scheduler's monotonic clock.

Nothing of this is stored: after a restart the workers say hello again, and every running trial gets one whole lease.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from caviar.contract.messages import Held, Hello, Offers, Trainer
from caviar.contract.offers import why_not
from caviar.scheduler.hosts import Hosts
from caviar.scheduler.places import Places


@dataclass(slots=True)
class Worker:
    host: str
    incarnation: str
    resource_class: str
    slots: int
    seen: float
    """Monotonic seconds of its last sign of life."""
    gpus: int = 0
    warnings: tuple[str, ...] = ()
    offers: Offers | None = None
    """None: it does not tell what it trains."""


@dataclass(slots=True)
class Progress:
    step: int | None
    value: float | None
    output: str | None = None
    """The last that was heard of it."""


class Fleet:
    def __init__(self, lease_s: float, hosts: Hosts, places: Places) -> None:
        self._lease_s = lease_s
        self._hosts = hosts
        self._places = places
        self._workers: dict[str, Worker] = {}
        self._deadlines: dict[str, float] = {}
        self._soonest = math.inf
        """No lease ends before; leases are only ever extended."""
        self.progress: dict[str, Progress] = {}
        """Last report of each running trial."""

    def hello(self, message: Hello, now: float) -> str | None:
        """Register a worker. Returns the incarnation that it replaces on its host, if there was another."""
        before = self._workers.get(message.host)
        self._workers[message.host] = Worker(
            message.host,
            message.incarnation,
            message.resource_class,
            message.slots,
            now,
            message.gpus,
            offers=message.offers,
        )
        return before.incarnation if before and before.incarnation != message.incarnation else None

    def warned(self, host: str, warnings: tuple[str, ...]) -> None:
        """Note what a known worker says of itself: all of it, every time."""
        self._workers[host].warnings = warnings

    def seen(self, host: str, incarnation: str, now: float) -> bool:
        """A sign of life. False where this incarnation is not known."""
        worker = self._workers.get(host)
        if worker is None or worker.incarnation != incarnation:
            return False
        worker.seen = now
        return True

    def workers(self, now: float) -> list[Worker]:
        """Workers that were heard of within the lease."""
        return [worker for worker in self._workers.values() if now - worker.seen <= self._lease_s]

    def slots(self, resource_class: str, now: float) -> int:
        """Slots that can train now: not those of a host that gets no work, nor beside a trial with a GPU alone."""
        return sum(self.usable(w) for w in self.workers(now) if w.resource_class == resource_class)

    def slots_of(self, host: str, now: float) -> int:
        """Slots of one host that can train now; 0 where it is away."""
        worker = self._workers.get(host)
        there = worker is not None and now - worker.seen <= self._lease_s
        return self.usable(worker) if worker is not None and there else 0

    def usable(self, worker: Worker) -> int:
        if not self._hosts.works(worker.host):
            return 0
        if not worker.gpus:
            return worker.slots
        return worker.slots - self._places.blocked(worker.host, worker.slots // worker.gpus)

    def others(self, host: str, resource_class: str, now: float) -> list[str]:
        """Hosts that could train instead of ``host``."""
        return [
            worker.host
            for worker in self.workers(now)
            if worker.resource_class == resource_class
            and worker.host != host
            and self._hosts.works(worker.host)
        ]

    def refusal(self, trainer: Trainer, resource_class: str, now: float) -> str | None:
        """Why none of the class's workers trains it; None where one does or does not tell, or where none is there."""
        reasons = [
            why_not(trainer, worker.offers) if worker.offers else None
            for worker in self.workers(now)
            if worker.resource_class == resource_class
        ]
        return reasons[0] if reasons and all(reasons) else None

    def heard(self, held: Held) -> None:
        """What a running trial has come to."""
        before = self.progress.get(held.trial)
        output = before.output if held.output is None and before else held.output
        self.progress[held.trial] = Progress(held.step, held.value, output)

    def output(self, trial: str) -> str | None:
        """The last output that was heard of a running trial; None where there was none."""
        known = self.progress.get(trial)
        return known.output if known else None

    def lease(self, trial: str, now: float) -> None:
        """Grant or extend a lease."""
        self._deadlines[trial] = now + self._lease_s
        self._soonest = min(self._soonest, now + self._lease_s)

    def leases(self) -> frozenset[str]:
        """The trials that have one."""
        return frozenset(self._deadlines)

    def end_lease(self, trial: str) -> None:
        self._deadlines.pop(trial, None)
        self.progress.pop(trial, None)

    def expired(self, now: float) -> list[str]:
        if now <= self._soonest:
            return []
        self._soonest = min(self._deadlines.values(), default=math.inf)
        return [trial for trial, deadline in self._deadlines.items() if deadline < now]

    def credit(self, seconds: float) -> None:
        """Give every lease back the time in which nobody could have extended it."""
        for trial in self._deadlines:
            self._deadlines[trial] += seconds
