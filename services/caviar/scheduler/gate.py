"""Whether a host gets the trial that it claims, on which of its GPUs, and what a host is held to when trials fail."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from caviar.adapters.sql import Store, TrialRow
from caviar.contract.messages import ClaimAnswer, ClaimRequest, Finish
from caviar.contract.offers import why_not
from caviar.errors import NotAllowed
from caviar.scheduler.desk import Desk
from caviar.scheduler.fleet import Fleet
from caviar.scheduler.hosts import Hosts
from caviar.scheduler.places import Places
from caviar.scheduler.tickets import Tickets

log = logging.getLogger("caviar.scheduler")

DOUBT_S = 2.0
"""How long a slot rests whose host has to wait for what others say about a study, or may not run its trainer."""
NOBODY_S = 30.0
"""For so long a study waits for a worker that may run its trainer, while others come for its trials."""


KEPT_S = 30.0
"""So long a slot is kept for a trial that takes another's place: that one saves and ends, the ticket comes."""
AGAIN_S = 0.5


@dataclass(frozen=True, slots=True)
class Place:
    """What a claim is granted. ``gpus``: how much of ``gpu``, 1 alone, less where it is shared."""

    gpu: str | None = None
    gpus: float = 0.0


@dataclass(frozen=True, slots=True)
class _Kept:
    """A host's next slot is this trial's, which takes another's place there. ``until`` in monotonic seconds."""

    trial: str
    until: float


class Gate:
    """Called under the scheduler's lock."""

    def __init__(
        self,
        store: Store,
        fleet: Fleet,
        hosts: Hosts,
        places: Places,
        tickets: Tickets,
        rest_s: float,
    ) -> None:
        """``rest_s``: how long a slot rests whose host gets no work, in seconds."""
        self._store = store
        self._fleet = fleet
        self._hosts = hosts
        self._places = places
        self._tickets = tickets
        self._rest_s = rest_s
        self._kept: dict[str, _Kept] = {}

    def keep(self, host: str, trial: str, now: float) -> None:
        """The next slot of ``host`` is that trial's: another one there ends for it, or it can only start there."""
        self._kept[host] = _Kept(trial, now + KEPT_S)

    def enter(
        self, desk: Desk, row: TrialRow, request: ClaimRequest, now: float
    ) -> Place | ClaimAnswer:
        """A place for the dispatched trial ``row``, or the refusal."""
        refused = why_not(desk.trainer, request.offers) if request.offers else None
        if refused:
            if desk.refused_since is None:
                desk.refused_since = now
            return self._rests(row, refused, DOUBT_S)
        desk.refused_since = None
        elsewhere = self._belongs_elsewhere(row, request, now)
        if elsewhere:
            return self._rests(row, elsewhere, AGAIN_S)
        spent = desk.spending.over(now)
        if spent is not None:
            return ClaimAnswer(granted=False, reason=spent)
        aside = self._hosts.aside.get(request.host)
        others = self._fleet.others(request.host, desk.study.resources.resource_class, now)
        if aside is not None:
            return self._rests(row, f"the host is set aside: {aside.reason}", self._rest_s)
        if request.host in self._hosts.drained:
            return self._rests(row, "the host is drained", self._rest_s)
        if self._hosts.doubted(request.host, desk.record.id, others):
            return self._rests(row, "other hosts are to train this study first", DOUBT_S)
        if not request.gpus:
            return Place()
        alone = not desk.study.resources.share_gpu
        each = request.slots_per_gpu
        gpu = self._places.take(request.host, request.gpus, each, row.id, alone, now)
        if gpu is None:
            return ClaimAnswer(granted=False, reason="no GPU has room", again=True)
        return Place(gpu, 1.0 if alone else 1.0 / each)

    def _belongs_elsewhere(self, row: TrialRow, request: ClaimRequest, now: float) -> str:
        """Why this host is not to train it; nothing where it may."""
        kept = self._kept.get(request.host)
        if kept is not None and kept.trial != row.id and now <= kept.until:
            return f"the slot is kept for trial {kept.trial}, which goes on there"
        if kept is not None:
            del self._kept[request.host]
        if (row.origin or row.touched) and not request.changes:
            return "the worker is too old for a trial that was changed, or begins where another one was"
        if row.home is not None and row.home != request.host:
            return f"the checkpoint that it begins with lies on host {row.home}"
        return ""

    def closed(self, host: str) -> str:
        """Why a host gets no more work; nothing where it does."""
        if host in self._hosts.drained:
            return f"Host {host} is drained"
        return f"Host {host} is set aside" if host in self._hosts.aside else ""

    def nobody(self, desk: Desk, now: float) -> str | None:
        """Why a study is not to wait any longer for a worker that may run its trainer; None where it is."""
        if desk.refused_since is None or now - desk.refused_since < NOBODY_S:
            return None
        reason = self._fleet.refusal(desk.trainer, desk.study.resources.resource_class, now)
        if reason is None:
            return None
        return f"no worker may run its trainer. {reason}"

    def _rests(self, row: TrialRow, reason: str, pause_s: float) -> ClaimAnswer:
        self._tickets.forget(row.id)  # this ticket is gone: another goes out at once
        return ClaimAnswer(granted=False, reason=reason, pause_s=pause_s)

    def blames(self, desk: Desk, row: TrialRow, message: Finish, now: float) -> bool:
        """Learn from the end of an attempt about its host. Whether it is held to be the host's fault."""
        host, study = row.host, desk.record.id
        bad = message.outcome in ("failed", "crashed")
        if host is None or row.stop_asked or not (bad or message.value is not None):
            return False
        began = desk.spending.began(row.id) if message.outcome == "crashed" else None
        self._hosts.ended(host, study, row.id, not bad, now, began)
        resource_class = desk.study.resources.resource_class
        for suspect in self._hosts.suspects(study):
            reason = self._hosts.verdict(suspect)
            if reason is not None and self._fleet.others(suspect, resource_class, now):
                self._hosts.aside[suspect] = self._store.set_aside(suspect, reason)
                log.error("host %s gets no more work: %s", suspect, reason)
        others = self._fleet.others(host, resource_class, now)
        return bad and (host in self._hosts.aside or self._hosts.doubted(host, study, others))

    def trust(self, host: str) -> None:
        """Give a host that was set aside work again. Raises NotAllowed where it was not."""
        if not self._store.trust(host):
            raise NotAllowed(f"Host {host} is not set aside.")
        self._hosts.trust(host)
        log.info("host %s gets work again", host)

    def drain(self, host: str, give_back: bool, now: float) -> None:
        """Give a host no more work; ``give_back``: what it trains goes back to the queue.

        Raises NotAllowed where neither a worker there has called nor the host is drained already.
        """
        known = {worker.host for worker in self._fleet.workers(now)}
        if host not in known and host not in self._hosts.drained:
            there = (
                f"Workers call from {', '.join(sorted(known))}." if known else "No worker calls."
            )
            raise NotAllowed(f"No worker calls from host {host}. {there}")
        self._hosts.drained[host] = self._store.drain(host, give_back)
        log.info("host %s is drained", host)

    def resume(self, host: str) -> None:
        """Give a drained host work again. Raises NotAllowed where it was not drained."""
        if not self._store.undrain(host):
            raise NotAllowed(f"Host {host} is not drained.")
        self._hosts.drained.pop(host, None)
        log.info("host %s gets work again", host)

    def takes_back(self, host: str) -> bool:
        """Whether what the host trains is to go back to the queue."""
        drained = self._hosts.drained.get(host)
        return drained is not None and drained.now
