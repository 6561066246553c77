"""A small Gaussian process: Matern-5/2 with a length scale for each parameter, fitted by its posterior mode.

Notation of Rasmussen and Williams, "Gaussian Processes for Machine Learning" (2006). The variance is taken
out analytically (an inverse-gamma prior on it), so the mode is over the length scales and the noise alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from caviar.space import Categorical, Space
from caviar.space.parameter import Floats

Places = npt.NDArray[np.intp]

LENGTH_SPREAD = 1.0
"""Standard deviation of the log-normal prior on a length scale; its median is 0.4 sqrt(d) (Hvarfner, Hellsten
and Nardi, "Vanilla Bayesian optimization performs great in high dimensions", ICML 2024, scale with sqrt(d))."""
LENGTH_MEDIAN = 0.4
TIER_SHIFT = {1: -0.4, 2: -0.1, 3: 0.3, 4: 0.6}
"""By how much a declared tier moves the prior's log median: what matters more varies over shorter lengths."""
TIER_TRUST = 12
"""Results up to which a tier has its full weight; from there on it fades with their number, and a wrong one with it."""
NOISE_MEDIAN, NOISE_SPREAD = 1e-3, 1.5
"""Log-normal prior on the noise variance, as a share of the signal's."""
VARIANCE_PRIOR = 2.0
"""Weight of the prior that the signal's variance is 1, in observations."""
JITTER = 1e-6
SHORTEST, LONGEST = 0.02, 30.0
QUIETEST, LOUDEST = 1e-6, 1.0
STEPS = 25
RELATIVE, STEEP = 1e-4, 1e-2
"""The ascent ends when a step gains less than this share, or the slope is below: more digits change no proposal."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """Length scales, shape (d,), in units of the cube (of a categorical: at a mismatch), and the noise."""

    lengths: Floats
    noise: float

    def to_json(self) -> dict[str, Any]:
        return {"lengths": [round(float(v), 6) for v in self.lengths], "noise": float(self.noise)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Kernel:
        return cls(np.array(data["lengths"], dtype=np.float64), float(data["noise"]))


def features(space: Space, units: Floats, active: npt.NDArray[np.bool_]) -> Floats:
    """Shape (n, d) and (n, d) -> (n, f): numbers as they are, categories one-hot over the square root of 2.

    The squared distance of two different categories is then 1; an inactive categorical is the origin.
    """
    columns = []
    for place, parameter in enumerate(space):
        if isinstance(parameter, Categorical):
            count = len(parameter.choices)
            chosen = np.floor(units[:, place, None] * count) == np.arange(count)
            columns.append((chosen & active[:, place, None]) * math.sqrt(0.5))
        else:
            columns.append(units[:, place, None])
    return np.concatenate(columns, axis=1)


def owners(space: Space) -> Places:
    """Shape (f,): which parameter each feature belongs to."""
    widths = [len(p.choices) if isinstance(p, Categorical) else 1 for p in space]
    return np.asarray(np.repeat(np.arange(len(space)), widths))


def prior_log_lengths(space: Space, results: int = 0) -> Floats:
    """Shape (d,): the log median of each length scale before it is fitted to ``results``, by the declared tiers.

    Tiers only tell parameters apart: their mean shift is taken out, so that a space whose parameters all have
    the same tier is searched like one without tiers.
    """
    shifts = np.array([TIER_SHIFT.get(p.tier or 0, 0.0) for p in space])
    trust = TIER_TRUST / max(results, TIER_TRUST)
    return np.asarray(
        math.log(LENGTH_MEDIAN * math.sqrt(len(space))) + trust * (shifts - shifts.mean())
    )


def _matern(squared: Floats) -> Floats:
    """k(r) = (1 + sqrt(5) r + 5/3 r^2) exp(-sqrt(5) r), eq. 4.17, from squared distances."""
    r = np.sqrt(5.0 * squared)
    shape = (r / 3.0 + 1.0) * r + 1.0
    np.negative(r, out=r)
    return np.asarray(np.multiply(shape, np.exp(r, out=r), out=shape))


def _squared(a: Floats, b: Floats) -> Floats:
    """Shape (n, f) and (m, f) -> squared distances, (n, m)."""
    apart = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1) - 2.0 * a @ b.T
    return np.asarray(np.maximum(apart, 0.0))


def fit(space: Space, points: Floats, targets: Floats, start: Kernel | None = None) -> Kernel:
    """The posterior mode of the kernel, from features (n, f) and standardised targets (n,).

    ``start`` is where the ascent begins; the prior's median by default. Costs O(n^3) a step; SciPy is imported
    here alone, because only the job that refines fits.
    """
    from scipy.linalg.lapack import dpotrf, dpotri
    from scipy.optimize import minimize

    middle, owner, d = prior_log_lengths(space, len(points)), owners(space), len(space)
    apart = np.zeros((d, len(points), len(points)))
    for column, parameter in enumerate(owner):
        apart[parameter] += (points[:, column, None] - points[None, :, column]) ** 2
    flat = apart.reshape(d, -1)
    quiet = math.log(NOISE_MEDIAN)
    count, diagonal = len(targets), np.diag_indices(len(targets))

    def loss(theta: Floats) -> tuple[float, Floats]:
        """Negative log posterior of (log lengths, log noise) and its gradient (eq. 5.8 and 5.9)."""
        weights = np.exp(-2.0 * theta[:d])
        r = np.sqrt(5.0 * (weights @ flat)).reshape(count, count)
        decay = np.exp(-r)
        noise = math.exp(theta[d])
        kernel = (1.0 + r + r * r / 3.0) * decay
        kernel[diagonal] += noise + JITTER
        root, failed = dpotrf(kernel, lower=1)
        if failed:
            return math.inf, np.zeros(d + 1)
        lower = dpotri(root, lower=1)[0]
        inverse = np.tril(lower) + np.tril(lower, -1).T
        alpha = inverse @ targets
        variance = (targets @ alpha + VARIANCE_PRIOR) / (count + VARIANCE_PRIOR)
        value = 0.5 * (count + VARIANCE_PRIOR) * math.log(variance)
        value += float(np.log(root.diagonal()).sum())
        outer = inverse - np.outer(alpha, alpha) / variance
        slope = np.empty(d + 1)
        slope[:d] = (5.0 / 6.0) * weights * (flat @ (outer * (1.0 + r) * decay).ravel())
        slope[d] = 0.5 * noise * np.trace(outer)
        off = (theta[:d] - middle) / LENGTH_SPREAD
        loud = (theta[d] - quiet) / NOISE_SPREAD
        value += 0.5 * float(off @ off) + 0.5 * loud * loud
        slope[:d] += off / LENGTH_SPREAD
        slope[d] += loud / NOISE_SPREAD
        return value, slope

    begin = np.append(middle, quiet)
    if start is not None:
        begin = np.append(np.log(start.lengths), math.log(start.noise))
    bounds = [(math.log(SHORTEST), math.log(LONGEST))] * d
    bounds.append((math.log(QUIETEST), math.log(LOUDEST)))
    found = minimize(
        loss,
        begin,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": STEPS, "ftol": RELATIVE, "gtol": STEEP},
    )
    return Kernel(np.exp(found.x[:d]), math.exp(found.x[d]))


class Posterior:
    """The process given observations, and trials that are pending.

    A pending trial counts as if it had given the mean that is expected of it (Ginsbourger, Le Riche and Carraro,
    2010, the "kriging believer"): the mean stays, the deviation around it falls.
    """

    def __init__(
        self,
        space: Space,
        kernel: Kernel,
        points: Floats,
        targets: Floats,
        pending: Floats,
        trend: Callable[[Floats], Floats] | None = None,
    ) -> None:
        """Features of the observed points (n, f) and of the pending ones (p, f); standardised targets (n,).

        ``trend`` is a mean function, of features (m, f); 0 by default.
        """
        self._trend = trend
        if trend is not None:
            targets = targets - trend(points)
        self._inverse_lengths: Floats = (1.0 / kernel.lengths)[owners(space)]
        self._points = points * self._inverse_lengths
        covariance = _matern(_squared(self._points, self._points))
        covariance[np.diag_indices(len(points))] += kernel.noise + JITTER
        self._inverse = np.linalg.inv(covariance)
        self._alpha = self._inverse @ targets
        count = len(targets)
        variance = (targets @ self._alpha + VARIANCE_PRIOR) / (count + VARIANCE_PRIOR)
        self._deviation = math.sqrt(variance)
        self._pending = pending * self._inverse_lengths
        if len(pending):
            cross = _matern(_squared(self._pending, self._points))
            self._through = cross @ self._inverse
            left = _matern(_squared(self._pending, self._pending)) - self._through @ cross.T
            left[np.diag_indices(len(pending))] += kernel.noise + JITTER
            self._left_inverse = np.linalg.inv(left)

    def __call__(self, points: Floats) -> tuple[Floats, Floats]:
        """Features (m, f) -> mean and standard deviation of the function there, both (m,)."""
        scaled = points * self._inverse_lengths
        cross = _matern(_squared(scaled, self._points))
        left = 1.0 - ((cross @ self._inverse) * cross).sum(axis=1)
        if len(self._pending):
            seen = _matern(_squared(scaled, self._pending)) - cross @ self._through.T
            left -= ((seen @ self._left_inverse) * seen).sum(axis=1)
        mean = cross @ self._alpha
        if self._trend is not None:
            mean = mean + self._trend(points)
        return mean, np.sqrt(np.maximum(left, 1e-10)) * self._deviation

    def nearest(self, points: Floats) -> Floats:
        """Features (m, f) -> distance to the nearest observed or pending point, in length scales, (m,)."""
        known = np.concatenate([self._points, self._pending])
        return np.asarray(np.sqrt(_squared(points * self._inverse_lengths, known).min(axis=1)))

    def observed_distances(self) -> Floats:
        """Shape (n, n): between the observed points, in length scales; ``inf`` on the diagonal."""
        apart = np.sqrt(_squared(self._points, self._points))
        np.fill_diagonal(apart, np.inf)
        return apart
