"""The last steps of a request do not queue behind the first steps of others."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread

P = ParamSpec("P")
T = TypeVar("T")
_LAST = CapacityLimiter(4)


async def last(step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs ``step`` in a thread of those that are kept for last steps.

    With one queue of threads for all steps, of many requests that come together none ends before nearly all do.
    """
    return await to_thread.run_sync(lambda: step(*args, **kwargs), limiter=_LAST)
