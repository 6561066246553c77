"""The trials that the model is fitted to: all of a small study, the telling ones of a large one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from caviar.search.history import Flags, History, Places
from caviar.space.parameter import Floats

MOST = 120
"""Trials that the model sees; its cost grows with their cube."""

FEWEST_WHOLE = 3
"""Whole trainings known at a rung below which nothing is said of what a trial stopped there would have become."""


@dataclass(frozen=True, slots=True)
class Observed:
    """Places in the cube, (n, d), what is active there, (n, d), losses to learn from, (n,), and which of the
    trials can be the best, (n,)."""

    units: Floats
    active: Flags
    losses: Floats
    eligible: Flags


def observed(history: History, seed: int) -> Observed:
    """In the order of the trials' numbers, at most ``MOST``: the best third, the third nearest to the best, and
    a third of the others by chance. At least one trial must have a finite loss."""
    losses = learnt(history)
    few = len(history) <= MOST
    places = history.by_number() if few else _telling(history, losses, seed)
    return Observed(
        history.units[places],
        history.active[places],
        losses[places],
        np.isfinite(history.ranking[places]),
    )


def learnt(history: History) -> Floats:
    """Shape (n,): the losses as the model learns them.

    A trial beyond the study's bounds counts as worse than all that keep them, by how far it is beyond; where all are
    beyond, that alone counts. A stopped trial counts as what trials like it became: see ``_expected``.
    """
    losses, whole = history.losses, np.isfinite(history.ranking)
    beyond = history.violations > 0
    if beyond.any():
        fitting = losses[whole]
        worst, reach = (fitting.max(), np.ptp(fitting) or 1.0) if len(fitting) else (0.0, 1.0)
        losses = np.where(beyond, worst + reach * history.violations, losses)
    if history.stopped.any() and whole.any():
        losses = np.where(history.stopped, _expected(history, losses, whole), losses)
    return np.asarray(losses)


def _expected(history: History, losses: Floats, whole: Flags) -> Floats:
    """Shape (n,): the losses that stopped trials would have ended with, by those that were trained to their end.

    At the rung where a trial was stopped, a line leads from the others' losses there to their last ones: through the
    medians, as steep as the ratio of the interquartile ranges times the rank correlation. Where the order at the rung
    says nothing of the order at the end, every stopped trial counts as the median. None counts as better than the
    best whole one, and with few whole ones none as better than their median.
    """
    middle = float(np.median(losses[whole]))
    expected = np.maximum(losses, middle)
    for step, reached in history.rungs.items():
        ended = history.stopped & (history.last_steps == step)
        known = whole & np.isfinite(reached)
        if not ended.any() or known.sum() < FEWEST_WHOLE:
            continue
        there, at_end = reached[known], losses[known]
        line = np.median(at_end) + _slope(there, at_end) * (reached[ended] - np.median(there))
        expected[ended] = np.maximum(line, at_end.min())
    return expected


def _slope(there: Floats, at_end: Floats) -> float:
    spread, spread_at_end = (
        float(np.subtract(*np.quantile(v, [0.75, 0.25]))) for v in (there, at_end)
    )
    if spread == 0.0 or spread_at_end == 0.0:
        return 0.0
    rank, rank_at_end = (np.unique(v, return_inverse=True)[1] for v in (there, at_end))
    agreement = float(np.corrcoef(rank, rank_at_end)[0, 1])
    return max(agreement, 0.0) * spread_at_end / spread


def _telling(history: History, losses: Floats, seed: int) -> Places:
    third = MOST // 3
    ranked = _first(losses, history.numbers, third)
    apart = np.abs(history.units - history.units[ranked[0]]).sum(axis=1)
    chosen = np.zeros(len(losses), dtype=np.bool_)
    chosen[ranked] = True
    apart[chosen] = np.inf
    chosen[_first(apart, history.numbers, third)] = True
    rest = np.flatnonzero(~chosen)
    rest = rest[np.argsort(history.numbers[rest], kind="stable")]
    rng = np.random.default_rng([seed, len(losses) // (MOST // 4), 2])
    chosen[rng.permutation(rest)[: MOST - 2 * third]] = True
    places: npt.NDArray[np.intp] = np.flatnonzero(chosen)
    return places[np.argsort(history.numbers[places], kind="stable")]


def _first(keys: Floats, numbers: npt.NDArray[np.int64], count: int) -> Places:
    """Places of the ``count`` least keys, in order, ties by number; not all of a long history is sorted for them."""
    among = np.flatnonzero(keys <= np.partition(keys, count - 1)[count - 1])
    return np.asarray(among[np.lexsort((numbers[among], keys[among]))][:count])
