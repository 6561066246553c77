"""Bounds on metrics beside the tuned one: how the study file says them, and how far beyond them a trial is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from caviar.contract.bounds import missing
from caviar.contract.messages import Finish
from caviar.studies.fields import Fields

TINY = 1e-9
"""Excess over a bound of 0 is measured against this."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """Another metric of the trainer that must stay within bounds; at least one of the two is given."""

    metric: str
    min: float | None = None
    max: float | None = None

    def __str__(self) -> str:
        """For instance ``latency_ms <= 50``."""
        if self.min is None:
            return f"{self.metric} <= {self.max:g}"
        if self.max is None:
            return f"{self.metric} >= {self.min:g}"
        return f"{self.min:g} <= {self.metric} <= {self.max:g}"

    def broken(self, value: float) -> tuple[str, float] | None:
        """The sign and the bound that ``value`` is beyond; None within."""
        if self.max is not None and value > self.max:
            return ">", self.max
        if self.min is not None and value < self.min:
            return "<", self.min
        return None


def read_constraints(root: Fields, tuned: str, named: re.Pattern[str]) -> tuple[Constraint, ...]:
    """The study file's ``constraints``, without those that are wrong: their problems go to the fields.

    ``tuned`` is the metric that is tuned, ``named`` what MLflow takes as the name of one.
    """
    section = root.section("constraints", "`{latency_ms: {max: 50}}`", required=False)
    found = []
    for name in section.names():
        bounds = section.section(name, "`{max: 50}`", required=False)
        bounds.only("max", "min")
        low, high = bounds.real("min"), bounds.real("max")
        if not named.fullmatch(name):
            section.problem(name, "MLflow takes no metric of this name", "For instance latency_ms.")
        elif name == tuned:
            section.problem(
                name,
                "this is the metric that is tuned",
                "Bound another one; `target` in the budget ends a study that is good enough.",
            )
        elif isinstance(given := section.raw(name), dict) and not any(
            value is not None for value in given.values()
        ):
            section.problem(name, "nothing bounds it", "For instance `{max: 50}`.")
        elif low is not None and high is not None and low > high:
            section.problem(name, f"no value is between {low:g} and {high:g}")
        elif low is not None or high is not None:
            found.append(Constraint(name, low, high))
    return tuple(found)


def judged(constraints: Sequence[Constraint], finish: Finish) -> tuple[Finish, float]:
    """A trial's end as the bounds leave it, and how far beyond them it is.

    A trial that is done without a value of a bounded metric has failed: nobody could say whether it keeps the bound.
    Its worker says so already; this is the guard.
    """
    bounded = (constraint.metric for constraint in constraints)
    reason = missing(bounded, finish.metrics) if finish.outcome == "done" else ""
    if reason:
        return finish.model_copy(update={"outcome": "failed", "value": None, "error": reason}), 0.0
    return finish, violation(constraints, finish.metrics)


def violation(constraints: Sequence[Constraint], metrics: Mapping[str, float]) -> float:
    """How far beyond the bounds: the sum over all of |value - bound| / max(|bound|, tiny); 0 within them.

    A metric that is not there counts as within: see ``judged``.
    """
    total = 0.0
    for constraint in constraints:
        value = metrics.get(constraint.metric)
        broken = None if value is None else constraint.broken(value)
        if value is not None and broken is not None:
            total += abs(value - broken[1]) / max(abs(broken[1]), TINY)
    return total


def beyond(constraints: Sequence[Constraint], metrics: Mapping[str, float]) -> str:
    """In words, for instance ``latency_ms (63 > 50)``; empty within the bounds."""
    words = []
    for constraint in constraints:
        value = metrics.get(constraint.metric)
        broken = None if value is None else constraint.broken(value)
        if value is not None and broken is not None:
            words.append(f"{constraint.metric} ({value:g} {broken[0]} {broken[1]:g})")
    return ", ".join(words)


def nothing_fits(
    constraints: Sequence[Constraint], nearest: int, metrics: Mapping[str, float]
) -> str:
    """What a study says in which no trial is within the bounds; ``nearest`` is the trial that is least beyond."""
    bounds = " and ".join(map(str, constraints))
    values = ", ".join(
        f"{c.metric} {metrics[c.metric]:g}" for c in constraints if c.metric in metrics
    )
    return f"no trial kept {bounds}; the nearest was trial {nearest} with {values}"
