"""The queue as it stands, worked out once for all who look at it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from starlette.concurrency import run_in_threadpool

from caviar.scheduler.outlook.outlook import Outlook
from caviar.scheduler.outlook.prospects import Prospect
from caviar.scheduler.outlook.snapshot import Snapshot
from caviar.scheduler.pulse import Pulse

OLD_S: Final = 2.0
"""What is expected moves on though nothing changed."""
REST: Final = 2.0
"""Between two looks so many times what the last one took of the processor: a tenth of a second with 1,000 studies."""


@dataclass(frozen=True, slots=True)
class Look:
    mark: int
    """Of the pulse, from just before."""
    at: float
    snapshot: Snapshot
    found: Sequence[Prospect]
    shown: dict[tuple[str | None, ...], bytes] = field(default_factory=dict)
    """What was made of it, by for whom: many look at the same."""


class Looking:
    """In the event loop but for the looks themselves, of which there is one at a time."""

    def __init__(self, outlook: Outlook, pulse: Callable[[], Pulse]) -> None:
        self._outlook = outlook
        self._pulse = pulse
        self._last: Look | None = None
        self._coming: asyncio.Task[Look] | None = None
        """The look that has not begun: it will see all that has happened by now."""
        self._one = asyncio.Lock()
        self._rests_until = 0.0

    async def now(self) -> Look:
        """All that happened before this call is in it."""
        last = self._last
        if last is not None and time.monotonic() - last.at < OLD_S:
            pulse = await run_in_threadpool(self._pulse)
            if pulse.mark == last.mark:
                return last
        if self._coming is None:
            self._coming = asyncio.create_task(self._take())
        return await asyncio.shield(self._coming)

    async def _take(self) -> Look:
        async with self._one:
            await asyncio.sleep(max(0.0, self._rests_until - time.monotonic()))
            self._coming = None
            look, took = await run_in_threadpool(self._look)
            self._rests_until = time.monotonic() + REST * took
            self._last = look
            return look

    def _look(self) -> tuple[Look, float]:
        at, began = time.monotonic(), time.thread_time()
        look = Look(self._pulse().mark, at, *self._outlook.queue())
        return look, time.thread_time() - began
