"""How much of the metric's variation each parameter explains by itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from caviar.contract.views import Importance
from caviar.errors import CaviarError
from caviar.search.sobol import sobol_point
from caviar.search.values import Result
from caviar.space import Categorical, Space
from caviar.space.parameter import Floats

FEWEST = 8
"""Results below which a forest only repeats the noise."""
TREES = 64
BACKGROUND = 128
"""Points of the space over which the other parameters are averaged."""
STEPS = 16
"""Places on a number's scale at which its marginal is taken."""
FENCE = 1.5
"""Values further from the quartiles than this many interquartile ranges are pulled in: one diverged
training would otherwise be all that the forest explains."""


def importance(space: Space, results: Sequence[Result]) -> list[Importance]:
    """Shares that sum to 1, most important first; empty below 8 results or where nothing varies.

    First-order functional ANOVA (Hutter, Hoos and Leyton-Brown, "An efficient approach for assessing
    hyperparameter importance", ICML 2014): the variance of the forest's mean along one parameter, the
    others averaged over the whole space, divided by the sum over all parameters. Deterministic.
    Raises CaviarError without scikit-learn.
    """
    kept = sorted((r for r in results if r.succeeded), key=lambda result: result.number)
    values = np.array([r.value for r in kept], dtype=np.float64)
    if len(kept) < FEWEST or np.all(values == values[0]):
        return []
    try:
        from sklearn.ensemble import RandomForestRegressor
    except ImportError:
        raise CaviarError("Importance needs scikit-learn: pip install 'caviar[service]'.") from None
    forest = RandomForestRegressor(TREES, min_samples_leaf=2, random_state=0)
    places, _ = space.encode([r.params for r in kept])
    forest.fit(places, _fenced(values))
    background = np.array([sobol_point(i, len(space), 0) for i in range(BACKGROUND)])
    variances = np.zeros(len(space))
    for place, parameter in enumerate(space):
        steps = len(parameter.choices) if isinstance(parameter, Categorical) else STEPS
        grid = np.repeat(background[None], steps, axis=0)
        grid[:, :, place] = ((np.arange(steps) + 0.5) / steps)[:, None]
        means = forest.predict(grid.reshape(-1, len(space))).reshape(steps, BACKGROUND).mean(axis=1)
        variances[place] = means.var()
    if variances.sum() == 0:
        return []
    shares = variances / variances.sum()
    found = [
        Importance(name=parameter.name, share=float(share), tier=parameter.tier)
        for parameter, share in zip(space, shares, strict=True)
    ]
    return sorted(found, key=lambda item: -item.share)


def _fenced(values: Floats) -> Floats:
    """Outliers pulled in to the fence, then centred and scaled to [-1, 1]: trees stop at tiny variances."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    reach = FENCE * (high - low)
    near = np.clip(values, low - reach, high + reach) if reach > 0 else values
    return np.asarray((near - middle) / np.abs(near - middle).max())
