"""The nurse: rules that watch one training on one slot and change one of its live parameters, within limits.

``decide`` is asked after every report and answers with at most one act. Its rules, the first that applies:

1. The loss is not finite, or far above where it began: back to a checkpoint before that, with a third of the value.
2. At the start, races (see ``races``): the first 1% of the planned length with values ten times apart, up while that
   helps, else down; then the first 6% with a third of the winner, while that is as good. A learning rate ten times
   too low never looks wrong by itself, it is only slow: nothing but a race shows it.
3. The loss rises from where it was: back to where it was best, with a third of the value.
4. The loss stands still: a third of the value for 4% of the length, kept if that helped, taken back if not.
5. At 80% and at 90% of the length the same: noise that was the price of speed is not needed any more. Not earlier: a
   lower learning rate looks better at once, as the noise falls, and loses later, as it is slower.

A population of one, after Jaderberg et al., "Population based training of neural networks" (2017): a checkpoint and a
perturbed value, but each against the same training's own past. The factors were chosen on the trainings of
``benchmarks/panda``, on other seeds than those that are reported.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import replace
from itertools import accumulate
from statistics import fmean, stdev

from caviar.panda.chart import FEWEST, Act, Limits, Look, Memory, View
from caviar.panda.races import SAME, Kind, Race, Runner, quarter, runner

__all__ = ["Act", "Limits", "Look", "Memory", "decide"]

RACES: tuple[tuple[Kind, float], ...] = (("jump", 0.01), ("refine", 0.06))
"""Windows as shares of the planned length, as all that follows."""
EARLY = 0.05
"""A race for the start begins before this; later a nurse that comes late only tries whether higher is better."""
RISE = 0.03
"""The window whose mean is compared with that of earlier ones, and ..."""
RISEN = 0.02
"""... by which share of all that was gained it must be worse, beyond the noise."""
STILL = 0.1
"""The windows, one after the other, between which a curve that stands still makes no progress."""
TRY = 0.04
RESERVE = 0.05
"""Left for other needs when a curve that stands still gets its try: a rollback, the tries near the end."""
PAUSE = 0.12
"""Least distance from one act on a curve that rises or stands still to the next."""
LATE = (0.8, 0.9)
LATE_TRY = 0.03
QUIET = 0.1
"""How long a value that a person set is left alone."""


Decision = tuple[Memory, Act | None]


def decide(limits: Limits, memory: Memory, look: Look) -> Decision:
    """What to do after the report that is the last of ``look.points``: mostly None.

    To be asked once after each report while the nurse is switched on, and after an act only when that is in effect.
    Takes time linear in the number of points. Never leaves ``limits``: neither by a value nor by steps trained in vain.
    """
    if not look.points:
        return memory, None
    view = View(limits, look)
    memory = _noticed(memory, view)
    if view.diverged:
        return _rescue(memory, view)
    if memory.race is not None:
        return _follow(memory, memory.race, view)
    if view.step < memory.quiet:
        return memory, None
    if memory.races < len(RACES):
        return _start_race(memory, view)
    for rule in (_risen, _still, _late):
        memory, act = rule(memory, view)
        if act is not None or memory.race is not None:
            return memory, act
    return memory, None


def _noticed(memory: Memory, view: View) -> Memory:
    """A value that is not the nurse's is a person's: no races from here on, and a while of quiet.

    A person may also have rolled back, or have switched the nurse off for a while: a race is over then.
    """
    memory = replace(memory, acted=min(memory.acted, view.step))
    race = memory.race
    if race is not None and not race.start <= view.step <= race.start + 2 * race.window:
        memory = replace(memory, race=None)
    if memory.value is None:
        return replace(memory, value=view.value)
    if math.isclose(view.value, memory.value, rel_tol=1e-6):
        return memory
    quiet = view.step + view.share(QUIET)
    return replace(
        memory, value=view.value, race=None, races=len(RACES), acted=view.step, quiet=quiet
    )


def _rescue(memory: Memory, view: View) -> Decision:
    """Back before the divergence, farther each time that it comes again."""
    memory = replace(memory, ceiling=min(memory.ceiling or math.inf, view.value))
    if memory.race is not None and memory.race.runners:
        return _next(memory, memory.race.add(Runner(view.value, math.inf)), view)
    kept = [c for c in view.look.checkpoints if c < view.step and view.step - c <= view.room]
    cut = max(view.limits.low, view.lower)
    finite = math.isfinite(view.look.points[-1][1])
    if cut >= view.value or not (kept or finite):
        return memory, None
    far = max(FEWEST, view.share(0.02)) * 2**memory.rescues
    back = max((c for c in kept if c <= view.step - far), default=min(kept, default=-1))
    what = "far worse than where it began" if finite else "not finite"
    way = f"back to step {back} with" if kept else "on with"
    reason = f"the metric is {what} at step {view.step}: {way} {view.name(cut)}"
    memory = replace(memory, value=cut, race=None, acted=max(back, 0), rescues=memory.rescues + 1)
    return memory, view.back(back, cut, reason)


def _start_race(memory: Memory, view: View) -> Decision:
    """The value in effect has run its window when this opens the race."""
    kind, part = RACES[memory.races]
    starts = [c for c in view.look.checkpoints if c <= view.step - view.share(part)]
    starts = [c for c in starts if len(view.window(c, view.step)) >= FEWEST]
    if not starts:
        return memory, None
    start = 0 if memory.races and 0 in starts else max(starts)
    window = view.step - start
    memory = replace(memory, races=memory.races + 1)
    if start > view.share(EARLY):
        kind, memory = "raise", replace(memory, races=len(RACES))
    elif window > 2 * max(view.share(part), FEWEST):
        return memory, None
    before = view.losses[max(0, bisect_right(view.steps, start) - 1)]
    race = Race(kind, start, window, before)
    return _next(memory, race.add(runner(view.value, view.window(start, view.step))), view)


def _follow(memory: Memory, race: Race, view: View) -> Decision:
    """A value is in a race: wait for its window to end, give it up at the half where it is far behind."""
    passed = view.step - race.start
    window = view.window(race.start, view.step)
    if passed >= race.window and len(window) > 1:
        return _next(memory, race.add(runner(view.value, window)), view)
    half = race.window / 2
    before = view.steps[-2] - race.start if len(view.steps) > 1 else 0
    if (
        race.kind != "try"
        and before < half <= passed
        and len(window) >= FEWEST
        and race.hopeless(quarter(window))
    ):
        return _next(memory, race.add(Runner(view.value, math.inf)), view)
    return memory, None


def _next(memory: Memory, race: Race, view: View) -> Decision:
    """The next value of a race, or its end. Whatever is begun leaves room for the way back."""
    high = min(view.limits.high, 0.999 * (memory.ceiling or math.inf))
    value = race.following(view.limits.low, high)
    if value is not None and (view.step - race.start) + race.window <= view.room:
        best = race.best()
        reason = (
            f"a race from step {race.start}: {view.name(value)} for {race.window} steps,"
            f" with {best.value:.3g} the metric came to {view.metric(best.level)}"
        )
        memory = replace(memory, race=race, value=value)
        return memory, view.back(race.start, value, reason)
    best = race.best()
    memory = replace(memory, race=None, value=best.value)
    if math.isclose(view.value, best.value, rel_tol=1e-6):
        return memory, None
    others = ", ".join(
        f"{view.metric(r.level)} with {r.value:.3g}" for r in race.runners if r is not best
    )
    if race.kind == "try":
        reason = (
            f"{view.name(view.value)} did not help ({others}, {view.metric(best.level)} before)"
        )
        reason += f": taken back, to step {race.start}"
    else:
        reason = f"{view.name(best.value)} did best from step {race.start}"
        reason += f": {view.metric(best.level)}, {others}"
    return memory, view.back(race.start, best.value, reason)


def _risen(memory: Memory, view: View) -> Decision:
    """Worse than it was since the last act: back to the best window since then, or at least lower from here on."""
    width = view.share(RISE)
    recent = view.window(view.step - width, view.step)
    if view.lower < view.limits.low or len(recent) < FEWEST:
        return memory, None
    sums = [0.0, *accumulate(view.losses)]
    best, at = math.inf, -1
    for kept in view.look.checkpoints:
        low, high = bisect_right(view.steps, kept - width), bisect_right(view.steps, kept)
        if memory.acted + width <= kept < view.step - width and high - low >= FEWEST:
            level = (sums[high] - sums[low]) / (high - low)
            if level < best:
                best, at = level, kept
    if at < 0:
        return memory, None
    now, gained, same = fmean(recent), view.losses[0] - best, SAME * abs(best)
    noise = max(stdev(recent), stdev(view.window(at - width, at)))
    if gained <= same or now <= best + max(noise, RISEN * gained, same):
        return memory, None
    rose = f"the metric went from {view.metric(best)} to {view.metric(now)}"
    if view.step - at <= view.room:
        reason = f"{rose}: back to step {at} with {view.name(view.lower)}"
        memory = replace(memory, value=view.lower, acted=at)
        return memory, view.back(at, view.lower, reason)
    if view.step - memory.acted < view.share(PAUSE):
        return memory, None
    memory = replace(memory, value=view.lower, acted=view.step)
    return memory, view.set(view.lower, f"{rose}: {view.name(view.lower)} from here on")


def _still(memory: Memory, view: View) -> Decision:
    """No better than one window ago, after it has learned something: at the start a loss may stand still for long."""
    width = view.share(STILL)
    now = view.window(view.step - width, view.step)
    before = view.window(view.step - 2 * width, view.step - width)
    if view.step - memory.acted < view.share(PAUSE) or view.step > LATE[-1] * view.look.planned:
        return memory, None
    if min(len(now), len(before)) < FEWEST or fmean(now) < fmean(before):
        return memory, None
    level = fmean(before)
    if view.losses[0] - level <= max(10 * runner(view.value, now).error, SAME * abs(level)):
        return memory, None
    if view.room < view.share(TRY + RESERVE):
        return memory, None
    return _try(memory, view, TRY, f"no progress for {2 * width} steps")


def _late(memory: Memory, view: View) -> Decision:
    if memory.late >= len(LATE) or view.step < LATE[memory.late] * view.look.planned:
        return memory, None
    decision, act = _try(memory, view, LATE_TRY, "near the end")
    return (replace(decision, late=memory.late + 1) if act else decision), act


def _try(memory: Memory, view: View, part: float, why: str) -> Decision:
    """A lower value from here on, to be compared with the window before: nothing is wasted if it helps."""
    width = view.share(part)
    last = view.window(view.step - width, view.step)
    able = view.step in view.look.checkpoints and width <= view.room and len(last) >= FEWEST
    if not able or view.lower < view.limits.low or view.step + width > view.look.planned:
        return memory, None
    now = replace(runner(view.value, last), level=fmean(last))
    race = Race("try", view.step, width, now.level, (now,))
    memory = replace(memory, race=race, value=view.lower, acted=view.step)
    reason = f"{why}: {view.name(view.lower)} for {width} steps"
    return memory, view.set(view.lower, reason)
