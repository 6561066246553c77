"""Asynchronous successive halving: where trials are compared, and which of them go on. Pure and light to import.

Li et al., "A system for massively parallel hyperparameter tuning", MLSys 2020, algorithm 2, in the variant that ends a
trial where the paper would pause it. Nobody waits for a rung to fill: a trial is compared with what is there.

    marks(first=0, reduction=3)                1 3 9 27 ... steps trained: steps 0, 2, 8, 26, ...
    rungs(reduction=3, first=0, last=39)       the marks that count in a training of 40 steps: (2, 8)
    goes_on(0.81, [0.9, 0.7, 0.6], 3, "maximize")

The resource is the number of steps trained, ``step - first + 1``: a trainer that counts 0..39 and one that counts 1..40
are alike. Marks don't depend on how long a training is, so every value that was ever written down can be compared,
also those from before anybody knew the length.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from statistics import median

Curve = Sequence[tuple[int, float | None]]
"""(step, metric), steps rising; None where the metric was no finite number."""

MOST = 2
"""Rungs at most where the study does not say where the first one is: with a reduction of 3 at about a third and a ninth
of a training. On the digits example a third rung, after the first epoch, would save half of the rest, and
would end the best of 60 trials in 20% of the cases instead of 5%."""
MOST_MARKS = 64
SLACK = 0.5
"""From ``reduction`` squared values on, who misses the best share by less than this part of the way from the best value
to the median goes on as well. Late in a search nearly all trials are good and alike: their order after a few steps is
chance, and a plain share would end most of the best."""


def marks(first: int, reduction: int, min_steps: int = 1) -> Iterator[int]:
    """Steps at which values are written down, rising: after ``min_steps * reduction**k`` steps, k = 0, 1, ..."""
    for k in range(MOST_MARKS):
        yield first + min_steps * reduction**k - 1


def rungs(
    reduction: int, first: int, last: int | None = None, min_steps: int | None = None
) -> tuple[int, ...]:
    """Steps at which trials are compared, rising: marks up to half of a whole training from ``first`` to ``last``.

    The highest ``MOST`` of them; all, and the first one in any case, where ``min_steps`` says which is the lowest.
    Never the last step: a trial that is there has trained whole. ``last`` None: nobody knows yet how long a training
    is, and only a rung that the study itself names can be used.
    """
    found = []
    length = math.inf if last is None else last - first + 1
    for k, mark in enumerate(marks(first, reduction, min_steps or 1)):
        trained = mark - first + 1
        named = min_steps is not None and k == 0 and trained < length
        if not named and (last is None or 2 * trained > length):
            break
        found.append(mark)
    return tuple(found if min_steps is not None else found[-MOST:])


def value_at(curve: Curve, rung: int) -> float | None:
    """The first value at ``rung`` or after it; NaN where that was no finite number; None: not reached."""
    for step, value in curve:
        if step >= rung:
            return math.nan if value is None else value
    return None


def goes_on(value: float | None, others: Sequence[float | None], reduction: int, goal: str) -> bool:
    """Whether a trial with ``value`` at a rung is among the best 1/``reduction`` of all that are there, or nearly.

    ``others``: the values of the other trials at that rung, in any order. With fewer than ``reduction`` values in all
    it goes on. None and values that are not finite are worse than any other; equal values share the better place.
    "Nearly" is up to ``SLACK`` behind the last of the others that are among the best, once they are enough to say so.
    """
    total = len(others) + 1
    if total < reduction:
        return True
    mine = loss(value, goal)
    if mine == math.inf:
        return False
    finite = sorted(found for other in others if (found := loss(other, goal)) < math.inf)
    among = total // reduction
    if bisect_left(finite, mine) < among:
        return True
    if total < reduction**2:
        return False
    return mine <= finite[among - 1] + SLACK * (median(finite) - finite[0])


def loss(value: float | None, goal: str) -> float:
    """``value`` to be minimised; ``inf`` for what is no finite number."""
    if value is None or not math.isfinite(value):
        return math.inf
    return -value if goal == "maximize" else value


def thinned(values: Sequence[float], most: int) -> list[float]:
    """At most ``most`` of sorted ``values``, evenly spread by rank: a share of them is the same share of all."""
    count = len(values)
    if count <= most:
        return list(values)
    return [values[(2 * place + 1) * count // (2 * most)] for place in range(most)]
