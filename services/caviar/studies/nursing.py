"""The sections ``mode`` and ``nurse`` of a study file: one model that is babysat, by a person or by rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from caviar.space import Categorical, Space
from caviar.studies.fields import Fields

Mode = Literal["caviar", "panda", "check"]
"""Many models in parallel; one that is watched; those that tell whether a study's champion still holds."""

KEPT = (20, 40)
"""Checkpoints that a babysat training keeps by default: without a nurse, and with one, who goes back by herself."""
STRETCHES = 100
"""Trials of a babysat study by default: the first, and each fork or rollback."""
NURSE_KEYS = ("parameter", "steps", "low", "high", "waste")
MAX_STEPS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Nursing:
    """Within which limits the nurse acts by herself."""

    parameter: str
    """The number that she changes."""
    steps: int
    """The planned length of the training: the step of its last report, and one."""
    low: float
    high: float
    """She never sets it outside."""
    waste: float
    """Steps that she may spend on trials that are taken back, as a share of ``steps``."""


def read_nurse(root: Fields, space: Space | None, mode: Mode) -> Nursing | None:
    """``nurse: {parameter: learning_rate, steps: 300}``; ``low`` and ``high`` are the parameter's by default."""
    if not root.has("nurse"):
        return None
    fields = root.section("nurse", "`nurse: {parameter: learning_rate, steps: 300}`")
    if not fields.given():
        return None
    fields.only(*NURSE_KEYS)
    if mode != "panda":
        root.problem("nurse", "she babysits one model", "`mode: panda` says that there is one.")
    name = fields.text("parameter", "learning_rate")
    steps = fields.whole("steps", 10, MAX_STEPS)
    waste = fields.real("waste", above=0.0) or 0.3
    if waste > 10.0:
        fields.problem("waste", f"{waste:g} is more than ten times the training", "0.3 is usual.")
    low, high = fields.real("low"), fields.real("high")
    if space is None or not name:
        return None
    if name not in space or isinstance(parameter := space[name], Categorical):
        numbers = ", ".join(p.name for p in space if not isinstance(p, Categorical))
        fields.problem("parameter", f"{name} is no number of the space", f"It has {numbers}.")
        return None
    if not parameter.live:
        fields.problem(
            "parameter",
            f"{name} is not live: nobody may change it while a trial trains",
            f"`live: true` in the space, and trial.live({name!r}) in every step of the training.",
        )
    low = parameter.low if low is None else low
    high = parameter.high if high is None else high
    for key, bound in (("low", low), ("high", high)):
        if not parameter.low <= bound <= parameter.high:
            words = parameter.range_words()
            fields.problem(key, f"{bound:g} lies outside {words}", "Widen the parameter's range.")
    if low <= 0 or low >= high:
        fields.problem("low", "she multiplies and divides: 0 < low < high", "")
    return Nursing(name, steps, low, high, waste)
