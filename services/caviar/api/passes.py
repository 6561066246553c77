"""Passes: whoever has a token at the command line comes into the pages without showing it to the browser.

A pass works once, within a minute, and for nothing but opening a session. It is kept in memory: a service that starts
anew knows of none.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

PASS_S: Final = 60.0
MOST: Final = 1000
"""Passes that wait at once; the oldest makes way."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    token: str
    """The id of the token that asked for it."""
    until: float


class Passes:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: dict[str, _Waiting] = {}
        """By the hash of the pass: the passes themselves are kept nowhere."""

    def issue(self, token: str) -> str:
        """A new one for the owner of the token with this id."""
        made = secrets.token_urlsafe(32)
        with self._lock:
            if len(self._waiting) >= MOST:
                del self._waiting[next(iter(self._waiting))]
            self._waiting[_digest(made)] = _Waiting(token, self._clock() + PASS_S)
        return made

    def take(self, given: str) -> str | None:
        """The id of the token that asked for it; None where it was taken already, is too old, or was never made."""
        with self._lock:
            found = self._waiting.pop(_digest(given), None)
        return found.token if found is not None and self._clock() <= found.until else None


def _digest(given: str) -> str:
    return hashlib.sha256(given.encode()).hexdigest()
