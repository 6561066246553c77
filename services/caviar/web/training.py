"""A training as it is watched: its whole curve, what it left behind, what runs beside it, what was done to it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal

from caviar.adapters.sql import StudyRecord, TrialRow
from caviar.contract.messages import Origin
from caviar.contract.numbers import count, number
from caviar.contract.panda import CurveView, InterventionView, Kind
from caviar.contract.views import TrialState, View
from caviar.contract.words import SIGNS, Scales, intervention_words
from caviar.studies.life import OPEN
from caviar.studies.spec import load_study
from caviar.web.shared import Shared

Point = tuple[int, float | None]
Role = Literal["this", "before", "left", "beside", "ended"]
"""``before``  what this trial goes on from, up to there
``left``    what that trained beyond: it was taken back, or goes on by itself
``beside``  a fork of this one, or its original, that still trains
``ended``   a fork that has ended
"""
PULSE_S = 1.0
"""No event tells of a point: while a trial runs, its picture is asked for again this often."""
DECADES = 1.0
"""Positive values that span more are drawn on a log axis."""
MOST_POINTS = 1_200
"""Of one line, at most."""
MARKS_SAID = 6
"""Changes that the sentence names, the newest."""


class CourseView(View):
    """One line: steps rising, values None where the metric was no finite number."""

    trial: int
    state: TrialState
    role: Role
    words: str
    points: list[Point]


class MarkView(View):
    """Something that was done, where it took effect."""

    trial: int
    kind: Kind
    step: int
    sign: str
    words: str
    verdict: str = ""
    taken_back: bool = False


class TrainingView(View):
    """What charts/curve.js draws."""

    trial: int
    metric: str
    words: str
    """What the picture shows, for who cannot see it."""
    now: str = ""
    """The last report."""
    lines: list[CourseView]
    marks: list[MarkView]
    checkpoints: list[int]
    low: float | None
    high: float | None
    log: bool
    """The axis of the metric: what was left behind may lie beyond."""
    asked: int
    """Changes that the training has not answered."""
    pulse_s: float | None
    """None: nothing more comes."""


class Training:
    """One look at a trial, at what it goes on from and at what goes on from it."""

    def __init__(self, shared: Shared, record: StudyRecord, row: TrialRow) -> None:
        self.row, self.record = row, record
        self.study = load_study(record.source, record.filename)
        self.curve = _curve(shared, record, row)
        self.parents: list[tuple[TrialRow, CurveView, int]] = []
        """The nearest first, each with the step that was gone on from."""
        nearer = row
        while nearer.origin is not None:
            origin = Origin.model_validate(nearer.origin)
            if origin.number is None:
                break
            before = shared.store.numbered(record.id, origin.number)
            if before is None:
                break
            step = -1 if origin.step is None else origin.step
            self.parents.append((before, _curve(shared, record, before), step))
            nearer = before
        self.forks = [
            (each, _curve(shared, record, each))
            for each in shared.store.trials(record.id, kind="fork")
            if each.origin is not None and each.origin.get("number") == row.number
        ]

    @property
    def points(self) -> list[Point]:
        return self.curve.points

    @property
    def family_runs(self) -> bool:
        """Whether another one of its relatives is not over: one of them may be kept."""
        return any(
            each.state in OPEN
            for each in (*(p for p, _, _ in self.parents), *(f for f, _ in self.forks))
        )

    @property
    def done(self) -> list[InterventionView]:
        """All that was done to it, and to what it goes on from, in the order of the asking."""
        every = [*self.curve.interventions]
        for _, curve, _ in self.parents:
            every += curve.interventions
        return sorted(every, key=lambda each: (each.asked, each.trial, each.number))

    def taken_back(self, each: InterventionView) -> bool:
        """Whether it was done to a stretch that this training does not go on from."""
        left = [at for before, _, at in self.parents if before.number == each.trial]
        step = -1 if each.step is None else each.step
        return each.kind == "set" and bool(left) and step >= left[0]

    def view(self, scales: Scales) -> TrainingView:
        lines = [line for line in self._lines() if line.points]
        fits = [
            value
            for line in lines
            if line.role in ("this", "before", "beside")
            for _, value in line.points
            if value is not None
        ]
        low, high = (min(fits), max(fits)) if fits else (None, None)
        marks = [self._mark(each, scales) for each in self.done if _is_marked(each)]
        runs = self.row.state in OPEN
        return TrainingView(
            trial=self.row.number,
            metric=self.study.metric.name,
            words=self._words(marks),
            now=_now(self.points, self.study.metric.name),
            lines=[line.model_copy(update={"points": thinned(line.points)}) for line in lines],
            marks=marks,
            checkpoints=list(self.curve.checkpoints),
            low=low,
            high=high,
            log=low is not None and high is not None and low > 0 and high / low > 10**DECADES,
            asked=sum(each.state == "asked" for each in self.curve.interventions),
            pulse_s=PULSE_S if runs else None,
        )

    def _lines(self) -> Iterator[CourseView]:
        for before, curve, at in reversed(self.parents):
            name = f"trial {before.number}"
            kept = [point for point in curve.points if point[0] <= at]
            beyond = [point for point in curve.points if point[0] >= at]
            yield _line(before, "before", f"{name}, to step {at}", kept)
            if before.state in OPEN:
                yield _line(before, "beside", name, beyond)
            else:
                yield _line(before, "left", f"{name}, left behind", beyond)
        for fork, curve in self.forks:
            role: Role = "beside" if fork.state in OPEN else "ended"
            yield _line(fork, role, f"trial {fork.number}", curve.points)
        yield _line(self.row, "this", f"trial {self.row.number}", self.points)

    def _mark(self, each: InterventionView, scales: Scales) -> MarkView:
        scale = scales.get(each.parameter or "")
        words = {
            "set": f"{each.parameter} {number(each.before, scale)} → {number(each.value, scale)}",
            "rollback": f"back to here, as trial {each.child}",
            "fork": f"trial {each.child} goes on from here",
        }[each.kind]
        effect = each.effect
        return MarkView(
            trial=each.trial,
            kind=each.kind,
            step=each.step or 0,
            sign=SIGNS[each.kind],
            words=words,
            verdict=effect.word if effect is not None else "",
            taken_back=self.taken_back(each),
        )

    def _words(self, marks: Sequence[MarkView]) -> str:
        metric = self.study.metric
        known = [(step, value) for step, value in self.points if value is not None]
        if not known:
            return f"No report of trial {self.row.number} yet."
        first, last = known[0], known[-1]
        best = (min if metric.goal == "minimize" else max)(known, key=lambda point: point[1])
        said = (
            f"{metric.name} of trial {self.row.number}: {number(first[1])} at step {first[0]}, "
            f"{number(last[1])} at step {last[0]}, best {number(best[1])} at step {best[0]}."
        )
        missing = len(self.points) - len(known)
        if missing:
            said += f" {count(missing, 'report')} had no finite number."
        if self.parents:
            before, _, at = self.parents[0]
            said += f" It goes on from trial {before.number}, step {at}."
        for mark in [mark for mark in marks if not mark.taken_back][-MARKS_SAID:]:
            verdict = f" ({mark.verdict})" if mark.verdict else ""
            said += f" At step {mark.step}: {mark.words}{verdict}."
        return said


def _curve(shared: Shared, record: StudyRecord, row: TrialRow) -> CurveView:
    """What the hosts told; else what a stopping rule compares, of an ended trial as the database has it."""
    found = shared.babysitting.curve(record, row)
    if found.points:
        return found
    told = row.curve or shared.scheduler.curves(record.id).get(row.number, ())
    points = [(int(step), value) for step, value in told]
    return found.model_copy(update={"points": points})


def _line(row: TrialRow, role: Role, words: str, points: Sequence[Point]) -> CourseView:
    return CourseView(
        trial=row.number, state=row.state, role=role, words=words, points=list(points)
    )


def _is_marked(each: InterventionView) -> bool:
    return each.state == "applied" and each.step is not None


def _now(points: Sequence[Point], metric: str) -> str:
    if not points:
        return ""
    step, value = points[-1]
    shown = "no finite number" if value is None else number(value)
    return f"step {step}, {metric} {shown}"


def thinned(points: Sequence[Point], most: int = MOST_POINTS) -> list[Point]:
    """At most ``most`` of them: of each part of the curve its lowest and its highest, so that no spike is lost.

    The first and the last stay, and so does one of each part's values that were no finite number.
    """
    if len(points) <= most:
        return list(points)
    parts = max(1, (most - 2) // 3)
    size = math.ceil((len(points) - 2) / parts)
    kept: list[Point] = [points[0]]
    for start in range(1, len(points) - 1, size):
        part = range(start, min(start + size, len(points) - 1))
        finite = [(value, at) for at in part if (value := points[at][1]) is not None]
        chosen = {at for at in part if points[at][1] is None and at == part[0]}
        if finite:
            chosen |= {min(finite)[1], max(finite)[1]}
        kept += [points[at] for at in sorted(chosen or {part[0]})]
    return [*kept, points[-1]]


def done_rows(training: Training, scales: Scales) -> list[dict[str, object]]:
    """What was done to it, the newest first, for the table beneath the curve."""
    return [
        {
            "sign": SIGNS[each.kind],
            "what": intervention_words(each, scales),
            "by": each.by,
            "why": each.why,
            "asked": each.asked,
            "trial": each.trial,
            "child": each.child,
            "state": each.state,
            "taken_back": training.taken_back(each),
            "effect": each.effect,
        }
        for each in reversed(training.done)
    ]
