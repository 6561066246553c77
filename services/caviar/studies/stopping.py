"""The section ``stop`` of a study file: early stopping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast, get_args

from caviar.studies.fields import Fields

Rule = Literal["asha", "none"]

STOP_KEYS = ("rule", "reduction", "min_steps")
MAX_REDUCTION = 16
MAX_STEPS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Stopping:
    """Early stopping: ``asha`` at rungs that grow by ``reduction``, the first at ``min_steps`` (None: learnt)."""

    rule: Rule = "asha"
    reduction: int = 3
    min_steps: int | None = None


def read_stopping(root: Fields, default: Rule = "asha") -> Stopping:
    """``stop: {rule: asha, reduction: 3, min_steps: 4}``, or only the rule's name: ``stop: none``."""
    if isinstance(root.raw("stop"), str):
        return Stopping(cast(Rule, root.choice("stop", get_args(Rule))))
    fields = root.section("stop", "`stop: {rule: asha}` or `stop: none`", required=False)
    fields.only(*STOP_KEYS)
    return Stopping(
        rule=cast(Rule, fields.choice("rule", get_args(Rule), default)),
        reduction=fields.whole("reduction", 2, MAX_REDUCTION, default=3),
        min_steps=fields.whole("min_steps", 1, MAX_STEPS) if fields.has("min_steps") else None,
    )
