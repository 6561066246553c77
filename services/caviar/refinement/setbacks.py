"""One study that cannot be served keeps no other waiting, and does not fill the log."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

log = logging.getLogger("caviar.refiner")

FIRST_S = 2.0
LONGEST_S = 300.0


@dataclass(frozen=True, slots=True)
class _Setback:
    until: float
    wait_s: float


class Setbacks:
    """Studies whose turn failed are left alone, twice as long each time. ``clock`` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, _Setback] = {}

    def waits(self, study_id: str) -> bool:
        setback = self._known.get(study_id)
        return setback is not None and self._clock() < setback.until

    def failed(self, study_id: str, job: str) -> None:
        """Log the exception that is being handled; ``job`` is what it ended."""
        before = self._known.get(study_id)
        wait_s = min(LONGEST_S, 2 * before.wait_s) if before else FIRST_S
        self._known[study_id] = _Setback(self._clock() + wait_s, wait_s)
        log.exception("%s of study %s failed; again in %g s", job, study_id, wait_s)

    def well(self, study_id: str) -> None:
        self._known.pop(study_id, None)
