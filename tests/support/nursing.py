"""A caller of the nurse: trains a toy step by step, asks after each, does what it is told, counts every step."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from caviar.panda.nurse import Act, Limits, Look, Memory, decide

Step = Callable[[float, float, int], float]
"""The next loss from the one before, the learning rate and the step."""


@dataclass
class Nursed:
    """``acts``: (step, steps trained until then, act)."""

    points: list[tuple[int, float]]
    rate: float
    trained: int
    memory: Memory
    acts: list[tuple[int, int, Act]] = field(default_factory=list)

    @property
    def reasons(self) -> str:
        return "\n".join(act.reason for _, _, act in self.acts)


def nurse_through(
    step: Step,
    rate: float,
    limits: Limits,
    planned: int = 300,
    first: float = 1.0,
    every: int = 3,
    restarts: bool = False,
) -> Nursed:
    """A whole training from the loss ``first``, with a checkpoint ``every`` so many steps; 0: only at the start.

    With ``restarts`` the nurse's memory goes through JSON before each question.
    """
    run = Nursed([(0, first)], rate, 0, Memory())
    kept = {0}
    while (at := run.points[-1][0]) < planned:
        run.points.append((at + 1, step(run.points[-1][1], run.rate, at + 1)))
        run.trained += 1
        if every and (at + 1) % every == 0 and math.isfinite(run.points[-1][1]):
            kept.add(at + 1)
        if restarts:
            run.memory = Memory.from_json(run.memory.to_json())
        params = {limits.parameter: run.rate}
        look = Look(run.points, params, sorted(kept), planned, run.trained)
        run.memory, act = decide(limits, run.memory, look)
        if act is None:
            continue
        run.acts.append((at + 1, run.trained, act))
        run.rate = act.params[limits.parameter]
        if act.kind == "rollback":
            assert act.to_step in kept
            kept = {step for step in kept if step <= act.to_step}
            run.points = [point for point in run.points if point[0] <= act.to_step]
    return run
