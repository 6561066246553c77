"""Champion against challenger, pair by pair on new seeds, until the evidence suffices.

The seeds that made the challenger one are left out, as confirmation leaves out the run that made a leader: otherwise
luck wins. Each look has an equal part of the 5% (Bonferroni).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance
from typing import Literal

from caviar.search.checking.student import quantile, tail

LEVEL = 0.05
"""Probability of "moved" where the challenger is not better, over all looks."""
DOUBT = 0.1
"""The study's noise hardly counts where the check's own is so much larger that chance does it less often than this."""


LEFT = 1
"""Degrees of freedom that it keeps then: with none a single repetition could decide nothing."""


@dataclass(frozen=True, slots=True)
class Noise:
    """Variance of one training's value, and the degrees of freedom behind it."""

    variance: float
    freedom: int


def pooled(
    known: float | None, freedom: int, champion: Sequence[float], challenger: Sequence[float]
) -> Noise:
    """From the study's new runs and from the check's own repetitions.

    Mostly the check's where they are much larger: new data may be noisier, or the metric on another scale.
    """
    own = [values for values in (champion, challenger) if len(values) > 1]
    count = sum(len(values) - 1 for values in own)
    squares = sum((len(values) - 1) * variance(values) for values in own)
    if known is None or freedom < 1 or not math.isfinite(known):
        return Noise(squares / count if count else 0.0, count)
    if count and _larger(squares / count, count, known * known, freedom):
        freedom = min(freedom, LEFT) if known > 0.0 else 0
    return Noise((squares + freedom * known * known) / (count + freedom), count + freedom)


def _larger(own: float, count: int, known: float, freedom: int) -> bool:
    """Whether the ratio of two variances is beyond what chance does in ``DOUBT`` of all cases.

    By the normal approximation of the ratio's cube root (Wilson and Hilferty 1931, Paulson 1942).
    """
    if known == 0.0:
        return own > 0.0
    if own == 0.0:
        return False
    cube = (own / known) ** (1.0 / 3.0)
    a, b = 2.0 / (9.0 * count), 2.0 / (9.0 * freedom)
    z = ((1.0 - b) * cube - (1.0 - a)) / math.sqrt(b * cube * cube + a)
    return 0.5 * math.erfc(z / math.sqrt(2.0)) < DOUBT


@dataclass(frozen=True, slots=True)
class Look:
    """``effect`` is the mean gain of the challenger over the pairs, within ``low`` to ``high`` with 90%."""

    word: Literal["holds", "moved", "inconclusive"] | None
    effect: float
    low: float
    high: float


def look(
    gains: Sequence[float],
    spent: int,
    looks: int,
    noise: Noise,
    tolerance: float,
    spread: float,
    last: bool,
) -> Look:
    """What the pairs so far say; no word while more pairs are worth it.

    ``spent`` looks went to other challengers before, of ``looks`` in all.

    moved         the gain is beyond the tolerance, at this look's share of the level
    holds         a gain that matters is excluded, or all is spent and the mean gain does not matter. What matters is
                  more than the tolerance and more than one standard deviation of a training over seeds: on a plateau
                  the champion holds
    inconclusive  all is spent, and the mean gain would matter
    """
    count = len(gains)
    effect = fmean(gains)
    error = math.sqrt(2.0 * noise.variance / count)
    margin = max(tolerance, math.sqrt(noise.variance))
    reach = quantile(0.05, noise.freedom) * error if noise.freedom else spread
    share = LEVEL / looks if spent + count <= looks else 0.0
    word: Literal["holds", "moved", "inconclusive"] | None = None
    if noise.freedom and _above(effect - tolerance, error, noise.freedom) < share:
        word = "moved"
    elif noise.freedom and _above(margin - effect, error, noise.freedom) < LEVEL:
        word = "holds"
    elif last:
        word = "holds" if effect <= margin else "inconclusive"
    return Look(word, effect, effect - reach, effect + reach)


def _above(gap: float, error: float, freedom: int) -> float:
    """How often chance alone makes a gap as large as this."""
    if error > 0.0:
        return tail(gap / error, freedom)
    return 0.0 if gap > 0.0 else 1.0
