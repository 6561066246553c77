"""What a study has used of its budget of time, on the scheduler's monotonic clock.

Every attempt counts for as long as it held its slot, whatever became of it. A wall clock that jumps changes nothing
but what a restart of the scheduler finds out about the time when it was away.
"""

from __future__ import annotations

from dataclasses import dataclass

from caviar.adapters.sql import Store, StudyRecord, TrialRow
from caviar.contract.views import Use
from caviar.studies.spec import Budget

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Clocks:
    """One moment on two clocks, in seconds: monotonic, and since the epoch."""

    monotonic: float
    wall: float


@dataclass(frozen=True, slots=True)
class _Holding:
    since: float
    gpus: float


class Spending:
    """The meter of one study."""

    def __init__(
        self, budget: Budget, opened: float, slot_s: float = 0.0, gpu_s: float = 0.0
    ) -> None:
        self._budget = budget
        self._opened = opened
        """When the study was accepted, on the monotonic clock; before this process where it was restarted."""
        self._slot_s = slot_s
        self._gpu_s = gpu_s
        self._holding: dict[str, _Holding] = {}

    @classmethod
    def load(
        cls, store: Store, record: StudyRecord, budget: Budget, running: list[TrialRow], now: Clocks
    ) -> Spending:
        """As it stands now: what ended attempts have cost, and what runs."""
        slot_s, gpu_s = store.slot_seconds(record.id)
        meter = cls(budget, now.monotonic - max(0.0, now.wall - record.created), slot_s, gpu_s)
        shares = store.gpu_shares(record.id) if running else {}
        for row in running:
            before = max(0.0, now.wall - (now.wall if row.started is None else row.started))
            meter.starts(row.id, shares.get(row.id, 0.0), now.monotonic - before)
        return meter

    @property
    def limited(self) -> bool:
        """Whether the study limits any part of its time."""
        limits = (self._budget.hours, self._budget.slot_hours, self._budget.gpu_hours)
        return limits != (None, None, None)

    def starts(self, trial: str, gpus: float, now: float) -> bool:
        """An attempt got its slot. False: it has it already, and nothing changes."""
        if trial in self._holding:
            return False
        self._holding[trial] = _Holding(now, gpus)
        return True

    def held_s(self, trial: str, now: float) -> float:
        """How long a running attempt has its slot, in seconds; 0 where it has none."""
        held = self._holding.get(trial)
        return max(0.0, now - held.since) if held else 0.0

    def began(self, trial: str) -> float | None:
        """When the attempt that runs got its slot, in monotonic seconds; None where none does."""
        held = self._holding.get(trial)
        return held.since if held else None

    def ends(self, trial: str, now: float) -> float | None:
        """An attempt gave its slot back: the seconds that it had it. None where it had none."""
        held = self._holding.pop(trial, None)
        if held is None:
            return None
        seconds = max(0.0, now - held.since)
        self._slot_s += seconds
        self._gpu_s += seconds * held.gpus
        return seconds

    def slot_hours(self, now: float) -> float:
        running = sum(max(0.0, now - held.since) for held in self._holding.values())
        return (self._slot_s + running) / HOUR_S

    def gpu_hours(self, now: float) -> float:
        running = sum(max(0.0, now - held.since) * held.gpus for held in self._holding.values())
        return (self._gpu_s + running) / HOUR_S

    def hours(self, now: float) -> float:
        return max(0.0, now - self._opened) / HOUR_S

    def over(self, now: float) -> str | None:
        """Which part of the budget of time is spent, in words; None while there is some of each."""
        if not self.limited:  # asked of every study in every turn
            return None
        for use in self.uses(now):
            if use.limit is not None and use.spent >= use.limit:
                what = use.name.replace("_", "-")
                return f"{use.limit:g} {what} are {'over' if what == 'hours' else 'spent'}"
        return None

    def uses(self, now: float) -> list[Use]:
        """What is spent of each part that the study limits."""
        return uses(self._budget, self.hours(now), self.slot_hours(now), self.gpu_hours(now))


def uses(budget: Budget, hours: float, slot_hours: float, gpu_hours: float) -> list[Use]:
    known = (
        Use(name="hours", spent=hours, limit=budget.hours),
        Use(name="slot_hours", spent=slot_hours, limit=budget.slot_hours),
        Use(name="gpu_hours", spent=gpu_hours, limit=budget.gpu_hours),
    )
    return [use for use in known if use.limit is not None]
