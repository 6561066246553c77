"""Confirmation: the leaders are trained again on new seeds, and only the new runs say what they are worth.

The best value of a search is partly luck where the metric is noisy: of many runs it is the one that was chosen for
being high. So the run that made a trial a leader is left out of its mean.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np

from caviar.search.history import History
from caviar.search.rounds import Round
from caviar.search.threads import one_thread
from caviar.search.values import Result, Settings
from caviar.search.zoom.belief import belief
from caviar.search.zoom.model import features
from caviar.space import Space
from caviar.space.parameter import Floats

CANDIDATES = 3
SHARE = 3
"""Confirmation takes at most one trial in this many."""
QUANTILES = (
    *(12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281),
    *(2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930),
)
"""The 97.5% quantile of Student's t for 1, 2, ... degrees of freedom: no import of SciPy where results are shown."""
MOST = len(QUANTILES) + 1
"""Largest number of new runs of one leader."""


def candidates(trials: int, confirm: int) -> int:
    """How many leaders a budget of ``trials`` can train again on ``confirm`` new seeds each; 0: not even one."""
    return min(CANDIDATES, trials // SHARE // confirm) if confirm else 0


def reserved(trials: int, confirm: int) -> int:
    """The part of a budget that confirmation spends: the search has the rest."""
    return confirm * candidates(trials, confirm)


@one_thread
def leaders(
    space: Space,
    settings: Settings,
    round_: Round,
    results: Sequence[Result],
    count: int,
    prior: Sequence[Result] = (),
) -> list[int]:
    """Numbers of the ``count`` trials that are probably the best, at different points, the best first.

    By the mean of the round's model, which sees a lucky value beside its neighbours; by the value itself where the
    strategy has no model. Only trials that can be the best; fewer where there are not as many.
    """
    history = History.of(space, settings.goal, results)
    places = history.best_places()
    if "kernels" in round_.memory and len(places):
        places = places[np.argsort(_means(history, settings, round_, prior)[places], kind="stable")]
    chosen: dict[tuple[object, ...], int] = {}
    for place in places:
        chosen.setdefault(space.key(history[place].params), history[place].number)
        if len(chosen) == count:
            break
    return list(chosen.values())


def _means(history: History, settings: Settings, round_: Round, prior: Sequence[Result]) -> Floats:
    """Shape (n,): the loss that the model expects at each result's point, standardised."""
    space = history.space
    elsewhere = History.of(space, settings.goal, prior)
    posterior = belief(settings, round_, "power", history, (), elsewhere).posterior
    return posterior(features(space, history.units, history.active))[0]


def next_leader(chosen: Sequence[int], runs: Sequence[int], confirm: int) -> int | None:
    """Which of ``chosen`` is trained again next: each once, then each twice, and so on; None after ``confirm``.

    ``runs`` are the leaders of the new runs that were created so far.
    """
    done = Counter(runs)
    waiting = [leader for leader in chosen if done[leader] < confirm]
    return min(waiting, key=lambda leader: done[leader]) if waiting else None


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The best leader by its new runs alone: ``trial`` is the number of the leader."""

    trial: int
    runs: int
    mean: float
    low: float | None
    high: float | None
    """95% interval of the mean (Student's t); None with a single run."""
    rivals: tuple[int, ...]
    """The other leaders that gave a value, the better ones first."""


def confirmed(runs: Mapping[int, Sequence[float | None]], goal: str) -> Confirmation | None:
    """The verdict over ``runs``: leader -> the values of its new runs, None for one that failed.

    A leader that failed on fewer seeds goes first, then the better mean, then the earlier trial. None where no run
    gave a value.
    """
    sign = -1.0 if goal == "maximize" else 1.0
    ranked = []
    for leader, values in runs.items():
        good = [value for value in values if value is not None]
        if good:
            ranked.append((len(values) - len(good), sign * fmean(good), leader, good))
    if not ranked:
        return None
    ranked.sort(key=lambda entry: entry[:3])
    _, _, leader, good = ranked[0]
    low, high = interval(good)
    rivals = tuple(entry[2] for entry in ranked[1:])
    return Confirmation(leader, len(good), fmean(good), low, high, rivals)


def interval(values: Sequence[float]) -> tuple[float | None, float | None]:
    """The 95% interval of the mean of 2 to ``MOST`` values, mean -+ t s / sqrt(n); (None, None) for one."""
    if len(values) < 2:
        return None, None
    reach = QUANTILES[len(values) - 2] * stdev(values) / math.sqrt(len(values))
    return fmean(values) - reach, fmean(values) + reach
