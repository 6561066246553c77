"""What a study's trials take together: those that ended, those that run, and those to come.

Where the search will look is not known, only where it looked and how good that was. So the sum is drawn many times:
each time with lengths as they may be, around a place where the best may lie, with early stops as they may come.
Pure: no I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from caviar.scheduler.outlook.lengths import Length, Lengths
from caviar.scheduler.outlook.stops import Stops
from caviar.scheduler.outlook.whereabouts import Seen, follow, points
from caviar.space import Box, Space
from caviar.space.parameter import Floats

DRAWS: Final = 300
AHEAD: Final = 24
"""Points that stand for all those to come, in one draw."""
NOISIEST: Final = 1.5
"""A larger noise of the logarithm would make the sum one of accidents."""
LONGEST_LOG: Final = 25.0
TRAINED: Final = 0.25
"""From this share of a training on, its whole length is told by it: before, by a step that was heard late or early."""
MOST_OVERHEAD: Final = 5.0
DOUBT: Final = 2.0
"""So many trials without a crash are held against those that crashed."""


@dataclass(frozen=True, slots=True)
class Past:
    """A trial that ended. ``source`` 0: of the study itself; others are earlier studies, numbered without gaps."""

    unit: Floats
    """Its place in the cube, (d,)."""
    seconds: float
    state: str
    trained: float | None = None
    """The share of a whole training that it trained, in (0, 1]; None where that is not known."""
    loss: float | None = None
    """Of a whole training that can be the best: its metric, to be minimised."""
    source: int = 0
    cold: bool = False
    """It was the first of its slot."""


@dataclass(frozen=True, slots=True)
class Present:
    """A trial that runs, for ``seconds`` so far."""

    unit: Floats
    seconds: float
    trained: float | None = None


@dataclass(frozen=True)
class Case:
    """What is known of a study, own trials in the order of their ends."""

    space: Space
    box: Box
    narrows: bool
    """Whether the search looks more and more where it found the best."""
    past: Sequence[Past]
    present: Sequence[Present]
    left: int
    """Trials to come, the leaders' new runs apart."""
    again: int
    """New runs of leaders to come: they train whole."""
    begun: int = 0
    """Own trials that ended or run; ``past`` may have only the newest of them."""
    spent_s: float = 0.0
    """Slot-seconds of the own trials that ended, with attempts that came to nothing."""
    trained_s: float = 0.0
    """Of them, what the trials' last attempts took."""
    rungs: tuple[float, ...] = ()
    """Shares of a whole training at which trials are compared, rising."""
    early: int = 0
    """Of so many first trials nothing is learnt about stops: there was too little to compare them with."""


@dataclass(frozen=True, slots=True)
class Total:
    """Slot-seconds, and a 90% interval of them."""

    middle: float
    low: float
    high: float


def project(case: Case, seed: int = 0) -> Total | None:
    """None where no trial has trained to its end. The same for the same case and seed."""
    seen = _whole(case)
    if not any(each.ran for each in seen):
        return None
    rng = np.random.default_rng(seed)
    lengths = Lengths.fit(case.space, seen)
    totals = _totals(case, lengths, rng)
    low, high = np.quantile(totals, [0.05, 0.95])
    likely = np.sort(np.clip(totals, low, high))
    # What is least off beside the actual total, on average: too much is off by more than too little.
    weights = np.cumsum(1.0 / np.maximum(likely, 1e-9))
    middle = likely[np.searchsorted(weights, weights[-1] / 2)]
    return Total(float(middle), float(low), float(high))


def _whole(case: Case) -> list[Length]:
    """What is known of whole trainings; of one that was stopped, by the share that it trained."""
    seen = []
    for past in case.past:
        if past.state == "done":
            seen.append(Length(past.unit, past.seconds, True, past.source, past.cold))
        elif past.state == "stopped":
            share = past.trained
            whole = past.seconds / (share or 1.0)
            seen.append(Length(past.unit, whole, bool(share), past.source))
    for present in case.present:
        known = _is_told(present)
        whole = present.seconds / (present.trained or 1.0) if known else present.seconds
        if whole > 0:
            seen.append(Length(present.unit, whole, ran=known))
    return seen


def _is_told(present: Present) -> bool:
    return present.seconds > 0 and present.trained is not None and present.trained > TRAINED


def _overhead(case: Case) -> float:
    """Slot-seconds for each second of a trial's last attempt: crashes, lost hosts."""
    ended = case.begun - len(case.present)
    if case.trained_s <= 0 or ended <= 0:
        return 1.0
    held_to = DOUBT * case.trained_s / ended
    return min(MOST_OVERHEAD, max(1.0, (case.spent_s + held_to) / (case.trained_s + held_to)))


def _totals(case: Case, lengths: Lengths, rng: np.random.Generator) -> Floats:
    """Shape (DRAWS,)."""
    ahead, present = min(case.left, AHEAD), len(case.present)
    where = _asked(case, ahead, rng)
    totals = np.full(DRAWS, float(case.spent_s))
    if not where.shape[1]:
        return totals
    logs, noises = lengths.draw(where, rng)
    logs = np.minimum(logs, LONGEST_LOG)
    noises = np.minimum(noises, NOISIEST)[:, None]
    stops = Stops.of(case.past, [each.trained for each in case.present], case.rungs, case.early)
    overhead = _overhead(case)
    for place, each in enumerate(case.present):
        whole = _whole_of(each, logs[:, place, None], noises, rng)
        share = np.maximum(stops.shares((DRAWS, 1), rng)[:, 0], each.seconds / whole)
        totals += overhead * share * whole
    drawn = np.exp(logs + noises * rng.standard_normal(logs.shape))
    if ahead:
        to_come = drawn[:, present : present + ahead] * stops.shares((DRAWS, ahead), rng)
        totals += overhead * case.left * to_come.mean(axis=1)
    return np.asarray(totals + overhead * drawn[:, present + ahead :].sum(axis=1))


def _asked(case: Case, ahead: int, rng: np.random.Generator) -> Floats:
    """The points whose lengths make up what is to come, (DRAWS, n, d): what runs, what comes, what is confirmed."""
    d = len(case.space)
    seen = [Seen(past.unit, past.loss) for past in case.past if past.loss is not None]
    to_come = points(case.box, case.narrows, seen, case.begun, case.left, (DRAWS, ahead), rng)
    sources = 1 + max((past.source for past in case.past), default=0)
    trails = [[p.unit for p in case.past if p.source == each] for each in range(1, sources)]
    to_come = follow(trails, to_come, case.begun, case.left, rng)
    going = np.array([each.unit for each in case.present]).reshape(-1, d)
    best = sorted(seen, key=lambda each: each.loss)[:3]
    leaders = np.array([each.unit for each in best] or [np.full(d, 0.5)])
    again = leaders[rng.integers(len(leaders), size=(DRAWS, case.again))]
    return np.concatenate(
        [np.broadcast_to(going, (DRAWS, *going.shape)), to_come, again.reshape(DRAWS, -1, d)],
        axis=1,
    )


def _whole_of(present: Present, logs: Floats, noises: Floats, rng: np.random.Generator) -> Floats:
    """Seconds of the whole training, (DRAWS,), all longer than it has run."""
    if _is_told(present) and present.trained:
        return np.full(len(logs), present.seconds / present.trained)
    tries = np.exp(logs + noises * rng.standard_normal((len(logs), 32)))
    longer = tries > present.seconds
    first = tries[np.arange(len(logs)), longer.argmax(axis=1)]
    return np.asarray(np.where(longer.any(axis=1), first, 1.05 * max(present.seconds, 1e-9)))
