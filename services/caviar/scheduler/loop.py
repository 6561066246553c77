"""The thread that turns the scheduler."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from caviar.scheduler.scheduler import Scheduler

log = logging.getLogger("caviar.scheduler")

IDLE_S = 0.25
"""How long a turn waits when nothing happens; claims and finishes wake it at once."""


class Loop:
    """Ticks until stopped. A turn that fails is logged and tried again: the service outlives a bad moment."""

    def __init__(
        self, scheduler: Scheduler, took: Callable[[float], object] = lambda _seconds: None
    ) -> None:
        """``took`` is told the seconds of each turn."""
        self._scheduler = scheduler
        self._took = took
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scheduler-loop", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stop.is_set():
            more, began = False, time.perf_counter()
            try:
                more = self._scheduler.tick()
            except Exception:
                log.exception("a turn of the scheduler failed; trying again")
                time.sleep(1.0)
            else:
                self._took(time.perf_counter() - began)
            if not more:
                self._scheduler.wait(IDLE_S)
