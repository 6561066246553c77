"""Many workers without waiting: trials take as long as a clock that is only counted says."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from peers import Peer
from tasks import Params

SPREAD = 0.5
"""Standard deviation of the logarithm of a trial's duration: some take three times as long as others."""


@dataclass(frozen=True)
class Run:
    """Losses in the order in which the trials ended, and what the search itself cost."""

    losses: list[float]
    ms_per_trial: float


def simulate(
    peer: Peer, loss: Callable[[Params], float], trials: int, workers: int, seed: int
) -> Run:
    """``workers`` trials run at any time; when one ends the peer hears of it and the next one starts at once."""
    clock = np.random.default_rng([seed, 977])
    running: list[tuple[float, int, object, Params]] = []
    losses: list[float] = []
    spent, asked, now = 0.0, 0, 0.0
    while len(losses) < trials:
        while asked < trials and len(running) < workers:
            before = time.process_time()
            token, params = peer.ask()
            spent += time.process_time() - before
            end = now + float(clock.lognormal(0.0, SPREAD))
            heapq.heappush(running, (end, asked, token, params))
            asked += 1
        now, _, token, params = heapq.heappop(running)
        losses.append(loss(params))
        before = time.process_time()
        peer.tell(token, losses[-1])
        spent += time.process_time() - before
    return Run(losses, 1e3 * spent / trials)
