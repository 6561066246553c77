"""The trainings that can be changed, as their hosts report them. In memory: after a restart the hosts tell it again."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

from caviar.contract.messages import ParameterValue
from caviar.contract.panda import Ward

MOST_POINTS = 10_000
"""Points of one training that are kept: the newest. Older changes have had their verdict."""
MOST_OVER = 100
"""Trainings that are over and still known."""


@dataclass(slots=True)
class WardNow:
    """One running training."""

    attempt: int
    incarnation: str
    live: dict[str, ParameterValue] = field(default_factory=dict)
    checkpoints: tuple[int, ...] = ()
    steps: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))
    """The study's metric at ``steps``, in the order of the reports; NaN where it was no finite number. Thousands may
    run: sixteen bytes a point."""
    known: int = 0
    """The bytes of its spool that ``points`` are of."""
    over: bool = False

    @property
    def points(self) -> list[tuple[int, float]]:
        return list(zip(self.steps, self.values, strict=False))  # one more may be told meanwhile

    def add(self, points: Iterable[tuple[int, float | None]]) -> None:
        for step, value in points:
            self.values.append(math.nan if value is None else value)
            self.steps.append(step)
        if len(self.steps) > MOST_POINTS:
            del self.steps[: MOST_POINTS // 4], self.values[: MOST_POINTS // 4]


class Wards:
    """Trial -> what is known of its training. Called under the scheduler's lock, but for looks."""

    def __init__(self) -> None:
        self._wards: dict[str, WardNow] = {}
        self._of: dict[str, set[str]] = {}
        """Those that are not over, by incarnation: each host asks again and again."""

    def find(self, trial: str) -> WardNow | None:
        return self._wards.get(trial)

    def last_step(self, trial: str) -> int | None:
        """The last step that was reported, as far as it is known."""
        now = self._wards.get(trial)
        return max(now.steps, default=None) if now is not None else None

    def of(self, incarnation: str) -> list[str]:
        """The trials that a host has reported, unless they are over."""
        return list(self._of.get(incarnation, ()))

    def heard(self, ward: Ward, incarnation: str) -> int:
        """Take a report. Up to which byte of the spool the points are known then."""
        now = self._wards.get(ward.trial)
        if now is None or now.attempt != ward.attempt:
            before = now.points if now else []
            if now is not None:
                self._leave(ward.trial, now)
            now = self._wards[ward.trial] = WardNow(ward.attempt, incarnation)
            if ward.points and ward.begin == 0:
                # A later attempt trains steps again that an earlier one has reported.
                now.add(point for point in before if point[0] < ward.points[0][0])
        if not now.over:
            self._leave(ward.trial, now)
            self._of.setdefault(incarnation, set()).add(ward.trial)
        now.incarnation = incarnation
        now.live, now.checkpoints = dict(ward.live), ward.checkpoints
        if ward.begin == now.known:
            now.add(ward.points)
            now.known = ward.end
        return now.known

    def is_last_of(self, ward: Ward, incarnation: str) -> bool:
        """Whether its own host tells the last points of a training that has just ended."""
        now = self._wards.get(ward.trial)
        return now is not None and (now.attempt, now.incarnation) == (ward.attempt, incarnation)

    def running(self) -> list[str]:
        return [trial for trial, now in self._wards.items() if not now.over]

    def ended(self, trial: str) -> None:
        """The training is over. What is known of it is kept for a while, for those who look at it then."""
        now = self._wards.get(trial)
        if now is None or now.over:
            return
        now.over = True
        self._leave(trial, now)
        over = [each for each, known in self._wards.items() if known.over]
        for oldest in over[:-MOST_OVER]:
            del self._wards[oldest]

    def _leave(self, trial: str, now: WardNow) -> None:
        there = self._of.get(now.incarnation, set())
        there.discard(trial)
        if not there:
            self._of.pop(now.incarnation, None)
