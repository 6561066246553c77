"""How much of the metric's variation each parameter explains by itself, beside its declared tier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import Literal

import numpy as np

from caviar.contract.views import Importance
from caviar.search.history import History
from caviar.search.sobol import sobol_point
from caviar.search.threads import one_thread
from caviar.search.values import Result
from caviar.search.zoom.model import Posterior, features, fit
from caviar.search.zoom.observed import learnt
from caviar.space import Categorical, Space, counted, ordinal
from caviar.space.parameter import Floats

FEWEST = 8
"""Results below which a model only repeats the noise."""
MOST = 200
"""Trials that the model sees: those that stand for most of the space."""
BACKGROUND = 128
"""Points of the space over which the other parameters are averaged."""
CELLS = 2048
"""Points of the space that are counted to say how much of it each trial stands for."""
STEPS = 16
"""Places on a number's scale at which its marginal is taken."""
FENCE = 1.5
"""Values further from the quartiles than this many interquartile ranges are pulled in: diverged trainings
would otherwise be all that there is to explain."""
FEW = 0.05
"""Up to this share of such trials is left out instead: an accident is no property of its region."""
FAR = 3.0
"""Share over share from which declared and measured importance disagree strongly."""


@one_thread
def importance(
    space: Space, results: Sequence[Result], goal: Literal["minimize", "maximize"] = "minimize"
) -> list[Importance]:
    """Shares that sum to 1, most important first; empty below 8 results or where nothing varies.

    First-order functional ANOVA (Hutter, Hoos and Leyton-Brown, "An efficient approach for assessing
    hyperparameter importance", ICML 2014) of the search's own Gaussian process instead of their random forest:
    the variance of its mean along one parameter, the others averaged over the whole space, divided by the sum
    over all parameters. A zoomed search has few trials far out, which a forest hardly splits and the process
    joins smoothly. A trial that was stopped early counts as what trials like it became; for that the ``goal`` must be
    known. The declared tiers are not told to the process. Deterministic.
    """
    history = History(space, goal, sorted(results, key=lambda result: result.number))
    told = np.isfinite(history.ranking) | (history.stopped & (history.violations <= 0.0))
    losses = learnt(history)
    told &= np.isfinite(losses)
    kept, values = [history[int(place)] for place in np.flatnonzero(told)], losses[told]
    if len(kept) < FEWEST or np.all(values == values[0]):
        return []
    bare = Space(tuple(replace(parameter, tier=None) for parameter in space))
    units, active = bare.encode([r.params for r in kept])
    weights = _cells(units)
    low, high = _fence(values, weights)
    inside = (low <= values) & (values <= high)
    if (~inside).mean() <= FEW:
        weights = np.where(inside, weights, 0.0)
    seen = np.argsort(-weights, kind="stable")[: min(MOST, np.count_nonzero(weights))]
    near = np.clip(values, low, high)[seen]
    targets = (near - near.mean()) / (near.std() or 1.0)
    points = features(bare, units[seen], active[seen])
    nothing = np.empty((0, points.shape[1]))
    posterior = Posterior(bare, fit(bare, points, targets), points, targets, nothing)
    variances = _variances(bare, posterior)
    if variances.sum() == 0:
        return []
    shares = variances / variances.sum()
    found = [
        Importance(name=parameter.name, share=float(share), tier=parameter.tier)
        for parameter, share in zip(space, shares, strict=True)
    ]
    return _judged(sorted(found, key=lambda item: -item.share))


def _cells(units: Floats) -> Floats:
    """Shape (n, d) -> (n,): of how many points of the space each trial is the nearest, and a half."""
    points = np.array([sobol_point(i, units.shape[1], 0) for i in range(CELLS)])
    apart = (units * units).sum(axis=1) - 2.0 * points @ units.T
    return np.asarray(np.bincount(apart.argmin(axis=1), minlength=len(units)) + 0.5)


def _fence(values: Floats, weights: Floats) -> tuple[float, float]:
    """Below and above what a value is an outlier.

    The quartiles are those of the space, not of the trials: after a zoom most trials are good, and an ordinary
    value would look like an outlier among them.
    """
    order = np.argsort(values, kind="stable")
    ranks = (np.cumsum(weights[order]) - 0.5 * weights[order]) / weights.sum()
    low, high = np.interp([0.25, 0.75], ranks, values[order])
    reach = FENCE * (high - low) if high > low else np.inf
    return low - reach, high + reach


def _variances(space: Space, posterior: Posterior) -> Floats:
    """Shape (d,): of the mean along each parameter, the others averaged over the space."""
    background = np.array([sobol_point(i, len(space), 0) for i in range(BACKGROUND)])
    variances = np.zeros(len(space))
    for place, parameter in enumerate(space):
        steps = len(parameter.choices) if isinstance(parameter, Categorical) else STEPS
        grid = np.repeat(background[None], steps, axis=0)
        grid[:, :, place] = ((np.arange(steps) + 0.5) / steps)[:, None]
        means, _ = posterior(features(space, *space.snap(grid.reshape(-1, len(space)))))
        variances[place] = means.reshape(steps, BACKGROUND).mean(axis=1).var()
    return variances


def _judged(found: Sequence[Importance]) -> list[Importance]:
    """With the declared tier beside the measured place, and a sentence where the two disagree strongly.

    They do where a parameter came in ahead of where its tier puts it, with at least an equal share and ``FAR`` times
    what those of better tiers have at the median; or behind it, the other way round.
    """
    equal, tiered = 1.0 / len(found), [item for item in found if item.tier]
    judged = []
    for place, item in enumerate(found, start=1):
        verdict = f"measured {ordinal(place)} of {counted(len(found))}"
        if item.tier:
            verdict = f"declared tier {item.tier}, {verdict}"
            better = [other.share for other in tiered if (other.tier or 0) < item.tier]
            worse = [other.share for other in tiered if (other.tier or 0) > item.tier]
            rank = tiered.index(item)
            if rank < len(better) and item.share >= max(equal, FAR * median(better)):
                verdict += ". It mattered far more than declared."
            elif rank >= len(tiered) - len(worse) and (
                median(worse) >= max(equal / 2, FAR * item.share)
            ):
                verdict += ". It mattered far less than declared."
        judged.append(item.model_copy(update={"verdict": verdict}))
    return judged
