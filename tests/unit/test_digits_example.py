"""The digits example: it learns, and an interrupted trial ends as if nothing had happened."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from caviar_worker import Trial

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits"
SGD = {"solver": "sgd", "momentum": 0.9}
ADAM = {"solver": "adam", "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
COMMON = {"hidden_units": 32, "batch_size": 64, "layers": 1, "lr_decay": 1e-4}


@pytest.fixture
def digits(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The example's module, imported as a worker would: its folder first on the path."""
    monkeypatch.syspath_prepend(str(EXAMPLE))
    import digits

    yield digits
    for name in ("digits", "mlp"):
        sys.modules.pop(name, None)


def trial(
    home: Path, attempt: int = 1, kind: type[Trial] = Trial, **params: bool | int | float | str
) -> Trial:
    spool = home / f"attempt-{attempt}"
    spool.mkdir(parents=True)
    return kind(
        params=COMMON | params,
        number=0,
        seed=7,
        round=0,
        attempt=attempt,
        metric="val_accuracy",
        home=spool,
        checkpoints=home / "checkpoints",
    )


@pytest.mark.parametrize("solver, rate", [(SGD, 0.05), (ADAM, 0.003)])
def test_both_solvers_learn(
    solver: dict[str, float | str], rate: float, digits: ModuleType, tmp_path: Path
) -> None:
    """Far above the tenth that guessing gives, on the digits that were held out as well."""
    one = trial(tmp_path, learning_rate=rate, **solver)
    result = digits.train(one)
    assert result["val_accuracy"] > 0.9
    assert result["test_accuracy"] > 0.9
    assert one.last == result["val_accuracy"]
    assert one.steps == digits.EPOCHS


@pytest.mark.parametrize("solver, rate", [(SGD, 0.05), (ADAM, 0.003)])
def test_an_interrupted_trial_goes_on_to_the_same_result(
    solver: dict[str, float | str],
    rate: float,
    digits: ModuleType,
    tmp_path: Path,
) -> None:
    """The second attempt starts after the last checkpoint; weights, optimiser and order of samples are as they were."""
    whole = digits.train(trial(tmp_path / "whole", learning_rate=rate, **solver))

    class Killed(Exception):
        pass

    class KilledLate(Trial):
        def report(self, step: int, **metrics: float) -> None:
            super().report(step, **metrics)
            if step == digits.EPOCHS - 5:
                raise Killed

    first = trial(tmp_path / "cut", kind=KilledLate, learning_rate=rate, **solver)
    with pytest.raises(Killed):
        digits.train(first)
    second = trial(tmp_path / "cut", attempt=2, learning_rate=rate, **solver)
    assert digits.train(second) == whole
    assert second.steps == digits.CHECKPOINT_EVERY


def test_a_trial_that_falls_behind_ends_within_an_epoch(digits: ModuleType, tmp_path: Path) -> None:
    """It still says what it is worth, also on the digits that nobody has seen."""

    class Behind(Trial):
        def should_stop(self) -> bool:
            return self.steps == 3

    early = trial(tmp_path, kind=Behind, learning_rate=0.05, **SGD)
    result = digits.train(early)
    assert early.steps == 3
    assert result["val_accuracy"] == early.last
    assert 0.0 < result["test_accuracy"] < 1.0


def test_a_rate_that_is_far_too_high_gives_a_low_value_not_an_error(
    digits: ModuleType, tmp_path: Path
) -> None:
    """The search learns from it: a failed trial would tell it nothing."""
    result = digits.train(
        trial(tmp_path, learning_rate=1.0, solver="sgd", momentum=0.999, layers=3)
    )
    assert 0.0 <= result["val_accuracy"] < 0.5


def test_no_digit_is_in_two_parts(digits: ModuleType) -> None:
    """A test score would be worth nothing otherwise; every part has all ten digits alike."""
    parts = digits.data()
    sizes = [len(labels) for _, labels in parts]
    assert sum(sizes) == 1797
    for _, labels in parts:
        shares = [(labels == digit).mean() for digit in range(10)]
        assert min(shares) > 0.09
        assert max(shares) < 0.11
