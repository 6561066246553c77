"""What a change did to a learning curve: helped, hurt, or honestly nothing that can be said yet.

Every curve slows down by itself, its noise has a memory, and it bends more at first than later. So the reports after a
change are held against a forecast from the reports before it, and a gap counts by how far such forecasts missed earlier
on the same curve (`caviar.panda.forecast`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median
from typing import Final, Literal

import numpy as np

from caviar.panda.forecast import Floats, ahead, late, misses
from caviar.search.threads import one_thread
from caviar.studies.spec import Goal

Points = Sequence[tuple[int, float]]
Word = Literal["helped", "hurt", "no effect yet", "too noisy", "too early"]

BEFORE: Final = 12
"""Fewest reports before a change."""
AFTER: Final = 4
"""Fewest reports after it."""
SIDE_BY_SIDE: Final = 10
"""Fewest steps that two curves share."""
REACH: Final = 3
"""A forecast is trusted for one report for so many that it is made from."""
BEYOND: Final = 2
"""It may take a word back, or say one where the gap is huge, for so many for each that it is made from."""
MOST: Final = 40
"""Where the reach is longer than so many reports, neighbours are averaged."""
FAR: Final = 2.75
"""A gap of so many usual misses is an effect,"""
EARLY, FAR_EARLY = 10, 4.0
"""of so many below ten reports, where a change of the learning rate has just shaken the curve,"""
FAR_BEYOND: Final = 10.0
"""and of so many beyond the reach."""
APART, APART_ALONE = 0.76, 2.2
"""Two unchanged curves wander apart by less than a forecast misses and by more than the scatter of each says. What is
usual is the geometric mean of both, times the root of the first; without a history the scatter, times the second."""
WITHIN: Final = 2.0
"""Spreads to both sides for a 90% interval: the misses have longer tails than a normal distribution."""
FLAT: Final = 1e-6
"""Of the largest value: what is below it is not noise."""
AT_ONCE: Final = 0.6
"""The effect came at once where its first quarter is already so much of it."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change did, in words and in figures.

    ``ratio``: what the metric gained since, divided by what it was on the way to gain without the change; below 0
    where it lost. ``low`` to ``high`` is its 90% interval. All three are None where that cannot be said, for instance
    where the metric was on the way to nowhere.
    """

    word: Word
    ratio: float | None
    low: float | None
    high: float | None
    sentence: str
    look_again: int | None
    """Steps after the last report until there is more to see; None where it is said, or never will be."""


@one_thread
def effect(
    points: Points,
    at: int,
    goal: Goal,
    name: str = "the metric",
    until: int | None = None,
    since: int | None = None,
) -> Effect:
    """What the change that took effect after step ``at`` did to the metric ``name``.

    ``points`` are (step, value) as reported since the training began, steps rising; values may be NaN or infinite.
    ``since`` and ``until`` are the steps of the change before and of the next one: they bound what is looked at.
    Ask again, with more points, after ``look_again`` steps: a later word replaces an earlier one. Never raises,
    whatever the values are.
    """
    before = [(s, v) for s, v in points if s <= at and (since is None or s > since)]
    after = [(s, v) for s, v in points if s > at and (until is None or s <= until)]
    broken = next((s for s, v in after if not math.isfinite(v)), None)
    if broken is not None and before and math.isfinite(before[-1][1]):
        return _plain("hurt", f"hurt: {name} is not a finite number at step {broken}")
    before, after = _finite(before), _finite(after)
    if len(before) < BEFORE:
        few = f"{len(before)} reports before it, {BEFORE} are needed"
        return _plain("too early", f"the change came too early to say what it did: {few}")
    gap = _gap(before)
    if len(after) < AFTER:
        steps = math.ceil(gap * (AFTER - len(after))) if until is None else None
        return _plain("too early", _again("too early to say", steps), steps)

    width = max(gap, _gap(after)) * math.ceil(min(len(after), len(before) / REACH) / MOST)
    scale = _scale(before, after)
    old, new = (
        _even(side, before[-1][0], width, -scale if goal == "maximize" else scale)
        for side in (before, after)
    )
    more = until is None and len(new) < BEYOND * len(old)
    steps = max(1, after[-1][0] - at) if more else None
    reach = min(len(new), len(old) // REACH)
    if reach < AFTER:
        return _plain("too noisy", _again(f"{name} is reported too rarely to say", steps), steps)
    first = 1 + round((before[0][0] - points[0][0]) / width)
    found = _change(old, new[:reach], first, FAR if reach >= EARLY else FAR_EARLY)
    if reach < len(new):
        beyond = _change(old, new[: BEYOND * len(old)], first, FAR_BEYOND)
        if beyond.said:
            found = beyond
        elif beyond.gap * found.gap < 0:
            found = replace(found, limit=math.inf)
    return _effect(found, name, goal, scale, width, steps)


@one_thread
def compare(a: Points, b: Points, since: int, goal: Goal, name: str = "the metric") -> Effect:
    """Whether ``b`` does better than ``a``: "helped" where it does, "hurt" where it does worse.

    Both go on from one checkpoint, of step ``since``, and are compared at the steps that both report. The points of
    ``a`` up to there are its history: with BEFORE of them or more the verdict is better founded. Never raises,
    whatever the values are.
    """
    others = {s: v for s, v in b if s > since}
    pairs = [(s, v, others[s]) for s, v in a if s > since and s in others]
    for step, one, other in pairs:
        fine = math.isfinite(one), math.isfinite(other)
        if fine == (True, False):
            return _plain("hurt", f"hurt: {name} is not a finite number at step {step}")
        if fine == (False, True):
            words = f"helped: without the change {name} is not a finite number at step {step}"
            return _plain("helped", words)
        if fine == (False, False):
            words = f"with and without the change {name} is not a finite number at step {step}"
            return _plain("too noisy", words)
    gap = _gap([(s, v) for s, v, _ in pairs])
    if len(pairs) < SIDE_BY_SIDE:
        steps = math.ceil(gap * (SIDE_BY_SIDE - len(pairs)))
        return _plain("too early", _again("too early to say", steps), steps)

    history = _finite([(s, v) for s, v in a if s <= since])
    scale = _scale(history, [(0, v) for _, *both in pairs for v in both])
    signed = -scale if goal == "maximize" else scale
    without = np.array([v for _, v, _ in pairs]) / signed
    with_it = np.array([v for _, _, v in pairs]) / signed
    ends = late(len(pairs))
    ended = float(without[-ends:].mean())
    scatter = math.hypot(_scatter(without), _scatter(with_it))
    spread, fall = APART_ALONE * scatter, 0.0
    if len(history) >= BEFORE:
        width = gap * math.ceil(min(len(pairs), len(history) / REACH) / MOST)
        old = _even(history, history[-1][0], width, signed)
        reach = min(math.ceil(len(pairs) * gap / width), len(old) // REACH)
        if reach >= AFTER:
            then = ahead(old, reach)
            usual = math.sqrt(2.0) * then.spread * misses(old, reach)
            spread, fall = math.sqrt(APART * usual * scatter), then.level - ended
    found = _Change(ended - float(with_it[-ends:].mean()), spread, fall, FAR, len(pairs))
    return _effect(found, name, goal, scale, gap, max(1, pairs[-1][0] - since))


@dataclass(frozen=True, slots=True)
class _Change:
    """Lower is better here. ``gap``: how much lower the curve came out than without the change, at the end."""

    gap: float
    spread: float
    """What a gap usually is where nothing was changed."""
    fall: float
    """How much the curve falls without the change."""
    limit: float
    """The gap that is an effect, in spreads."""
    reports: int
    at_once: bool = False

    @property
    def said(self) -> bool:
        return abs(self.gap) > self.limit * self.spread


def _change(old: Floats, new: Floats, first: int, limit: float) -> _Change:
    """What ``new`` is, shape (m,), against the forecast from ``old``, shape (n,)."""
    reports = len(new)
    then = ahead(old, reports, first)
    gap = then.expected - float(new[-late(reports) :].mean())
    quarter = max(2, reports // 4)
    soon = ahead(old, quarter, first).expected - float(
        new[quarter - late(quarter) : quarter].mean()
    )
    usual = then.spread * misses(old, min(reports, len(old) // REACH), first)
    at_once = gap > 0 and soon > AT_ONCE * gap
    return _Change(gap, usual, then.level - then.expected, limit, reports, at_once)


def _effect(
    found: _Change, name: str, goal: Goal, scale: float, width: float, steps: int | None
) -> Effect:
    gap, fall, reach = found.gap, found.fall, WITHIN * found.spread
    ratio = low = high = None
    if fall > reach:  # the error is in what was expected or in what came: the wider of both
        gained = fall + gap
        ends = [gained / (fall - reach), gained / (fall + reach)]
        ends += [(gained - reach) / fall, (gained + reach) / fall]
        ratio, low, high = gained / fall, min(ends), max(ends)
    if not found.said:
        # A pace three times as high would not be seen either. What is left of a flat line by rounding is no noise.
        noisy = found.limit * found.spread > max(2.0 * abs(fall), FLAT)
        words = "the curve is too noisy to say" if noisy else "no visible effect yet"
        word: Word = "too noisy" if noisy else "no effect yet"
        return Effect(word, ratio, low, high, _again(words, steps), steps)
    falls, lower, higher, rises = "falls", "lower", "higher", "rises"
    if goal == "maximize":
        falls, lower, higher, rises = rises, higher, lower, falls
    amount = f"{scale * abs(gap):.2g}, 90% interval {scale * max(0.0, abs(gap) - reach):.2g}"
    amount += f" to {scale * (abs(gap) + reach):.2g}"
    pace = f"90% interval {low:.2g} to {high:.2g}" if ratio is not None else ""
    word = "helped" if gap > 0 else "hurt"
    if gap > 0 and found.at_once:
        words = f"{name} came out {lower} at once, by {amount}"
    elif gap > 0 and ratio is not None:
        words = f"{name} {falls} {ratio:.2g} times faster, {pace}"
    elif gap < 0 and fall + gap < 0:
        span = max(1, round(width * found.reports))
        words = f"{name} {rises} since, by {scale * -(fall + gap):.2g} in {span} steps"
    elif gap < 0 and ratio is not None:
        words = f"{name} {falls} at {ratio:.2g} of its pace, {pace}"
    else:
        words = f"{name} is {lower if gap > 0 else higher} than it would be, by {amount}"
    return Effect(word, ratio, low, high, f"{word}: {words}", None)


def _plain(word: Word, sentence: str, look_again: int | None = None) -> Effect:
    return Effect(word, None, None, None, sentence, look_again)


def _again(words: str, steps: int | None) -> str:
    return words if steps is None else f"{words}, look again in {steps} step{'s' * (steps > 1)}"


def _finite(points: Points) -> list[tuple[int, float]]:
    return [(s, v) for s, v in points if math.isfinite(v)]


def _gap(points: Points) -> float:
    """The usual number of steps between two reports; 1 where there is no second one."""
    gaps = [later[0] - one[0] for one, later in pairwise(points)]
    return max(1.0, float(median(gaps))) if gaps else 1.0


def _scale(*sides: Points) -> float:
    """The largest size of a value: sums and squares of values divided by it are finite."""
    return max(abs(v) for side in sides for _, v in side) or 1.0


def _even(points: Points, middle: int, width: float, scale: float) -> Floats:
    """The values divided by ``scale``, one for every ``width`` steps away from ``middle``, in the order of the steps.

    Means where several points share a place; a straight line over places without one. All points are on one side.
    What lies farther than four places for each point is left out.
    """
    farther = points[-1][0] > middle
    most = 4 * len(points)
    at, values = [], []
    for step, value in points:
        place = math.ceil((step - middle) / width) - 1 if farther else (middle - step) // width
        if 0 <= place < most:
            at.append(int(place))
            values.append(value / scale)
    if not at:
        return np.empty(0)
    counts = np.bincount(at)
    sums = np.bincount(at, weights=values)
    there = np.flatnonzero(counts)
    even = np.interp(np.arange(len(counts)), there, sums[there] / counts[there])
    return even if farther else even[::-1]


def _scatter(curve: Floats) -> float:
    """The error of the mean of the last half of a curve, by its residuals around a line in the logarithm of time.

    They are taken as an autoregression of order 1, whose coefficient is estimated too low by about 4 / n.
    """
    count = len(curve)
    time = np.log(np.arange(1, count + 1) + 10.0)
    lines = np.stack([np.ones(count), time], axis=1)
    rest = curve - lines @ (np.linalg.pinv(lines) @ curve)
    squares = float(rest @ rest)
    memory = float(rest[1:] @ rest[:-1]) / squares if squares > 0 else 0.0
    memory = min(max(memory + 4.0 / count, 0.0), 0.95)
    variance = squares / (count - 2) * (1.0 + memory) / (1.0 - memory)
    return math.sqrt(variance / late(count)) + 1e-12
