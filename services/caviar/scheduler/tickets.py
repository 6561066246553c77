"""Tickets on their way: which were sent, when to send one again, and what to do while the broker is away."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from caviar.adapters.sql import TrialRow
from caviar.contract.messages import Ticket
from caviar.errors import ServiceError

log = logging.getLogger("caviar.scheduler")

SendTicket = Callable[[Ticket, str], None]
"""Puts a ticket on a named queue; raises ServiceError while the broker is away."""

Outgoing = tuple[Ticket, str]
"""A ticket and its queue."""

MAX_BACKOFF = 8


@dataclass(slots=True)
class _Sent:
    at: float
    times: int


class Tickets:
    """The scheduler's books of tickets. All but :meth:`post` is called under its lock.

    ``claim_s``: seconds after which an unclaimed ticket is sent again, doubling up to ``MAX_BACKOFF`` times.
    """

    def __init__(self, send: SendTicket, claim_s: float) -> None:
        self._send = send
        self._claim_s = claim_s
        self._sent: dict[str, _Sent] = {}
        self.broker_is_down = False

    def forget(self, trial: str) -> None:
        """It was claimed, or is not wanted any more."""
        self._sent.pop(trial, None)

    def due(self, row: TrialRow, slot_is_free: bool, now: float) -> bool:
        """Whether a dispatched trial needs a (further) ticket: the broker may have lost the last one."""
        sent = self._sent.get(row.id)
        if sent is None:
            return True
        return slot_is_free and now - sent.at > self._claim_s * min(2**sent.times, MAX_BACKOFF)

    def write(self, row: TrialRow, queue: str, now: float) -> Outgoing:
        """A ticket for :meth:`post`, in the books as sent: its claim may come before ``post`` returns."""
        before = self._sent.get(row.id)
        self._sent[row.id] = _Sent(now, before.times + 1 if before else 0)
        ticket = Ticket(
            trial=row.id,
            study=row.study_id,
            number=row.number,
            attempt=row.attempt,
            params=row.params,
        )
        return ticket, queue

    def post(self, outgoing: Sequence[Outgoing]) -> Sequence[Outgoing]:
        """Send tickets; returns those that could not be. Called without the lock: a broker may take seconds."""
        for index, (ticket, queue) in enumerate(outgoing):
            try:
                self._send(ticket, queue)
            except ServiceError as error:
                if not self.broker_is_down:
                    log.warning("Tickets wait: %s.", error)
                self.broker_is_down = True
                return outgoing[index:]
        if outgoing:
            self.broker_is_down = False
        return ()
