"""When a round is due, and how long the box's sides are: the trust region's bookkeeping.

The length grows after trials that were better and shrinks after a run of trials that were not (Eriksson et al.,
"Scalable global optimization via local Bayesian optimization", NeurIPS 2019, section 2). All of it is read from the
ledger and the set of results, so that neither the order of arrival nor a restart changes it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from caviar.search.history import History
from caviar.search.rounds import Round
from caviar.search.values import Result
from caviar.space import Space
from caviar.space.parameter import Floats

START = 6
"""Trials that look at the whole space before the first box."""
LONGEST = 0.8
SHORTEST = 0.01
"""Below this length there is nothing left to zoom into: the box starts over."""
GROWTH, DECAY = 1.5, 0.6
TIE_GROWTH = 1.2
"""A trial that is exactly as good as the best tells that the box lies on a plateau: smaller steps see nothing."""
NARROW, WIDE = 0.3, 3.0
"""Shortest and longest side in units of the common length."""
WINS = 2
WINDOW = 64
"""Trial numbers, back from the newest result, in which trials that are still running are looked for."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The length of the box's sides, in units of the cube, and what happened since it changed last."""

    length: float
    mark: int
    """Results there were when the current run of trials without a better one began."""
    ties: int
    """Results exactly as good as the best."""
    restarted: bool = False


def rhythm(space: Space, results: int) -> int:
    """Finished trials between two rounds: d / 2, 4 at least, and a twentieth of all that there are."""
    return max(4, math.ceil(len(space) / 2), results // 20)


def workers(history: History) -> int:
    """How many trials run at once, seen from the results alone: numbers missing below the newest one."""
    recent = history.numbers[history.numbers > history.numbers.max() - WINDOW]
    missing = int(recent.max() - max(recent.min(), recent.max() - WINDOW + 1) + 1 - len(recent))
    return 1 + missing


def patience(space: Space, history: History) -> float:
    """Trials without a better one after which the box shrinks; more where many run at once."""
    return max(4.0, len(space) / 2) * max(1.0, workers(history) / 4)


def first_pace(history: History, best: Result) -> Pace:
    return Pace(LONGEST, len(history), _ties(history, best))


def next_pace(space: Space, history: History, now: Round, best: Result) -> Pace:
    """The pace after the results since ``now`` were seen; ``best`` is the best trial of all."""
    length, mark = float(now.memory["length"]), int(now.memory["mark"])
    before = int(now.memory["ties"])
    ties = _ties(history, best)
    improved = now.incumbent is None or best.number != now.incumbent
    wins = wins_since(history, now)
    if improved:
        mark = len(history) - int((history.numbers > best.number).sum())
        new_ties = ties - 1
    else:
        new_ties = ties - before
    if new_ties > 0:
        length = min(length * TIE_GROWTH**new_ties, LONGEST)
        mark = min(mark + new_ties, len(history))
    if wins >= WINS:
        return Pace(min(length * GROWTH, LONGEST), mark, ties)
    if len(history) - mark >= patience(space, history):
        length, mark = length * DECAY, len(history)
    if length < SHORTEST:
        return Pace(LONGEST, len(history), ties, restarted=True)
    return Pace(length, mark, ties)


def resumed(memory: Mapping[str, Any], history: History) -> dict[str, Any]:
    """A round's memory with all results of ``history`` counted as seen: the box holds for a whole rhythm again."""
    if "length" not in memory:
        return dict(memory)
    places = history.best_places()
    ties = _ties(history, history[places[0]]) if len(places) else 0
    return {**memory, "mark": len(history), "ties": ties}


def wins_since(history: History, now: Round) -> int:
    """Trials better than the best that the round knew."""
    if now.best is None:
        return 0
    sign = -1.0 if history.goal == "maximize" else 1.0
    return int((history.ranking < sign * now.best).sum())


def _ties(history: History, best: Result) -> int:
    """Trials exactly as good as the best, itself included."""
    sign = -1.0 if history.goal == "maximize" else 1.0
    assert best.value is not None
    return int((history.ranking == sign * best.value).sum())


def leaders(ranked: Sequence[Result], count: int) -> list[Result]:
    """The best quarter of ``count`` trials, 3 at least and 10 at most, from the first of them, best first."""
    return list(ranked[: min(max(3, round(count / 4)), 10)])


def spread(lengths: Floats) -> Floats:
    """Shape (d,): sides relative to each other, longer where the model says that little changes."""
    relative = lengths / np.exp(np.log(lengths).mean())
    return np.asarray(np.clip(relative, NARROW, WIDE))
