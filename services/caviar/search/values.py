"""What every strategy is given: the settings of a search and the results so far."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from caviar.contract.messages import ParameterValue
from caviar.errors import CaviarError, InputError, Problem
from caviar.space import did_you_mean

PEERS = ("optuna_tpe", "optuna_gp", "optuna_cmaes")
"""Samplers of Optuna, an extra."""
STRATEGIES = ("zoom", "random", "grid", "sobol", *PEERS)


class Exhausted(CaviarError):
    """Every point of the grid was proposed. The study needs no more trials; it is done."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a search is asked to do. ``budget`` is in trials and settles how fine a grid is.

    Raises InputError for an unknown goal or strategy, a seed below 0 or a budget below 1.
    """

    goal: Literal["minimize", "maximize"]
    strategy: str = "zoom"
    seed: int = 0
    budget: int | None = None

    def __post_init__(self) -> None:
        problems = []
        if self.goal not in ("minimize", "maximize"):
            way_out = did_you_mean(self.goal, ("minimize", "maximize"))
            problems.append(Problem(("goal",), f"unknown goal {self.goal!r}", way_out))
        if self.strategy not in STRATEGIES:
            way_out = did_you_mean(self.strategy, STRATEGIES)
            problems.append(Problem(("strategy",), f"unknown strategy {self.strategy!r}", way_out))
        if not _whole(self.seed) or self.seed < 0:
            reason = f"{self.seed!r} is not a whole number from 0 up"
            problems.append(Problem(("seed",), reason, "For instance 0."))
        if self.budget is not None and (not _whole(self.budget) or self.budget < 1):
            reason = f"{self.budget!r} is not a number of trials"
            problems.append(Problem(("budget",), reason, "A whole number from 1 up."))
        if problems:
            raise InputError(problems)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class Result:
    """A finished trial. ``value`` None: it failed. A value that is not finite counts as failed."""

    number: int
    params: Mapping[str, ParameterValue]
    value: float | None
    """The metric; of a stopped trial that of its last step."""
    stopped: bool = False
    """Ended early by a stopping rule: its value is not that of a whole training."""
    curve: tuple[tuple[int, float], ...] = ()
    """(step, metric) where trials are compared with each other, steps rising; also of whole trainings."""
    violation: float = 0.0
    """How far the trial is beyond the study's bounds on other metrics; 0 where it keeps them all."""

    @property
    def succeeded(self) -> bool:
        """Whether it can be the best: trained to its end, a finite value, within the bounds."""
        return self.finite and not self.stopped and self.violation <= 0.0

    @property
    def finite(self) -> bool:
        return self.value is not None and math.isfinite(self.value)
