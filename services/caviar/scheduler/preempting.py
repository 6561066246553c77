"""Who makes way: a trial of a study that allows it ends with a checkpoint and waits again, for a better claim.

A claim is better that an operator put before, that has a higher priority in the same team, or of a team that holds less
than its due where the other would still hold its own without that slot. None of the three can be turned round by the
exchange: two studies never push each other out in turn. And whoever makes way has trained for a while.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Collection
from dataclasses import dataclass

from caviar.scheduler.accounts import Accounts
from caviar.scheduler.desk import Desk
from caviar.scheduler.line import RANKS, Line, wants
from caviar.scheduler.sharing import due
from caviar.studies.life import ENDED

log = logging.getLogger("caviar.scheduler")

PATIENCE_S = 30.0
"""So long a claim waits without a slot before anybody makes way for it: most slots are free again sooner."""
LEAST_RUN_S = 120.0
"""So long an attempt has trained before it is asked: further than loading its checkpoint takes."""
KEPT_S = 60.0
"""So long the slot is kept: the heartbeat that asks, the trial that saves, the claim."""
LOOK_S = 1.0


@dataclass(slots=True)
class _Kept:
    """A slot that is to be ``study``'s: this attempt of ``trial`` is asked for it."""

    study: str
    trial: str
    attempt: int
    until: float


class Preempting:
    """Called under the scheduler's lock; ``now`` in monotonic seconds. One trial of a class is asked at a time.

    What was asked is not stored: after a restart somebody waits, and asks, again.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._kept: dict[str, _Kept] = {}
        """By resource class."""
        self._since: dict[str, float] = {}
        """Study -> since when it waits for a slot."""
        self._looked: dict[str, float] = {}

    def asks(self, resource_class: str, trial: str, attempt: int) -> bool:
        """Whether this attempt is to make way."""
        kept = self._kept.get(resource_class)
        return kept is not None and (kept.trial, kept.attempt) == (trial, attempt)

    def claimed(self, desk: Desk, now: float) -> None:
        """A trial of the study got a slot."""
        resource_class, study = desk.study.resources.resource_class, desk.record.id
        kept = self._kept.get(resource_class)
        if kept and kept.study == study:
            del self._kept[resource_class]  # it goes on waiting for more than this one
        elif study in self._since:
            self._since[study] = now

    def keeps_from(self, desk: Desk, now: float) -> bool:
        """Whether the slot that a trial of the study claims is kept for another one."""
        kept = self._kept.get(desk.study.resources.resource_class)
        return kept is not None and now <= kept.until and kept.study != desk.record.id

    def settle(self, resource_class: str, desks: Collection[Desk], now: float) -> None:
        """Keep no slot for a study that came for none, or is not among the ``desks`` that go on."""
        kept = self._kept.get(resource_class)
        if kept is None:
            return
        if now > kept.until or all(desk.record.id != kept.study for desk in desks):
            del self._kept[resource_class]

    def look(
        self, resource_class: str, desks: Collection[Desk], line: Line, now: float
    ) -> Desk | None:
        """Called while the class has no free slot. The study for which a trial was asked just now."""
        heads = [desk for desk in line.heads() if wants(desk)]
        waiting = {desk.record.id for desk in heads}
        for desk in desks:
            if desk.record.id not in waiting:
                self._since.pop(desk.record.id, None)
        for desk in heads:
            since = self._since.setdefault(desk.record.id, now)
            if now - since < PATIENCE_S or resource_class in self._kept:
                continue
            victim = self._victim(resource_class, desk, desks, line, now)
            if victim is not None:
                trial, attempt = victim
                self._kept[resource_class] = _Kept(desk.record.id, trial, attempt, now + KEPT_S)
                log.info("trial %s makes way for study %s", trial, desk.record.id)
                return desk
        return None

    def is_due(self, resource_class: str, desks: Collection[Desk], now: float) -> bool:
        """Whether to look now: not too often, and only where a study allows it."""
        if now - self._looked.get(resource_class, -math.inf) < LOOK_S:
            return False
        self._looked[resource_class] = now
        return any(desk.study.resources.preemptible and desk.by_state["running"] for desk in desks)

    def _victim(
        self,
        resource_class: str,
        claims: Desk,
        desks: Collection[Desk],
        line: Line,
        now: float,
    ) -> tuple[str, int] | None:
        """The trial that makes way: of the study with the weakest claim the one that has trained least."""
        sharing, weights = self._accounts.sharing, self._accounts.weights
        teams = {desk.record.team for desk in desks if desk.by_state["running"]} | set(line.held)
        held = {team: sharing.holds(resource_class, team) for team in teams}
        dues = due(held, weights, sum(held.values()))
        mine, homes = claims.record, claims.homes()

        def makes_way(desk: Desk) -> bool:
            other = desk.record
            rank, ahead = RANKS[other.place], RANKS[mine.place]
            if not desk.study.resources.preemptible or other.state in ENDED or rank < ahead:
                return False
            if rank > ahead:
                return True
            if other.team == mine.team:
                return other.priority < mine.priority
            return held[mine.team] < dues[mine.team] and held[other.team] - 1 >= dues[other.team]

        found: list[tuple[tuple[float, float, float, float], str, int]] = []
        for desk in desks:
            if not makes_way(desk):
                continue
            other = desk.record
            above = (held[other.team] - dues[other.team]) / weights.get(other.team, 1.0)
            for row in desk.by_state["running"].values():
                held_s = desk.spending.held_s(row.id, now)
                if held_s < LEAST_RUN_S or row.stop_asked:
                    continue
                if homes is not None and row.host not in homes:
                    continue
                weakest = (-RANKS[other.place], -above, other.priority, held_s)
                found.append((weakest, row.id, row.attempt))
        return min(found)[1:] if found else None
