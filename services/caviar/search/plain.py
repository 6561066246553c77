"""The strategies that learn nothing from results: random, Sobol and grid search. Their box is the space."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from caviar.search.rounds import Round
from caviar.search.sobol import sobol_point
from caviar.search.values import Result, Settings
from caviar.space import Params, Space, grid_lattice

START = {
    "random": "Random search draws every trial from the whole space.",
    "sobol": "Sobol's sequence spreads the trials evenly over the whole space.",
    "grid": "The grid tries the same few values of every parameter.",
}
GOLDEN = (math.sqrt(5) - 1) / 2


def never(*_: object) -> None:
    """The ``refine`` of a strategy without a second round."""
    return


def uniform(
    space: Space,
    settings: Settings,
    _round: Round,
    _results: Sequence[Result],
    _pending: Sequence[Params],
    number: int,
    _prior: Sequence[Result] = (),
) -> Iterator[Params]:
    """Independent draws from the seed and the trial's number, without end."""
    rng = np.random.default_rng([settings.seed, number])
    while True:
        yield space.from_unit(rng.random(len(space)))


def low_discrepancy(
    space: Space,
    settings: Settings,
    round_: Round,
    results: Sequence[Result],
    pending: Sequence[Params],
    number: int,
    prior: Sequence[Result] = (),
) -> Iterator[Params]:
    """The point of Sobol's scrambled sequence with the trial's number; random ones where it is taken."""
    yield space.from_unit(sobol_point(number, len(space), settings.seed))
    yield from uniform(space, settings, round_, results, pending, number, prior)


def grid(
    space: Space,
    settings: Settings,
    _round: Round,
    _results: Sequence[Result],
    _pending: Sequence[Params],
    _number: int,
    _prior: Sequence[Result] = (),
) -> Iterator[Params]:
    """Every point of the grid once, far from the one before it, from a place that the seed chooses.

    The step is coprime to the size, so the walk meets every index; near the golden section of the size
    it leaves no region for last, which matters where the budget cuts the grid.
    """
    lattice = grid_lattice(space, settings.budget)
    step = max(1, round(lattice.size * GOLDEN))
    while math.gcd(step, lattice.size) != 1:
        step += 1
    start = int(np.random.default_rng(settings.seed).integers(0, 1 << 30))
    for turn in range(lattice.size):
        yield lattice.point((start + turn * step) % lattice.size)
