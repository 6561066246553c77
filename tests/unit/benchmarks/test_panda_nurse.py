"""What the nurse's benchmark counts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[3] / "benchmarks" / "panda"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The script, imported for the length of a test: another benchmark has trainings of its own."""
    monkeypatch.syspath_prepend(str(FOLDER))
    sys.modules.pop("trainings", None)
    import nurse

    yield nurse
    for name in ("nurse", "trainings"):
        sys.modules.pop(name, None)


def test_the_gap_is_closed_as_far_as_the_nursed_training_came(benchmark: ModuleType) -> None:
    """Beyond the best fixed learning rate it is more than all, worse than alone it is less than nothing."""
    assert benchmark.closed(alone=1.0, best=0.5, nursed=0.6) == pytest.approx(0.8)
    assert benchmark.closed(alone=1.0, best=0.5, nursed=0.4) == pytest.approx(1.2)
    assert benchmark.closed(alone=1.0, best=0.5, nursed=1.1) == pytest.approx(-0.2)


def test_where_there_is_no_gap_it_counts_as_closed_if_nothing_was_lost(
    benchmark: ModuleType,
) -> None:
    """On some seeds a wrong learning rate is as good as the best one."""
    assert benchmark.closed(alone=0.4, best=0.5, nursed=0.5) == 1.0
    assert benchmark.closed(alone=0.4, best=0.5, nursed=0.6) == 0.0


def test_a_nursed_training_comes_to_its_end_within_the_steps_that_it_has(
    benchmark: ModuleType,
) -> None:
    """From a learning rate that diverges at once, to a loss far below that of the start."""
    training = benchmark.by_name("digits/mlp")
    run = benchmark.nursed(training, 0, 10 * training.best)
    assert training.steps < run.trained <= 1.3 * training.steps
    assert run.loss < 0.2 * training.start(0).loss()
