"""When who gets a slot: the trials that run end one after the other, and the queue takes what they leave. Pure.

The order of the picks does not depend on when slots come free. That is nearly what the dispatcher does, and it makes
more slots never mean a later start.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Waiting:
    """A study in one class's queue."""

    study: str
    left: int
    """Trials that it may start, what came back to the queue included."""
    length_s: float | None
    """How long one takes; None where nothing tells."""
    running_s: tuple[float | None, ...] = ()
    """Of each trial that runs, the seconds that it likely takes still."""


def forecast(
    slots: int, waiting: Sequence[Waiting], picks: Iterable[str]
) -> dict[str, float | None]:
    """Seconds until the next trial of each study starts; None where nothing tells.

    ``picks``: studies in the order in which they get slots, each as often as it gets one.
    """
    known = {each.study: each for each in waiting}
    ends = [
        math.inf if end is None else max(0.0, end) for each in waiting for end in each.running_s
    ]
    # Where more run than there are slots now, the first to end leave none.
    free = sorted(ends + [0.0] * max(0, slots - len(ends)))[-slots:] if slots > 0 else []
    starts: dict[str, float | None] = dict.fromkeys(known)
    left = {each.study: each.left for each in waiting}
    for study in picks:
        if not free or not any(left[s] > 0 and starts[s] is None for s in starts):
            break
        if left.get(study, 0) <= 0:
            continue
        at = heapq.heappop(free)
        left[study] -= 1
        if starts[study] is None and at < math.inf:
            starts[study] = at
        length = known[study].length_s
        heapq.heappush(free, math.inf if length is None else at + length)
    return starts


def left_of(elapsed_s: float, lengths: Sequence[float]) -> float | None:
    """Seconds that a running trial likely takes still: the median of the ``lengths`` that are longer; of one that is
    the longest yet, a quarter of what it has taken. None without lengths."""
    if not lengths:
        return None
    longer = sorted(length for length in lengths if length > elapsed_s)
    if not longer:
        return elapsed_s / 4
    middle = len(longer) // 2
    return longer[middle] - elapsed_s
