"""What the trials of one running study have reached at the rungs, for the stopping rule that its workers apply.

Nothing here decides: a worker does, next to its trials. Built again after a restart from the curves of trials that
ended, and from the next heartbeats.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from typing import overload

from caviar.adapters.sql import TrialRow
from caviar.contract import halving
from caviar.contract.messages import VALUES, StopRule
from caviar.search import Result
from caviar.studies.stopping import Stopping

Curve = tuple[tuple[int, float | None], ...]


class Rungs:
    """The curves of a study's trials, and for each mark the losses of those that ended."""

    def __init__(self, stopping: Stopping, goal: str) -> None:
        self._stopping = stopping
        self._goal = goal
        self._first: int | None = None
        self._last: int | None = None
        self._open: dict[int, Curve] = {}
        self._ended: dict[int, Curve] = {}
        self._losses: dict[int, list[float]] = {}
        """Of trials that ended, by mark, rising; only for marks that were asked for."""
        self._reached: dict[int, dict[int, float]] = {}
        """Of open trials, by number, for the same marks."""

    def heard(self, row: TrialRow, curve: Curve) -> Curve:
        """Take what an open trial has reached; with what earlier attempts of it had, the newer of two at one step."""
        known = self._open.get(row.number) or _points(row)
        merged = tuple(sorted({**dict(known), **dict(curve)}.items()))
        if merged and merged != self._open.get(row.number):
            self._open[row.number] = merged
            self._begins(merged[0][0])
            for mark, reached in self._reached.items():
                if (loss := self._loss(merged, mark)) is not None:
                    reached[row.number] = loss
        return merged

    def ended(self, row: TrialRow, result: Result) -> None:
        """Take the curve of a trial that ended; it shares that of its result where nothing is left out there."""
        self.forget(row)
        if self._stopping.rule == "none" or not row.curve:
            return
        curve: Curve = result.curve if len(result.curve) == len(row.curve) else _points(row)
        self._ended[row.number] = curve
        self._begins(curve[0][0])
        if row.state == "done":
            self._last = max(self._last or 0, curve[-1][0])
        for mark, losses in self._losses.items():
            if (loss := self._loss(curve, mark)) is not None:
                insort(losses, loss)

    def forget(self, row: TrialRow) -> None:
        """It ended, and nobody is compared with it any more."""
        self._open.pop(row.number, None)
        for reached in self._reached.values():
            reached.pop(row.number, None)

    def open(self) -> dict[int, Curve]:
        """What the open trials have reported, by number. A copy, which is made at once: others may look."""
        return dict(self._open)

    def rule(self, running_there: Iterable[int] = ()) -> StopRule | None:
        """The rule for a worker that runs the trials ``running_there``; None where the study stops nothing early."""
        stopping = self._stopping
        if stopping.rule == "none":
            return None
        rungs: tuple[int, ...] = ()
        if self._first is not None:
            rungs = halving.rungs(stopping.reduction, self._first, self._last, stopping.min_steps)
        there = set(running_there)
        return StopRule(
            reduction=stopping.reduction,
            min_steps=stopping.min_steps or 1,
            first=self._first,
            last=self._last,
            rungs=rungs,
            values=tuple(self._values(rung, there) for rung in rungs),
        )

    def _values(self, rung: int, there: set[int]) -> tuple[float | None, ...]:
        if rung not in self._losses:
            found = (self._loss(curve, rung) for curve in self._ended.values())
            self._losses[rung] = sorted(loss for loss in found if loss is not None)
            self._reached[rung] = {
                number: loss
                for number, curve in self._open.items()
                if (loss := self._loss(curve, rung)) is not None
            }
        reached = self._reached[rung].items()
        running = sorted(loss for number, loss in reached if number not in there)
        sign = -1.0 if self._goal == "maximize" else 1.0
        return tuple(
            None if loss == math.inf else sign * loss
            for loss in halving.thinned(_Merged(self._losses[rung], running), VALUES)
        )

    def _loss(self, curve: Curve, rung: int) -> float | None:
        """The loss of a trial at ``rung``; None where it is not known there: not reached, or the start is missing."""
        if self._first is None or curve[0][0] > self._first:
            return None
        value = halving.value_at(curve, rung)
        return None if value is None else halving.loss(value, self._goal)

    def _begins(self, step: int) -> None:
        if self._first is None or step < self._first:
            self._first = step
            self._losses.clear()
            self._reached.clear()


class _Merged(Sequence[float]):
    """Two rising lists as one, without merging: the first may be long, and a few places of it are looked at."""

    def __init__(self, long: list[float], short: list[float]) -> None:
        self._long, self._short = long, short
        self._places = [bisect_right(long, value) + place for place, value in enumerate(short)]

    def __len__(self) -> int:
        return len(self._long) + len(self._short)

    @overload
    def __getitem__(self, place: int) -> float: ...
    @overload
    def __getitem__(self, place: slice) -> list[float]: ...
    def __getitem__(self, place: int | slice) -> float | list[float]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        if place >= len(self):
            raise IndexError(place)
        before = bisect_left(self._places, place)
        if before < len(self._places) and self._places[before] == place:
            return self._short[before]
        return self._long[place - before]


def _points(row: TrialRow) -> Curve:
    return tuple((int(step), value) for step, value in row.curve)
