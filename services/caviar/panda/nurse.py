"""The nurse: rules that watch one training on one slot and change one parameter of it, within limits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Literal

from caviar.studies.spec import Goal

Point = tuple[int, float]

FACTOR = 3.0
"""A race tries the value times and divided by this."""


@dataclass(frozen=True, slots=True)
class Stage:
    at: float
    window: float
    ways: tuple[int, ...]
    factor: float = 3.0
    ahead: bool = False


STAGES = (
    Stage(0.0, 0.01, (1, -1), 10.0),
    Stage(0.0, 0.04, (-1, 1)),
    Stage(0.80, 0.03, (-1,), 3.0, True),
    Stage(0.90, 0.03, (-1,), 3.0, True),
)
PACE = 0.0
GAIN = 0.02
QUIET = 0.1
RESERVE = 0.0
LEAST = 3
"""Fewest reported steps in a window."""
MARGIN = 1.0
SAME = 0.005
KILL = 3.0


@dataclass(frozen=True, slots=True)
class Limits:
    low: float
    high: float
    parameter: str = "learning_rate"
    goal: Goal = "minimize"
    waste: float = 0.3


@dataclass(frozen=True, slots=True)
class Look:
    points: Sequence[Point]
    params: Mapping[str, float]
    checkpoints: Sequence[int]
    planned: int
    trained: int

    @property
    def step(self) -> int:
        return self.points[-1][0]

    @property
    def wasted(self) -> int:
        return self.trained - self.step


@dataclass(frozen=True, slots=True)
class Act:
    kind: Literal["set", "rollback"]
    params: Mapping[str, float]
    reason: str
    to_step: int | None = None


@dataclass(frozen=True, slots=True)
class Try:
    value: float
    level: float
    noise: float
    half: float = math.inf


@dataclass(frozen=True, slots=True)
class Race:
    start: int
    window: int
    tried: tuple[Try, ...] = ()
    pace: float = 0.0


@dataclass(frozen=True, slots=True)
class Memory:
    value: float | None = None
    race: Race | None = None
    stage: int = 0
    quiet_until: int = 0
    ceiling: float = math.inf
    rescued: tuple[int, ...] = ()


def decide(limits: Limits, memory: Memory, look: Look) -> tuple[Memory, Act | None]:
    if not look.points:
        return memory, None
    sign = 1.0 if limits.goal == "minimize" else -1.0
    losses = [(step, sign * value) for step, value in look.points]
    value = look.params[limits.parameter]
    if memory.value is None:
        memory = replace(memory, value=value)
    elif not math.isclose(value, memory.value, rel_tol=1e-6):
        quiet = look.step + math.ceil(QUIET * look.planned)
        memory = replace(memory, value=value, race=None, quiet_until=quiet)
    if diverged(losses):
        return _rescue(limits, memory, look, losses)
    if memory.race is not None:
        if look.step < memory.race.start + memory.race.window:
            return _hopeless(limits, memory, memory.race, look, losses)
        return _judge(limits, memory, memory.race, look, losses)
    if look.step < memory.quiet_until:
        return memory, None
    memory, act = _risen(limits, memory, look, losses)
    if act:
        return memory, act
    return _open(limits, memory, look, losses)


def diverged(losses: Sequence[Point]) -> bool:
    last = losses[-1][1]
    if not math.isfinite(last):
        return True
    start, best = losses[0][1], min(loss for _, loss in losses)
    recent = [loss for _, loss in losses[-3:]]
    return len(losses) > 5 and min(recent) > start + 3 * (start - best) + 2.0 * abs(start)


RISE = 0.04


def _risen(
    limits: Limits, memory: Memory, look: Look, losses: Sequence[Point]
) -> tuple[Memory, Act | None]:
    """Worse than it was: back to where it was best, with a lower value."""
    width = max(LEAST, round(RISE * look.planned))
    values = [loss for _, loss in losses]
    steps = [step for step, _ in losses]
    value = look.params[limits.parameter]
    cut = value / FACTOR
    if len(values) < 3 * width or cut < limits.low or memory.stage < 2:
        return memory, None
    now = fmean(values[-width:])
    room = math.floor((limits.waste - RESERVE) * look.planned) - look.wasted
    kept = set(look.checkpoints)
    sums = [0.0]
    for v in values:
        sums.append(sums[-1] + v)
    best, at = math.inf, -1
    for place in range(width, len(values) - width):
        if steps[place] in kept:
            level = (sums[place + 1] - sums[place + 1 - width]) / width
            if level < best:
                best, at = level, place
    if at < 0:
        return memory, None
    window = values[at + 1 - width : at + 1]
    noise = max(_noise(window), _noise(values[-width:])) * math.sqrt(width)
    if now < best + max(RISEN * noise, GAIN * (values[0] - best)) or look.step - steps[at] > room:
        return memory, None
    memory = replace(memory, value=cut)
    reason = f"risen {best:.4g} -> {now:.4g}"
    return memory, Act("rollback", {limits.parameter: cut}, reason, steps[at])


RISEN = 1.0


def _rescue(
    limits: Limits, memory: Memory, look: Look, losses: Sequence[Point]
) -> tuple[Memory, Act | None]:
    value = look.params[limits.parameter]
    ceiling = min(memory.ceiling, value)
    memory = replace(memory, ceiling=ceiling)
    if memory.race is not None and memory.race.tried:
        return _next(limits, memory, _with(memory.race, Try(value, math.inf, 0.0)), look)
    room = math.floor(limits.waste * look.planned) - look.wasted
    reach = max(LEAST, round(0.02 * look.planned)) * 2 ** len(memory.rescued)
    kept = [c for c in look.checkpoints if look.step - c <= room and c < look.step]
    if not kept or value <= limits.low:
        return memory, None
    back = max([c for c in kept if c <= look.step - reach], default=min(kept))
    cut = max(limits.low, value / FACTOR)
    word = "not finite" if not math.isfinite(losses[-1][1]) else "far above where it began"
    reason = f"{word} at step {look.step}: back to step {back} with {limits.parameter} {_text(cut)}"
    memory = replace(memory, value=cut, race=None, rescued=(*memory.rescued, look.step))
    return memory, Act("rollback", {limits.parameter: cut}, reason, back)


def _open(
    limits: Limits, memory: Memory, look: Look, losses: Sequence[Point]
) -> tuple[Memory, Act | None]:
    planned = look.planned
    while memory.stage < len(STAGES):
        stage = STAGES[memory.stage]
        window = max(LEAST, round(stage.window * planned))
        if look.step < stage.at * planned + (0 if stage.ahead else window):
            return memory, None
        if stage.ahead:
            if look.step not in look.checkpoints:
                return memory, None
            race = Race(look.step, window)
            return _ahead(limits, memory, race, look, losses)
        starts = [c for c in look.checkpoints if stage.at * planned <= c <= look.step - window]
        if starts:
            start = min(starts)
            race = Race(start, look.step - start)
            if race.window > 2 * window:
                memory = replace(memory, stage=memory.stage + 1)
                continue
            return _judge(limits, replace(memory, race=race), race, look, losses)
        return memory, None
    return memory, None


def _ahead(
    limits: Limits, memory: Memory, race: Race, look: Look, losses: Sequence[Point]
) -> tuple[Memory, Act | None]:
    """The current value's level as it would be in the middle of the second half of the next window."""
    start, width = race.start, race.window
    value = look.params[limits.parameter]
    lower = value / STAGES[memory.stage].factor
    room = math.floor((limits.waste - RESERVE) * look.planned) - look.wasted
    memory = replace(memory, stage=memory.stage + 1)
    if lower < limits.low or width > room or start + width > look.planned:
        return memory, None
    last = [loss for step, loss in losses if step > start - width]
    level, noise = fmean(last), _noise(last)
    race = replace(race, pace=_pace(start - width, start, losses, level))
    level -= PACE * race.pace * math.log((start + 0.75 * width) / (start - 0.5 * width))
    race = _with(race, Try(value, level, noise))
    memory = replace(memory, race=race, value=lower)
    return memory, Act("set", {limits.parameter: lower}, f"a try of {_text(lower)} for {width}")


def _noise(last: Sequence[float]) -> float:
    pairs = list(zip(last, last[1:], strict=False))
    return math.sqrt(sum((b - a) ** 2 for a, b in pairs) / 2 / max(1, len(pairs)) / len(last))


def _pace(start: int, end: int, losses: Sequence[Point], level: float) -> float:
    early = [x for x in losses if start / 3 <= x[0] <= start * 2 / 3]
    if not early:
        return 0.0
    middle = fmean(math.log(max(1, step)) for step, _ in early)
    fall = fmean(loss for _, loss in early) - level
    return max(0.0, fall / (math.log(end) - middle))


def _hopeless(
    limits: Limits, memory: Memory, race: Race, look: Look, losses: Sequence[Point]
) -> tuple[Memory, Act | None]:
    if (
        not race.tried
        or race.tried[0].half == math.inf
        or race.window < 6
        or look.step != race.start + race.window // 2
    ):
        return memory, None
    best = winner(race, look.planned)
    half = _half(race, losses)
    if half > best.half + max(KILL * best.noise, tie(race, best)):
        tried = Try(look.params[limits.parameter], math.inf, 0.0)
        return _next(limits, memory, _with(race, tried), look)
    return memory, None


def _half(race: Race, losses: Sequence[Point]) -> float:
    window = [
        loss
        for step, loss in losses
        if race.start + race.window // 4 < step <= race.start + race.window // 2
    ]
    return fmean(window) if window else math.inf


def _judge(
    limits: Limits, memory: Memory, race: Race, look: Look, losses: Sequence[Point]
) -> tuple[Memory, Act | None]:
    window = [loss for step, loss in losses if step > race.start]
    last = window[len(window) // 2 :]
    level = fmean(last)
    tried = Try(look.params[limits.parameter], level, _noise(last), _half(race, losses))
    if not race.tried and race.start:
        race = replace(race, pace=_pace(race.start, look.step, losses, level))
    return _next(limits, memory, _with(race, tried), look)


def _with(race: Race, tried: Try) -> Race:
    return replace(race, tried=(*race.tried, tried))


def tie(race: Race, best: Try) -> float:
    return SAME * abs(best.level)


def behind(race: Race, planned: int, low: float, high: float) -> float:
    """What ``low`` falls behind ``high`` until the end: loss = a - pace ln(sum of learning rates)."""
    if not race.start:
        return 0.0
    left = planned - race.start
    return race.pace * math.log((race.start + left) / (race.start + left * low / high))


def winner(race: Race, planned: int) -> Try:
    best = race.tried[0]
    for other in race.tried[1:]:
        margin = MARGIN * math.hypot(best.noise, other.noise)
        if other.value > best.value:
            if race.start:
                margin -= behind(race, planned, best.value, other.value)
            else:
                margin = -tie(race, best)
        else:
            margin += PACE * behind(race, planned, other.value, best.value) + tie(race, best)
        if other.level < best.level - margin:
            best = other
    return best


def _next(limits: Limits, memory: Memory, race: Race, look: Look) -> tuple[Memory, Act | None]:
    best = winner(race, look.planned)
    if race.tried[0].half == math.inf and race.start:  # ahead
        memory = replace(memory, race=None, value=best.value)
        if best is not race.tried[0]:
            return memory, None
        reason = f"taken back: {race.tried[1].level:.4g} vs {best.level:.4g} pace {race.pace:.3g}"
        return memory, Act("rollback", {limits.parameter: best.value}, reason, race.start)
    stage = STAGES[memory.stage]
    current = race.tried[0]
    room = math.floor((limits.waste - RESERVE) * look.planned) - look.wasted
    here = look.params[limits.parameter]
    cost = look.step - race.start
    if best is current:
        ways = stage.ways
    else:
        ways = (1,) if best.value > current.value else (-1,)
    tried = {t.value for t in race.tried}
    candidates = [
        c
        for way in ways
        for c in [best.value * stage.factor**way]
        if not any(math.isclose(c, t, rel_tol=1e-6) for t in tried)
        and limits.low <= c <= limits.high
        and c < memory.ceiling * 0.999
    ]
    if candidates and cost + race.window <= room:
        value = candidates[0]
        reason = f"a try of {_text(value)} from step {race.start} for {race.window} steps"
        memory = replace(memory, race=race, value=value)
        return memory, Act("rollback", {limits.parameter: value}, reason, race.start)
    memory = replace(memory, race=None, value=best.value, stage=memory.stage + 1)
    if math.isclose(here, best.value, rel_tol=1e-6):
        return memory, None
    reason = f"{_text(best.value)} did best from step {race.start}: " + ", ".join(
        f"{_text(t.value)}:{t.level:.4g}~{t.noise:.2g}" for t in race.tried
    )
    return memory, Act("rollback", {limits.parameter: best.value}, reason, race.start)


def _text(value: float) -> str:
    return f"{value:.3g}"
