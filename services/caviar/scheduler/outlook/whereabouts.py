"""Where a search may look: around a place where the best may lie, the nearer the later, and sometimes anywhere.

Where the best may lie is drawn from what the results say. A bowl (a bottom, and how steep each parameter is) explains
the losses the better, the closer they follow it; bottoms are drawn by that, by a few steps of Metropolis' walk. After
five results nearly every place is still likely, and the sum over the draws knows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from caviar.space import Box, Interval
from caviar.space.parameter import Floats

PACE: Final = 2.5
"""A search narrows to a third of its width in so many trials for each parameter."""
NARROWEST: Final = 0.12
FOLLOWS: Final = 0.8
"""Share of the draws that go as an earlier search of the same trainer went."""
ASIDE: Final = 0.15
"""Share of the points that lie anywhere."""
WIDER: Final = 1.0
"""The best may lie outside of the box by so many of its sides."""
BOWLS: Final = 2000
STEPS: Final = 30
SIZES: Final = (0.3, 0.1, 0.03)
"""Of the steps, in widths of the box, in turn."""
STEEPNESS: Final = 0.7
"""Shape of a gamma: most parameters matter little, a few much."""
UNEXPLAINED: Final = 0.05
"""Share of the variation that a bowl never explains."""
MOST: Final = 80
"""The newest results that are looked at."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A result: its place in the cube and its loss."""

    unit: Floats
    loss: float


def points(
    box: Box,
    narrows: bool,
    seen: Sequence[Seen],
    begun: int,
    left: int,
    shape: tuple[int, int],
    rng: np.random.Generator,
) -> Floats:
    """Places of ``shape[1]`` of the next ``left`` points, evenly over them, (*shape, d); ``begun`` trials were before.

    Each row is one way in which the search may go.
    """
    rows, count = shape
    d = len(box.space)
    low, high = np.zeros(d), np.ones(d)
    for place, side in enumerate(box.sides):
        if isinstance(side, Interval):
            low[place], high[place] = side.lo, side.hi
    inside = low + (high - low) * rng.random((rows, count, d))
    if not narrows or not count:
        return inside
    around = _bottoms(seen[-MOST:], low, high, rows, rng)[:, None]
    numbers = begun + (np.arange(count) + 0.5) / count * left
    width = np.maximum(np.exp(-numbers / (PACE * d)), NARROWEST)[None, :, None]
    near = np.clip(around + (inside - around) * width, 0.0, 1.0)
    aside = rng.random((rows, count, 1)) < ASIDE
    return np.where(aside, rng.random((rows, count, d)), near)


def follow(
    trails: Sequence[Sequence[Floats]],
    drawn: Floats,
    begun: int,
    left: int,
    rng: np.random.Generator,
) -> Floats:
    """``drawn``, (rows, count, d), most rows as one of the ``trails`` of earlier searches went, if there is any.

    A point follows one of about its number; beyond the end of the trail, one of its second half.
    """
    rows, count, _ = drawn.shape
    if not trails or not count:
        return drawn
    found = drawn.copy()
    numbers = begun + (np.arange(count) + 0.5) / count * left
    for row in np.flatnonzero(rng.random(rows) < FOLLOWS):
        trail = np.array(trails[int(rng.integers(len(trails)))])
        about = numbers * rng.uniform(0.75, 1.25, count)
        late = rng.uniform(0.5 * len(trail), len(trail), count)
        found[row] = trail[np.where(about < len(trail), about, late).astype(np.intp)]
    return found


def _bottoms(
    seen: Sequence[Seen], low: Floats, high: Floats, rows: int, rng: np.random.Generator
) -> Floats:
    """Where the best may lie, (rows, d)."""
    d = len(low)
    slack = WIDER * (high - low)
    low, high = np.maximum(low - slack, 0.0), np.minimum(high + slack, 1.0)
    bottoms = low + (high - low) * rng.random((BOWLS, d))
    losses = _tamed(np.array([each.loss for each in seen]))
    if len(seen) < 3 or not losses.any():
        return bottoms[:rows]
    units = np.array([each.unit for each in seen])
    steep = rng.gamma(STEEPNESS, size=(BOWLS, d))
    fit = _explained(bottoms, steep, units, losses)
    chance = np.exp(fit - fit.max())
    picked = rng.choice(BOWLS, rows, p=chance / chance.sum())
    bottoms, steep, fit = bottoms[picked], steep[picked], fit[picked]
    for step in range(STEPS):
        moved = bottoms + SIZES[step % 3] * (high - low) * rng.standard_normal((rows, d))
        ratio = np.exp(0.5 * rng.standard_normal((rows, d)))
        steeper = steep * ratio
        new = _explained(moved, steeper, units, losses)
        # The gamma's density, and the step being one of the logarithm.
        prior = (STEEPNESS * np.log(ratio) - (steeper - steep)).sum(axis=1)
        there = ((moved >= low) & (moved <= high)).all(axis=1)
        taken = there & (np.log(rng.random(rows)) < new - fit + prior)
        bottoms[taken], steep[taken], fit[taken] = moved[taken], steeper[taken], new[taken]
    return bottoms


def _tamed(losses: Floats) -> Floats:
    """Around 0; what diverged counts as bad and no more."""
    if not len(losses):
        return losses
    quarter = float(np.quantile(losses, 0.75))
    tamed = np.minimum(losses, quarter + 3 * (quarter - losses.min()))
    return np.asarray(tamed - tamed.mean())


def _explained(bottoms: Floats, steep: Floats, units: Floats, losses: Floats) -> Floats:
    """The logarithm of how well each bowl explains the losses, at its best height and scale, (n,)."""
    away = (units[None] - bottoms[:, None]) ** 2
    depths = np.einsum("nkd,nd->nk", away, steep)
    depths -= depths.mean(axis=1, keepdims=True)
    along = np.maximum(depths @ losses, 0.0)
    whole = np.maximum((depths**2).sum(axis=1) * float(losses @ losses), 1e-30)
    return np.asarray(
        -0.5 * (len(losses) - 2) * np.log(np.clip(1.0 - along**2 / whole, 0.0, 1.0) + UNEXPLAINED)
    )
