"""How often may be asked: token buckets in memory, of constant size whatever comes."""

from __future__ import annotations

import math
import secrets
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from starlette.exceptions import HTTPException

PLACES = 4096
"""For addresses, of which there are more than memory. Two that fall into one place share it."""
BURST_S = 10.0
"""A bucket holds what this many seconds let in."""
WORKING = 30.0
"""Wrong tokens that one address may present at once: a script that was started with an old one is told so."""


@dataclass(frozen=True, slots=True)
class Rates:
    """``per_second``: requests with one token. ``wrong_per_minute``: wrong tokens from one address."""

    per_second: float = 100.0
    wrong_per_minute: float = 30.0


class Buckets:
    """Each key has ``burst`` of something, which comes back at ``per_second``."""

    def __init__(
        self, per_second: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._lock = threading.Lock()
        self._left: dict[Hashable, tuple[float, float]] = {}

    def take(self, key: Hashable) -> float:
        """Take one; 0 where there was one, else the seconds until there is."""
        with self._lock:
            left, now = self._look(key)
            if left < 1.0:
                return (1.0 - left) / self._per_second
            self._left[key] = left - 1.0, now
            return 0.0

    def wait(self, key: Hashable) -> float:
        """As ``take``, but nothing is taken."""
        with self._lock:
            left, _ = self._look(key)
        return 0.0 if left >= 1.0 else (1.0 - left) / self._per_second

    def __len__(self) -> int:
        return len(self._left)

    def _look(self, key: Hashable) -> tuple[float, float]:
        now = self._clock()
        left, then = self._left.get(key, (self._burst, now))
        return min(self._burst, left + (now - then) * self._per_second), now


class Limits:
    """The limits of a service: requests by token, wrong tokens by address."""

    def __init__(self, rates: Rates, clock: Callable[[], float] = time.monotonic) -> None:
        per_second = rates.per_second
        self._requests = Buckets(per_second, max(1.0, per_second * BURST_S), clock)
        self._wrong = Buckets(
            rates.wrong_per_minute / 60.0, max(1.0, min(WORKING, rates.wrong_per_minute)), clock
        )
        self._salt = secrets.token_hex(16)

    def request(self, token: str) -> None:
        """``token``: the id of one that the service made, so that there are no more buckets than tokens.

        Raises HTTPException 429.
        """
        _refuse(self._requests.take(token), "This token asks too often.")

    def wrong(self, neighbourhood: str) -> None:
        """A wrong token came from there. Raises HTTPException 429 where too many have."""
        _refuse(self._wrong.take(self._place(neighbourhood)), TOO_MANY_WRONG)

    def spent(self, neighbourhood: str) -> None:
        """Raises HTTPException 429 where too many wrong tokens came from there."""
        _refuse(self._wrong.wait(self._place(neighbourhood)), TOO_MANY_WRONG)

    def _place(self, neighbourhood: str) -> int:
        """Nobody outside knows the salt, so nobody can choose whose place to share."""
        return hash(self._salt + neighbourhood) % PLACES


TOO_MANY_WRONG = "Too many wrong tokens came from this address."


def _refuse(wait_s: float, why: str) -> None:
    if wait_s > 0.0:
        seconds = max(1, math.ceil(wait_s))
        raise HTTPException(429, f"{why} Try again in {seconds} s.", {"Retry-After": str(seconds)})
