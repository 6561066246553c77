"""What results from elsewhere say: a trend under the model, trusted as far as this study's own results bear it out.

The results of an earlier study or of foreign runs are fitted by a process of their own, and its mean is subtracted
from the targets (the stacked residual process of Golovin et al., "Google Vizier", KDD 2017, section 3.3.4), times a
weight that the study's own trials give: none where they do not agree.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from caviar.search.history import History
from caviar.search.zoom.model import Kernel, Posterior, features, fit
from caviar.search.zoom.observed import observed
from caviar.search.zoom.targets import targets
from caviar.space import Params, Space
from caviar.space.parameter import Floats

FEWEST = 4
"""Results from elsewhere that make a trend."""
STEEPEST = 1.5
"""Largest weight: by how much the trend may be stretched."""
FADING = 30
"""Own results after which the trend counts half: they are better evidence."""
FIRST = 3
"""Trials at the start of a study that try the best of what is known from elsewhere."""
APART = 0.15
"""Two of these differ by more than this along some parameter."""


@dataclass(frozen=True, slots=True)
class Trend:
    """``weight`` times the mean of a process over ``results`` results from elsewhere."""

    kernel: Kernel
    weight: float
    posterior: Posterior
    results: int

    def __call__(self, points: Floats) -> Floats:
        """Features (n, f) -> (n,)."""
        return np.asarray(self.weight * self.posterior(points)[0])

    def to_json(self) -> dict[str, Any]:
        return {
            "kernel": self.kernel.to_json(),
            "weight": self.weight,
            "results": self.results,
        }

    @classmethod
    def from_json(cls, prior: History, seed: int, data: Mapping[str, Any]) -> Trend:
        """The trend of a round's memory, over the results from elsewhere that the round knew.

        They are numbered in the order in which they came, and more may have come since.
        """
        kernel, count = Kernel.from_json(data["kernel"]), min(int(data["results"]), len(prior))
        posterior = _restored(prior, count, seed, tuple(map(float, kernel.lengths)), kernel.noise)
        return cls(kernel, float(data["weight"]), posterior, count)


@lru_cache(maxsize=16)
def _restored(
    prior: History, count: int, seed: int, lengths: tuple[float, ...], noise: float
) -> Posterior:
    """The process over the first ``count`` results of a history, which only grows: the same for a whole round."""
    if len(prior) > count:
        known = sorted(prior, key=lambda result: result.number)[:count]
        prior = History(prior.space, prior.goal, known)
    return _posterior(prior, seed, Kernel(np.array(lengths), noise))


def fitted(prior: History, seed: int, own: Floats, aims: Floats) -> Trend | None:
    """The trend that ``prior`` gives, weighted by how well it explains the study's own trials.

    ``own`` are their features (n, f) and ``aims`` their targets (n,). The weight is the regression's slope times
    what the correlation surely is, 0 where they disagree: a history that misleads is left alone.
    """
    if int(np.isfinite(prior.ranking).sum()) < FEWEST:
        return None
    seen = observed(prior, seed)
    points = features(prior.space, seen.units, seen.active)
    kernel = fit(prior.space, points, targets(seen.losses, "power"))
    posterior = _posterior(prior, seed, kernel)
    expected = posterior(own)[0]
    weight = 0.0
    if expected.std() > 1e-9 and aims.std() > 1e-9:
        correlation = float(np.corrcoef(expected, aims)[0, 1])
        slope = correlation * float(aims.std() / expected.std())
        trust = _surely(correlation, len(aims)) * FADING / (FADING + len(aims))
        weight = min(max(slope, 0.0), STEEPEST) * trust
    return Trend(kernel, weight, posterior, len(prior)) if weight > 0 else None


def _surely(correlation: float, count: int) -> float:
    """A correlation of ``count`` pairs less one standard error on Fisher's scale, atanh; 0 at least.

    Six trials agree with a wrong history by half as often as not.
    """
    scaled = math.atanh(min(max(correlation, -0.999), 0.999))
    return max(math.tanh(scaled - 1.0 / math.sqrt(max(count - 3, 1))), 0.0)


def taken_over(memory: Mapping[str, Any]) -> dict[str, Any]:
    """A round's memory for a study that starts from it: its kernels and pace, without results of its own.

    The trend is left out until that study's own trials say what the results from elsewhere are worth to it.
    """
    kept = {key: value for key, value in memory.items() if key != "trend"}
    return kept | {"mark": 0, "ties": 0} if "length" in memory else kept


def _posterior(prior: History, seed: int, kernel: Kernel) -> Posterior:
    seen = observed(prior, seed)
    points = features(prior.space, seen.units, seen.active)
    none = np.empty((0, points.shape[1]))
    return Posterior(prior.space, kernel, points, targets(seen.losses, "power"), none)


def first_points(space: Space, prior: History, own: History) -> list[Params]:
    """The best points from elsewhere that lie apart from each other, at most ``FIRST``.

    None once the study's ``own`` trials contradict them: the best of them that was tried is worse than the median of
    the other trials.
    """
    chosen: list[int] = []
    for place in prior.best_places():
        apart = np.abs(prior.units[chosen] - prior.units[place]).max(axis=1) if chosen else None
        if apart is None or apart.min() > APART:
            chosen.append(int(place))
        if len(chosen) == FIRST:
            break
    points = [prior[place].params for place in chosen]
    keys = set(map(space.key, points))
    known = np.array([space.key(result.params) in keys for result in own], dtype=np.bool_)
    told = known.any() and not known.all()
    if told and own.ranking[known].min() > np.median(own.ranking[~known]):
        return []
    return points
