"""How far trainings come: early stops at the rungs, and trials that fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from caviar.space.parameter import Floats

if TYPE_CHECKING:
    from caviar.scheduler.outlook.projection import Past

GO_ON: Final = (0.8, 0.87)
"""What share of the trials goes on at the first rung and at later ones, before a study has shown it. Of all trials of a
search that gets better, far more are among the best so far than the reduction says."""
SURE: Final = 10.0
"""Trials that this is worth."""
EARLY: Final = 0.5
"""What an early trial is worth: there was little to compare it with."""
NEAR: Final = (0.7, 1.01)
"""A trial stopped at a rung where it trained about that share: reports lie a little before or after it."""


@dataclass(frozen=True)
class Stops:
    rungs: tuple[float, ...]
    odds: tuple[tuple[float, float], ...]
    """For each rung: how many went on and how many did not."""
    failed: int
    ended: int
    failed_at: float
    """The share of a whole training that a failed one takes."""

    @classmethod
    def of(
        cls,
        past: Sequence[Past],
        present: Sequence[float | None],
        rungs: tuple[float, ...],
        early: int,
    ) -> Stops:
        """``present``: the shares that running trials have trained. The first ``early`` trials count as ``EARLY``."""
        told = [
            (EARLY if number < early else 1.0, 1.0 if p.state == "done" else p.trained or 0.0)
            for number, p in enumerate(past)
            if p.state in ("done", "stopped")
        ]
        weight = EARLY if len(past) < early else 1.0
        running = [(weight, share) for share in present if share is not None]
        odds = []
        for place, rung in enumerate(rungs):
            on = sum(weight for weight, share in told + running if share > rung * NEAR[1])
            off = sum(weight for weight, share in told if rung * NEAR[0] < share <= rung * NEAR[1])
            prior = GO_ON[min(place, len(GO_ON) - 1)]
            odds.append((prior * SURE + on, (1.0 - prior) * SURE + off))
        failed = [p.seconds for p in past if p.state in ("failed", "quarantined")]
        done = [p.seconds for p in past if p.state == "done"]
        typical = float(np.median(done)) if done else 0.0
        at = sum(s / typical for s in failed) if typical > 0 else 0.0
        failed_at = min(1.0, (at + 0.5) / (len(failed) + 1))
        return cls(rungs, tuple(odds), len(failed), len(past), failed_at)

    def shares(self, shape: tuple[int, int], rng: np.random.Generator) -> Floats:
        """Shares of a whole training as they may be; the chances are the same along a row."""
        share, going = np.ones(shape), np.ones(shape, dtype=np.bool_)
        for rung, (on, off) in zip(self.rungs, self.odds, strict=True):
            stops = going & (rng.random(shape) > rng.beta(on, off, (shape[0], 1)))
            share[stops] = rung
            going &= ~stops
        if self.failed:
            chance = rng.beta(self.failed + 0.1, self.ended - self.failed + 1, (shape[0], 1))
            fails = rng.random(shape) < chance
            share = np.where(fails, np.minimum(share, self.failed_at), share)
        return share
