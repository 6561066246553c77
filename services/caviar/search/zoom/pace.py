"""How many trials a round takes, and which of the results lead it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from caviar.search.values import Result
from caviar.space import Space
from caviar.space.parameter import Floats


def start_size(space: Space) -> int:
    """Trials that cover the whole space before the first box: d + 2, 8 at least and 14 at most."""
    return min(max(len(space) + 2, 8), 14)


def round_size(space: Space) -> int:
    """Finished trials between two rounds: d / 2, 4 at least and 10 at most, so that 60 trials see five."""
    return min(max(4, math.ceil(len(space) / 2)), 10)


def leaders(ranked: Sequence[Result]) -> list[Result]:
    """The best quarter of the trials that did not fail, 3 at least and 10 at most, best first."""
    good = [result for result in ranked if result.succeeded]
    return good[: min(max(3, round(len(good) / 4)), 10)]


def rank_weights(count: int) -> Floats:
    """Shape (count,), falling, sum 1: w_i ~ log(count + 1/2) - log i, as in CMA-ES (Hansen 2016, eq. 49)."""
    weights = math.log(count + 0.5) - np.log(np.arange(1, count + 1))
    return np.asarray(weights / weights.sum())
