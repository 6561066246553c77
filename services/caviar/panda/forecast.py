"""How a learning curve goes on by itself, and how far off that usually is.

The model is a Gaussian process over a straight line in the logarithm of time, where curves that slow down by themselves
are nearly straight: bends (an integrated Brownian motion, that is a cubic smoothing spline: Wahba, 1978), waves (noise
with a memory, an Ornstein-Uhlenbeck process) and independent noise, in several proportions that are weighted by how
well they explain the curve (restricted likelihood: Harville, 1977). What it says of its own precision is not believed:
the same forecast is made from earlier places of the same curve, where the answer is known, and its misses widen it
(a rolling origin: Tashman, 2000).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

Floats = NDArray[np.float64]

LEAST: Final = 8
"""Fewest reports to forecast from."""
LEARNED_FROM: Final = 96
"""Most reports to forecast from: the last ones."""
EARLIER: Final = 0.25
"""The first share of a training is left out: it is unlike the rest."""
BENDS: Final = (0.0, 1.0, 100.0, 10_000.0)
"""Variances of the bends by the end of the curve, in those of the independent noise."""
WAVES: Final = ((0.0, 1.0), (3.0, 5.0), (10.0, 10.0), (100.0, 10.0), (100.0, 30.0))
"""(variance in those of the independent noise, memory in reports)."""
ORIGINS: Final = 16
"""Most earlier places that are forecast from."""
ROUNDING: Final = 1e-9
"""Of the spread of the values: no difference below it is one."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """``level``: where the curve is, its noise taken off. ``expected``: its mean over the last half of what comes."""

    level: float
    expected: float
    spread: float
    """The standard deviation of ``expected`` against what is then reported."""


@dataclass(frozen=True, slots=True)
class _Covariance:
    """Of what is known, shape (n, n); of that with the mean of what comes, (n,); and of that mean."""

    known: Floats
    cross: Floats
    late: float

    @classmethod
    def of(cls, all_: Floats, known: int) -> _Covariance:
        cross = all_[:known, known:].mean(axis=1)
        return cls(all_[:known, :known], cross, float(all_[known:, known:].mean()))


def late(reports: int) -> int:
    """How many of so many reports are the last half."""
    return (reports + 1) // 2


def ahead(curve: Floats, reports: int, first: int = 1) -> Ahead:
    """The next ``reports`` after ``curve``, shape (n,) with n >= LEAST: without a look at earlier places.

    ``first`` is the place of the curve's first value in the whole training, counted from 1.
    """
    count = len(curve)
    skip = max(0, min(round(EARLIER * (count + first - 1)) - first + 1, count - LEAST))
    skip = max(skip, count - LEARNED_FROM)
    known, coming = count - skip, late(reports)
    places = np.concatenate(
        [np.arange(skip, count), np.arange(count + reports - coming, count + reports)]
    )
    places = (places + first).astype(float)
    values = curve[skip:]
    center = float(values.mean())
    unit = max(float(np.abs(values - center).max()), ROUNDING * float(np.abs(values).max()), 1e-150)
    values = (values - center) / unit

    time = np.log(places / places[0])
    time /= time[known - 1]
    lines = np.stack([np.ones_like(time), time], axis=1)
    line_late, lines = lines[known:].mean(axis=0), lines[:known]
    low = np.minimum(time[:, None], time[None])
    high = np.maximum(time[:, None], time[None])
    bent = _Covariance.of(2.0 * low**2 * (3.0 * high - low), known)
    apart = np.abs(places[:, None] - places[None])
    waves = [(wave, _Covariance.of(np.exp(-apart / memory), known)) for wave, memory in WAVES]
    white = np.eye(known)

    found = np.empty((len(BENDS) * len(WAVES), 4))
    for row, (bend, (wave, waved)) in enumerate(product(BENDS, waves)):
        smooth = bend * bent.known + wave * waved.known
        coming_with = bend * bent.cross + wave * waved.cross
        root = np.linalg.cholesky(smooth + white)
        columns = [lines, values[:, None], coming_with[:, None], smooth[:, -1:]]
        whitened = solve_triangular(
            root, np.concatenate(columns, axis=1), lower=True, check_finite=False
        )
        x, y, c, now = whitened[:, :2], whitened[:, 2], whitened[:, 3], whitened[:, 4]
        inner = np.linalg.inv(x.T @ x)
        line = inner @ (x.T @ y)
        rest = y - x @ line
        squares = max(float(rest @ rest), ROUNDING**2)
        open_ = line_late - x.T @ c
        coming_by_itself = bend * bent.late + wave * waved.late + 1.0 / coming
        variance = max(float(coming_by_itself - c @ c + open_ @ inner @ open_), ROUNDING)
        likelihood = -np.log(np.diag(root)).sum() + 0.5 * math.log(np.linalg.det(inner))
        found[row] = (
            likelihood - 0.5 * (known - 2) * math.log(squares),
            lines[-1] @ line + now @ rest,
            line_late @ line + c @ rest,
            squares / (known - 2) * variance,
        )
    weights = np.exp(found[:, 0] - found[:, 0].max())
    weights /= weights.sum()
    level, expected, variance = (float(value) for value in weights @ found[:, 1:])
    variance += float(weights @ (found[:, 2] - expected) ** 2)
    return Ahead(center + unit * level, center + unit * expected, unit * math.sqrt(variance))


def misses(curve: Floats, reports: int, first: int = 1) -> float:
    """How many of its own spreads the forecast of the next ``reports`` misses by, at earlier places of ``curve``.

    The root of the mean square, and at least 1. The first of the places is the last one whose answer is known.
    """
    stride, total, count = max(2, late(reports)), 1.0, 1
    for origin in range(len(curve) - reports, LEAST + 1, -stride):
        then = ahead(curve[:origin], reports, first)
        came = float(curve[origin + reports - late(reports) : origin + reports].mean())
        total += min(abs(came - then.expected) / then.spread, 1e3) ** 2
        count += 1
        if count > ORIGINS:
            break
    return max(1.0, math.sqrt(total / count))
