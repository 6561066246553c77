"""The examples of frameworks: what a trial of each is, and trials to train them with in this process."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from caviar_worker import Trial

EXAMPLES = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True)
class Example:
    """``near``: how far a resumed training may end from one that was not interrupted."""

    folder: str
    needs: str
    module: str
    metric: str
    good: float
    """A value that the best of a study beats."""
    steps: int
    kept: int
    """The step of the second checkpoint."""
    near: float
    params: dict[str, Any]
    goal: str = "maximize"
    marks: tuple[pytest.MarkDecorator, ...] = ()

    @property
    def path(self) -> Path:
        return EXAMPLES / self.folder

    def load(self) -> Callable[[Trial], None]:
        """The training function, imported as a worker does it."""
        sys.path.insert(0, str(self.path))
        try:
            train: Callable[[Trial], None] = importlib.import_module(self.module).train
        finally:
            sys.path.remove(str(self.path))
        return train


DIGITS = {"learning_rate": 0.01, "hidden_units": 32}
HEAVY = (pytest.mark.frameworks,)
ALL = [
    Example(
        *("xgboost", "xgboost", "tumours", "valid-logloss", 0.2, 150, 19, 1e-4),
        params={"learning_rate": 0.2, "max_depth": 2},
        goal="minimize",
    ),
    Example(
        *("lightgbm", "lightgbm", "diabetes", "valid-rmse", 62.0, 60, 19, 1e-6),
        params={"learning_rate": 0.1, "num_leaves": 5},
        goal="minimize",
        marks=HEAVY,
    ),
    Example(
        *("pytorch", "torch", "digits_loop", "val_accuracy", 0.95, 27, 1, 0.0),
        params=DIGITS | {"dropout": 0.2},
        marks=HEAVY,
    ),
    Example(
        *("lightning", "lightning", "digits_module", "val_accuracy", 0.9, 9, 1, 0.05),
        params=DIGITS,
        marks=HEAVY,
    ),
    Example(
        *("keras", "keras", "digits_model", "val_accuracy", 0.9, 9, 1, 0.05),
        params=DIGITS | {"dropout": 0.2},
        marks=HEAVY,
    ),
    Example(
        *("transformers", "transformers", "digits_vit", "eval_accuracy", 0.7, 9, 1, 0.05),
        params={"learning_rate": 0.003, "hidden_layers": 1, "weight_decay": 0.01},
        marks=HEAVY,
    ),
]


def skip_without(package: str) -> None:
    """Heavy frameworks are in a virtual environment of their own."""
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed: `make test-frameworks` has it")


class Killed(Exception):
    """What ends a training in the middle, as far as this process can stand it."""


@dataclass
class Attempts:
    """The attempts at one trial of an example."""

    example: Example
    folder: Path
    number: int = field(default=0, init=False)

    def train(self, kill_at_save: int = 0, stop_at: int | None = None) -> RecordedTrial:
        """The next attempt, perhaps killed right after so many checkpoints, or told to stop at a step."""
        self.number += 1
        home = self.folder / str(self.number)
        home.mkdir(parents=True)
        trial = RecordedTrial(
            params=self.example.params,
            number=0,
            seed=7,
            round=0,
            attempt=self.number,
            metric=self.example.metric,
            home=home,
            checkpoints=self.folder / "checkpoints",
        )
        trial.kill_at_save, trial.stop_at = kill_at_save, stop_at
        train = self.example.load()
        if kill_at_save:
            with pytest.raises(Killed):
                train(trial)
        else:
            train(trial)
        return trial


class RecordedTrial(Trial):
    """A real trial that can be made to end."""

    kill_at_save = 0
    stop_at: int | None = None
    saves = 0

    def save_checkpoint(self, step: int, fill: Callable[[Path], None]) -> None:
        super().save_checkpoint(step, fill)
        self.saves += 1
        if self.saves == self.kill_at_save:
            raise Killed

    def report(self, step: int, **metrics: float) -> None:
        super().report(step, **metrics)
        if step == self.stop_at:
            (self._home / "stop").touch()

    @property
    def steps_reported(self) -> list[int]:
        lines = (self._home / "spool.jsonl").read_text().splitlines()
        return [json.loads(line)["s"] for line in lines]
