"""Where the optimum lies by the first look: parabolas along the numbers that the neighbours move.

Box and Wilson, "On the experimental attainment of optimum conditions", 1951. Neighbours lie where the study's model
expects the same loss everywhere, so that one curvature holds for all numbers; where both sides of one were looked at
alone, it has its own. What a neighbour lost more or less than that curvature says is the work of a drift.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from caviar.search.history import Flags
from caviar.space import Numeric, Params, Space
from caviar.space.parameter import Floats

SAME = 1e-9
INSIDE = 0.35
"""In box widths: an optimum nearer than this to the champion is none that moved."""
CLOSE = 0.2
"""In box widths along every number: a point that is the champion for all that a check can see."""
NEAREST, FARTHEST = 0.75, 1.5
"""In box widths: where a challenger lies along a number. Farther out nothing was looked at."""
FEWEST = 3
"""Neighbours from which a curvature that is shared by all can be taken."""
CLEAR = 2.0
"""Standard deviations of a training that a curvature must be worth: below, the parabola is noise."""
FLAT = 1e-6
"""Share of the largest difference below which a curvature is rounding."""
BEHIND = 0.5
"""Weight of a neighbour on the far side of a drift: there the parabola is least to be trusted."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The neighbours that differ from the champion in numbers alone."""

    steps: Floats
    """Shape (n, d): from the champion, in box widths."""
    losses: Floats
    """Shape (n,): less the champion's."""


def widths_of(space: Space, points: Sequence[Params]) -> Floats:
    """Shape (d,): how far the neighbours go along each number, on its unit scale; 0 where none moves it."""
    units, beside = _beside(space, points)
    apart = np.abs(units - units[0])[beside]
    return np.asarray(apart.max(axis=0)) if len(apart) else np.zeros(len(space))


def _beside(space: Space, points: Sequence[Params]) -> tuple[Floats, Flags]:
    """The points in the cube, (n, d), and which of them differ from the first in one or two numbers alone, (n,)."""
    units, active = space.encode(points)
    numeric = np.array([isinstance(parameter, Numeric) for parameter in space])
    apart = np.abs(units - units[0]) > SAME
    count = apart.sum(axis=1)
    alike = (active == active[0]).all(axis=1) & ~apart[:, ~numeric].any(axis=1)
    return units, np.asarray(alike & (count > 0) & (count <= 2))


def level(space: Space, points: Sequence[Params], losses: Sequence[float | None]) -> float:
    """The champion's loss; the mean with that of points so near that they are the same place, as the runner-up often
    is."""
    assert losses[0] is not None
    units, active = space.encode(points)
    widths = widths_of(space, points)
    reach = np.where(widths > 0.0, CLOSE * widths, SAME)
    near = (np.abs(units - units[0]) <= reach).all(axis=1) & (active == active[0]).all(axis=1)
    own = [loss for loss, close in zip(losses, near, strict=True) if close and loss is not None]
    return math.fsum(own) / len(own)


def predicted(
    space: Space,
    points: Sequence[Params],
    losses: Sequence[float | None],
    noise: float,
) -> list[tuple[float, Params]]:
    """Points that the parabolas name, with the gain that they promise, the most promising first."""
    assert losses[0] is not None
    units, beside = _beside(space, points)
    widths = widths_of(space, points)
    kept = [place for place, loss in enumerate(losses) if beside[place] and loss is not None]
    moved = np.flatnonzero(widths > 0.0)
    if not kept or not len(moved):
        return []
    steps = (units[kept] - units[0])[:, moved] / widths[moved]
    seen = Seen(steps, np.array([losses[place] for place in kept], dtype=float) - losses[0])
    found: dict[object, tuple[float, Params]] = {}
    for gain, shift in _shifts(seen, CLEAR * noise):
        vector = units[0].copy()
        vector[moved] = np.clip(vector[moved] + shift * widths[moved], 0.0, 1.0)
        point = space.from_unit(vector)
        if space.key(point) != space.key(points[0]):
            found.setdefault(space.key(point), (gain, point))
    return sorted(found.values(), key=lambda one: -one[0])


def _shifts(seen: Seen, clear: float) -> list[tuple[float, Floats]]:
    """(gain, shape (m,) in box widths) of each number alone, and of all together."""
    count = seen.steps.shape[1]
    clear = max(clear, FLAT * float(np.abs(seen.losses).max()))
    bends, alone = np.zeros(count), np.zeros(count)
    for place in range(count):
        bends[place], alone[place] = _own(seen, place)
    squares = (seen.steps**2).sum(axis=1)
    shared = median(seen.losses / squares) if len(squares) >= FEWEST else 0.0
    rest = seen.losses - shared * squares
    for place in range(count):
        if bends[place] <= clear < shared:
            bends[place] = shared
            sides = [_one_sided(rest, seen.steps[:, place], shared, sign) for sign in (1.0, -1.0)]
            alone[place] = max(sides, key=abs)
    moves = (np.abs(alone) >= INSIDE) & (bends > clear)
    found = []
    for place in map(int, np.flatnonzero(moves)):
        shift = np.zeros(count)
        shift[place] = _placed(alone[place])
        found.append((float(bends[place] * alone[place] ** 2), shift))
    if shared > clear and len(squares) > 1:
        together = -np.linalg.pinv(seen.steps, rcond=0.1) @ rest / (2.0 * shared)
        shift = np.clip(together, -FARTHEST, FARTHEST)
        if np.linalg.norm(shift) >= INSIDE:
            found.append((float(shared * (together**2).sum()), shift))
    elif moves.sum() > 1:
        shift = np.where(moves, np.clip(alone, -FARTHEST, FARTHEST), 0.0)
        found.append((float((bends * alone**2)[moves].sum()), shift))
    return found


def _own(seen: Seen, place: int) -> tuple[float, float]:
    """Curvature and vertex along one number, where neighbours that move nothing else lie on both sides; else 0, 0."""
    others = np.delete(seen.steps, place, axis=1)
    only = (np.abs(others) <= SAME).all(axis=1) & (np.abs(seen.steps[:, place]) > SAME)
    x, y = seen.steps[only, place], seen.losses[only]
    if not (x < 0.0).any() or not (x > 0.0).any():
        return 0.0, 0.0
    i, j = int(np.argmin(x)), int(np.argmax(x))
    bend = float((y[i] / x[i] - y[j] / x[j]) / (x[i] - x[j]))
    slope = float(y[i] / x[i] - bend * x[i])
    return (bend, -slope / (2.0 * bend)) if bend > FLAT * np.abs(y).max() else (0.0, 0.0)


def _one_sided(rest: Floats, steps: Floats, bend: float, sign: float) -> float:
    """The shift to one side that explains best what the neighbours lost beyond the curvature; 0 if to the other."""
    weights = np.where(steps * sign > 0.0, 1.0, BEHIND)
    shift = -float((weights * rest * steps).sum() / (2.0 * bend * (weights * steps**2).sum()))
    return shift if shift * sign > 0.0 else 0.0


def _placed(shift: float) -> float:
    return math.copysign(min(max(abs(shift), NEAREST), FARTHEST), shift)
