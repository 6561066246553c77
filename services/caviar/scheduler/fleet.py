"""The workers that are there and the leases they hold, on the scheduler's monotonic clock.

Nothing of this is stored: after a restart the workers say hello again, and every running trial gets one whole lease.
"""

from __future__ import annotations

from dataclasses import dataclass

from caviar.contract.messages import Hello


@dataclass(slots=True)
class Worker:
    host: str
    incarnation: str
    resource_class: str
    slots: int
    seen: float
    """Monotonic seconds of its last sign of life."""
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class Progress:
    step: int | None
    value: float | None


class Fleet:
    def __init__(self, lease_s: float) -> None:
        self._lease_s = lease_s
        self._workers: dict[str, Worker] = {}
        self._deadlines: dict[str, float] = {}
        self.progress: dict[str, Progress] = {}
        """Last report of each running trial."""

    def hello(self, message: Hello, now: float) -> str | None:
        """Register a worker. Returns the incarnation that it replaces on its host, if there was another."""
        before = self._workers.get(message.host)
        self._workers[message.host] = Worker(
            message.host, message.incarnation, message.resource_class, message.slots, now
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
        return sum(w.slots for w in self.workers(now) if w.resource_class == resource_class)

    def lease(self, trial: str, now: float) -> None:
        """Grant or extend a lease."""
        self._deadlines[trial] = now + self._lease_s

    def end_lease(self, trial: str) -> None:
        self._deadlines.pop(trial, None)
        self.progress.pop(trial, None)

    def expired(self, now: float) -> list[str]:
        return [trial for trial, deadline in self._deadlines.items() if deadline < now]

    def credit(self, seconds: float) -> None:
        """Give every lease back the time in which nobody could have extended it."""
        for trial in self._deadlines:
            self._deadlines[trial] += seconds
