"""The trainings that babysitting is measured on can be stopped, copied and gone on with."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FOLDER = Path(__file__).parents[3] / "benchmarks" / "panda"


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The script, imported for the length of a test: another benchmark has one of the same name."""
    monkeypatch.syspath_prepend(str(FOLDER))
    sys.modules.pop("trainings", None)
    import trainings

    yield trainings
    sys.modules.pop("trainings", None)


def test_a_copy_goes_on_exactly_as_the_training_does(trainings: ModuleType) -> None:
    """And leaves it alone: a checkpoint can be gone back to any number of times."""
    for training in trainings.TRAININGS:
        state = training.start(0)
        state.step(training.best)
        checkpoint = state.copy()
        went_on = [state.step(training.best) for _ in range(3)]
        checkpoint.copy().step(10 * training.best)
        assert [checkpoint.step(training.best) for _ in range(3)] == went_on


def test_every_training_learns_at_its_best_learning_rate(trainings: ModuleType) -> None:
    """From another start for each seed, to less than it started with."""
    for training in trainings.TRAININGS:
        assert training.start(0).loss() != training.start(1).loss()
        state = training.start(0)
        assert (
            np.mean([state.step(training.best) for _ in range(60)][-5:]) < training.start(0).loss()
        )


def test_the_slopes_are_those_of_the_loss(trainings: ModuleType) -> None:
    """By differences, in one place of each array of weights; the factors' slopes are sums over their rows."""
    rows = np.arange(7)
    for training in trainings.TRAININGS:
        if training.name == "digits/factors":
            continue
        model, weights = training.make(), training.start(0).weights
        for place, slope in enumerate(model.slopes(weights, rows)):
            at = tuple(min(2, size - 1) for size in slope.shape)
            sides = []
            for shift in (1e-6, -1e-6):
                moved = [w.copy() for w in weights]
                moved[place][at] += shift
                sides.append(model.loss(tuple(moved), rows))
            assert (sides[0] - sides[1]) / 2e-6 == pytest.approx(slope[at], rel=1e-4, abs=1e-6)
