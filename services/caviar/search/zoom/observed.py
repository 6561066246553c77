"""The trials that the model is fitted to: all of a small study, the telling ones of a large one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from caviar.search.history import Flags, History, Places
from caviar.space.parameter import Floats

MOST = 120
"""Trials that the model sees; its cost grows with their cube."""


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
    order = history.by_number()
    places = order if len(order) <= MOST else _telling(history, losses, seed)
    return Observed(
        history.units[places],
        history.active[places],
        losses[places],
        np.isfinite(history.ranking[places]),
    )


def learnt(history: History) -> Floats:
    """Shape (n,): the losses as the model learns them.

    A trial beyond the study's bounds counts as failed, and where all are beyond, by how far it is. A stopped trial
    counts as no better than the median of the whole trainings: it was worse than most where it was stopped.
    """
    losses, whole = history.losses, np.isfinite(history.ranking)
    beyond = history.violations > 0
    if beyond.any():
        nothing_fits = not whole.any()
        losses = np.where(beyond, history.violations if nothing_fits else np.inf, losses)
    if history.stopped.any() and whole.any():
        floor = np.median(history.ranking[whole])
        losses = np.where(history.stopped, np.maximum(losses, floor), losses)
    return np.asarray(losses)


def _telling(history: History, losses: Floats, seed: int) -> Places:
    third = MOST // 3
    ranked = np.lexsort((history.numbers, losses))
    apart = np.abs(history.units - history.units[ranked[0]]).sum(axis=1)
    chosen = np.zeros(len(losses), dtype=np.bool_)
    chosen[ranked[:third]] = True
    apart[chosen] = np.inf
    near = np.lexsort((history.numbers, apart))[:third]
    chosen[near] = True
    rest = np.flatnonzero(~chosen)
    rest = rest[np.argsort(history.numbers[rest], kind="stable")]
    rng = np.random.default_rng([seed, len(losses) // (MOST // 4), 2])
    chosen[rng.permutation(rest)[: MOST - 2 * third]] = True
    places: npt.NDArray[np.intp] = np.flatnonzero(chosen)
    return places[np.argsort(history.numbers[places], kind="stable")]
