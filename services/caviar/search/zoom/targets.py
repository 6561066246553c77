"""What the model is fitted to: losses on a scale on which a Gaussian process is at home."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist
from typing import Literal, get_args

import numpy as np

from caviar.space.parameter import Floats

Shape = Literal["power", "log", "ranks"]
SHAPES: tuple[Shape, ...] = get_args(Shape)
SHARES = (0.5, 0.25, 0.25)
"""How often each is used: none fits every metric, and a share of the trials is not lost to a wrong one."""
TAIL = 2.5
"""Losses are cut at the median plus this many times its distance to the best: how bad is no news there."""
CLOSEST = 0.01
"""Added under the logarithm, in distances of the median from the best."""
EXPONENTS = np.linspace(-1.0, 3.0, 17)


def targets(losses: Floats, shape: Shape) -> Floats:
    """Losses (n,), ``inf`` for failed trials -> mean 0 and deviation 1; all 0 where the losses are equal.

    At least one loss must be finite.
    """
    finite = losses[np.isfinite(losses)]
    best, reach = finite.min(), float(np.median(finite) - finite.min())
    reach = reach or float(finite.max() - best) / (1.0 + TAIL)
    cut = np.minimum(losses, best + (1.0 + TAIL) * reach)
    if not np.ptp(cut) > 1e-12 * max(abs(best), 1e-300):
        cut = np.where(np.isfinite(losses), 0.0, 1.0)
    if np.ptp(cut) == 0.0:
        return np.zeros(len(losses))
    if shape == "log":
        shaped = np.log((cut - cut.min()) + CLOSEST * max(reach, 1e-12 * np.ptp(cut)))
    elif shape == "ranks":
        shaped = _normal_scores(cut)
    else:
        shaped = _power(_standard(cut))
    return _standard(shaped)


def _standard(values: Floats) -> Floats:
    return np.asarray((values - values.mean()) / (values.std() + 1e-12))


def _power(values: Floats) -> Floats:
    """Yeo and Johnson, "A new family of power transformations", Biometrika 2000; the likeliest exponent."""
    signed = np.sign(values) * np.log1p(np.abs(values))
    above, grown = values >= 0, np.abs(values) + 1.0
    best, kept = -math.inf, values
    for exponent in EXPONENTS:
        power = np.where(above, exponent, 2.0 - exponent)
        with np.errstate(divide="ignore", invalid="ignore"):
            curved = np.where(np.abs(power) < 1e-9, np.log(grown), (grown**power - 1.0) / power)
        shaped = np.where(above, curved, -curved)
        likelihood = -0.5 * len(values) * math.log(shaped.var() + 1e-12)
        likelihood += (exponent - 1.0) * signed.sum()
        if likelihood > best:
            best, kept = likelihood, shaped
    return kept


def _normal_scores(values: Floats) -> Floats:
    """The normal quantile of each value's rank, (rank + 1/2) / n; equal values share their mean rank."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts + 1) / 2.0
    return _quantiles(len(values))[np.round(2.0 * mean_rank[group]).astype(np.intp)]


@lru_cache(maxsize=8)
def _quantiles(count: int) -> Floats:
    """Normal quantiles of the half ranks 0, 1/2, 1, ... count - 1."""
    normal = NormalDist()
    return np.array([normal.inv_cdf((half / 2 + 0.5) / count) for half in range(2 * count - 1)])
