"""How far apart two trials must be to tell something: plateaus of step-like metrics.

A decision tree, a rounded accuracy or a table of recorded trainings is constant over small regions. A Gaussian
process does not know this and polishes the best point for ever. Pairs of neighbours with exactly the same value show
how wide the steps are; points nearer than that to a known one are not worth a trial.
"""

from __future__ import annotations

import numpy as np

from caviar.space.parameter import Floats

FEWEST = 3
SHARE = 0.15
"""Share of the leading trials that must tie with their nearest neighbour before steps are believed in."""
LEADING = 8


def step_radius(apart: Floats, losses: Floats) -> float:
    """The distance below which neighbours mostly tie; 0 where the metric has no steps.

    ``apart`` (n, n) are the distances of the trials, infinite on the diagonal; ``losses`` (n,). Looks at the best
    third of the trials: far from the best, equal values say that everything fails alike.
    """
    leading = np.argsort(losses, kind="stable")[: max(LEADING, len(losses) // 3)]
    nearest = apart[leading].argmin(axis=1)
    distance = apart[leading, nearest]
    tied = (losses[leading] == losses[nearest]) & np.isfinite(losses[leading])
    if tied.sum() < FEWEST or tied.mean() < SHARE:
        return 0.0
    order = np.argsort(distance, kind="stable")
    share = np.cumsum(tied[order]) / np.arange(1, len(order) + 1)
    mostly = np.flatnonzero((share >= 0.5) & tied[order])
    return float(distance[order][mostly[-1]]) if len(mostly) else 0.0
