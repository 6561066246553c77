"""What the trials of one running study have reached at the rungs, for the stopping rule that its workers apply.

Nothing here decides: a worker does, next to its trials. Built again after a restart from the curves of trials that
ended, and from the next heartbeats.
"""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Iterable

from caviar.adapters.sql import TrialRow
from caviar.contract import halving
from caviar.contract.messages import VALUES, StopRule
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
        """By mark, rising; only for marks that were asked for."""

    def heard(self, row: TrialRow, curve: Curve) -> Curve:
        """Take what an open trial has reached; with what earlier attempts of it had, the newer of two at one step."""
        known = self._open.get(row.number) or _points(row)
        merged = tuple(sorted({**dict(known), **dict(curve)}.items()))
        if merged:
            self._open[row.number] = merged
            self._begins(merged[0][0])
        return merged

    def ended(self, row: TrialRow) -> None:
        """Take the curve of a trial that ended."""
        self._open.pop(row.number, None)
        curve = _points(row)
        if not curve:
            return
        self._ended[row.number] = curve
        self._begins(curve[0][0])
        if row.state == "done":
            self._last = max(self._last or 0, curve[-1][0])
        for mark, losses in self._losses.items():
            if (loss := self._loss(curve, mark)) is not None:
                insort(losses, loss)

    def rule(self, running_there: Iterable[int] = ()) -> StopRule | None:
        """The rule for a worker that runs the trials ``running_there``; None where the study stops nothing early."""
        stopping = self._stopping
        if stopping.rule == "none":
            return None
        rungs: tuple[int, ...] = ()
        if self._first is not None:
            rungs = halving.rungs(stopping.reduction, self._first, self._last, stopping.min_steps)
        there = set(running_there)
        elsewhere = [curve for number, curve in self._open.items() if number not in there]
        return StopRule(
            reduction=stopping.reduction,
            min_steps=stopping.min_steps or 1,
            first=self._first,
            last=self._last,
            rungs=rungs,
            values=tuple(self._values(rung, elsewhere) for rung in rungs),
        )

    def _values(self, rung: int, elsewhere: list[Curve]) -> tuple[float | None, ...]:
        if rung not in self._losses:
            found = (self._loss(curve, rung) for curve in self._ended.values())
            self._losses[rung] = sorted(loss for loss in found if loss is not None)
        running = [loss for c in elsewhere if (loss := self._loss(c, rung)) is not None]
        sign = -1.0 if self._goal == "maximize" else 1.0
        return tuple(
            None if loss == math.inf else sign * loss
            for loss in halving.thinned(sorted(self._losses[rung] + running), VALUES)
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


def _points(row: TrialRow) -> Curve:
    return tuple((int(step), value) for step, value in row.curve)
