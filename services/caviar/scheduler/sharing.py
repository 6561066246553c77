"""Which team is next for a slot: shares by weight over slot-time that fades, and what is held now. Pure.

Within each resource class on its own: an hour of a CPU is not paid for with an hour of a GPU.

A team's due are the slots that its weight gives it of all that are held. History moves it from there: what it had
too little or too much of late is paid back over ``PAYBACK_S``, by a slot and a quarter of its due at most. The next
slot goes to the team that is furthest below, beside its weight (Webster's method, as seats go to parties).

What a team did not ask for it is not owed: who comes begins where the others are, but for one slot over ``PAYBACK_S``.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

HALF_LIFE_S = 4 * 3600.0
"""Slot-time counts half after so long: the morning is nearly forgotten in the evening."""
PAYBACK_S = 300.0
"""A team that had a slot too few for so long gets one more than its due."""
MOST_PAYBACK = 0.25
"""Of a team's due: whatever it had too little before, it never has all."""

_FADES = math.log(2.0) / HALF_LIFE_S


@dataclass(slots=True)
class _Meter:
    """Slot-seconds of one team in one class as they stood at ``at``, and how many slots it holds since."""

    used: float = 0.0
    at: float = 0.0
    running: int = 0

    def to(self, now: float) -> float:
        """Count on to ``now``: what was used fades, what is held adds, and fades as it adds."""
        left = math.exp(-_FADES * max(0.0, now - self.at))
        self.used = self.used * left + self.running * (1.0 - left) / _FADES
        self.at = max(now, self.at)
        return self.used


class Sharing:
    """``now`` is monotonic seconds everywhere."""

    def __init__(self) -> None:
        self._meters: dict[tuple[str, str], _Meter] = {}
        self._running: dict[str, int] = {}
        self._waits: dict[tuple[str, str], float] = {}
        """Since when a team that wants a slot of a class holds none."""
        self._wanting: dict[str, frozenset[str]] = {}
        """By class, the teams that wanted slots when somebody last looked."""

    def starts(self, resource_class: str, team: str, now: float) -> None:
        """A trial of the team got a slot."""
        meter = self._meters.setdefault((resource_class, team), _Meter(at=now))
        meter.to(now)
        meter.running += 1
        self._running[team] = self._running.get(team, 0) + 1
        self._waits.pop((resource_class, team), None)

    def ends(self, resource_class: str, team: str, now: float) -> None:
        """It gave the slot back."""
        meter = self._meters[resource_class, team]
        meter.to(now)
        meter.running -= 1
        self._running[team] -= 1

    def remember(
        self, resource_class: str, team: str, began: float, ended: float, seconds: float, now: float
    ) -> None:
        """``seconds`` of slots that were used between ``began`` and ``ended``, evenly."""
        span = max(ended - began, 1e-9)
        fresh, old = math.exp(-_FADES * (now - ended)), math.exp(-_FADES * (now - began))
        evenly = (fresh - old) / (_FADES * span) if span > 1e-3 else fresh
        meter = self._meters.setdefault((resource_class, team), _Meter(at=now))
        meter.used = meter.to(now) + seconds * evenly

    def used(self, resource_class: str, team: str, now: float) -> float:
        """Slot-seconds of late."""
        meter = self._meters.get((resource_class, team))
        return meter.to(now) if meter else 0.0

    def used_by_team(self, now: float) -> dict[str, float]:
        """Slot-seconds of late in all classes together."""
        found: dict[str, float] = {}
        for (_, team), meter in self._meters.items():
            found[team] = found.get(team, 0.0) + meter.to(now)
        return found

    def holds(self, resource_class: str, team: str) -> int:
        """Slots of the class that the team holds now."""
        meter = self._meters.get((resource_class, team))
        return meter.running if meter else 0

    def running(self, team: str) -> int:
        """Slots that the team holds now, of all classes."""
        return self._running.get(team, 0)

    def want(
        self, resource_class: str, teams: Collection[str], weights: Mapping[str, float], now: float
    ) -> None:
        """These teams want slots of the class now, and no others. Who did not before begins where the others are."""
        before, after = self._wanting.get(resource_class, frozenset()), frozenset(teams)
        if before == after or not after:
            return  # of an idle class it is remembered who was the last
        self._wanting[resource_class] = after
        stayed = before & after
        if not before or stayed == after:
            return
        levels = [
            self.used(resource_class, team, now) / _weight(weights, team)
            for team in stayed or before
        ]
        level = min(levels) if stayed else max(levels)
        for team in after - before:
            meter = self._meters.setdefault((resource_class, team), _Meter(at=now))
            meter.used = max(meter.to(now), _weight(weights, team) * level - PAYBACK_S)

    def next(
        self,
        resource_class: str,
        held: Mapping[str, int],
        weights: Mapping[str, float],
        now: float,
    ) -> str:
        """Of the teams that want a slot the one that gets it.

        ``held``: the slots that each of them holds or was promised. Whoever holds none for a half-life is next,
        whatever the weights.
        """
        starved: list[tuple[float, str]] = []
        for team, slots in held.items():
            if not slots:
                since = self._waits.setdefault((resource_class, team), now)
                if now - since > HALF_LIFE_S:
                    starved.append((since, team))
        if starved:
            return min(starved)[1]
        if len(held) == 1:
            return next(iter(held))
        used = {team: self.used(resource_class, team, now) for team in held}
        dues = due(held, weights, sum(held.values()) + 1)
        level = sum(used.values()) / sum(_weight(weights, team) for team in held)

        def short(team: str) -> tuple[float, float, str]:
            weight = _weight(weights, team)
            most = 1.0 + MOST_PAYBACK * dues[team]
            owed = (weight * level - used[team]) / PAYBACK_S
            wanted = dues[team] + min(most, max(-most, owed))
            return (held[team] + 0.5 - wanted) / weight, used[team] / weight, team

        return min(held, key=short)


def due(
    teams: Mapping[str, object], weights: Mapping[str, float], slots: float
) -> dict[str, float]:
    """What its weight gives each of the ``teams`` of so many slots."""
    together = sum(_weight(weights, team) for team in teams)
    return {team: slots * _weight(weights, team) / together for team in teams}


def _weight(weights: Mapping[str, float], team: str) -> float:
    return weights.get(team, 1.0)
