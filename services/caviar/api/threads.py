"""How the threads that answer requests share their processor, and their turns."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread

P = ParamSpec("P")
T = TypeVar("T")
_LAST = CapacityLimiter(4)


def switch_soon() -> None:
    """Threads that compute (a proposal, a view) give way to the loop that answers ten times as soon as by default."""
    sys.setswitchinterval(0.0005)


def keep_to_one_core() -> None:
    """Keep this process, and threads that it starts from now on, to one core.

    Python lets one thread run at a time, and each statement to SQLite is an offer to another one. With a second core
    the offer wakes a thread there, which takes over: a third more processor time for each request, and it queues for
    its turn several times. On one core the first goes on before anybody wakes (benchmarks/engine/clients.py).
    """
    with suppress(AttributeError, OSError):  # not Linux, or it may not
        os.sched_setaffinity(0, {_core()})


def use_all_cores() -> None:
    """For a process that such a one has started."""
    with suppress(AttributeError, OSError):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))


def _core() -> int:
    """The one that this thread is on: the kernel found it the least busy."""
    fields = Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return int(fields[36])  # proc(5): field 39; the command's name in field 2 may have spaces


async def last(step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs ``step`` in a thread of those that are kept for last steps.

    With one queue of threads for all steps, of many requests that come together none ends before nearly all do.
    """
    return await to_thread.run_sync(lambda: step(*args, **kwargs), limiter=_LAST)
