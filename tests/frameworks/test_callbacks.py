"""Each framework's callback in its example, on the framework itself: report, stop, save and go on."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from tests.frameworks.examples import ALL, Attempts, Example, skip_without

# Frameworks warn about each other and about Python to come.
pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.timeout(600)]


@pytest.fixture(params=ALL, ids=lambda example: example.folder)
def example(request: pytest.FixtureRequest) -> Example:
    chosen: Example = request.param
    skip_without(chosen.needs)
    return chosen


def test_a_killed_trial_goes_on_from_its_checkpoint(example: Example, tmp_path: Path) -> None:
    """The steps before it are not trained again, and it ends where one that was left alone ends."""
    whole = Attempts(example, tmp_path / "whole").train()
    assert whole.steps_reported == list(range(example.steps))
    cut = Attempts(example, tmp_path / "cut")
    first = cut.train(kill_at_save=2)
    second = cut.train()
    assert first.steps_reported == list(range(example.kept + 1))
    assert second.steps_reported == list(range(example.kept, example.steps))
    assert second.last == pytest.approx(whole.last, rel=0, abs=example.near)


def test_a_trial_that_was_killed_after_its_last_step_keeps_its_value(
    example: Example, tmp_path: Path
) -> None:
    """Nothing is left to train, and the metric is known all the same."""
    attempts = Attempts(example, tmp_path)
    first = attempts.train()
    second = attempts.train()
    assert set(second.steps_reported) == {example.steps - 1}
    assert second.last == pytest.approx(first.last, rel=1e-9)


def test_a_trial_that_is_to_stop_ends_with_a_checkpoint(example: Example, tmp_path: Path) -> None:
    """Within the step in which it hears of it; whoever goes on, on another host perhaps, loses nothing."""
    trial = Attempts(example, tmp_path).train(stop_at=2)
    assert trial.steps_reported == [0, 1, 2]
    assert trial.stop_seen
    checkpoint = trial.load_checkpoint()
    assert checkpoint is not None
    assert (checkpoint.path / "caviar.json").exists()


@pytest.mark.parametrize(
    "folder, argument, forgotten",
    [
        ("xgboost", "model", None),
        ("lightgbm", "model", None),
        ("lightning", "ckpt_path", None),
        ("keras", "initial_epoch", 0),
        ("transformers", "resume_from_checkpoint", None),
    ],
)
def test_a_training_that_begins_anew_beside_a_checkpoint_is_refused(
    folder: str,
    argument: str,
    forgotten: object,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the argument that goes on is left out, the callback says which; nothing is trained twice."""
    example = next(one for one in ALL if one.folder == folder)
    skip_without(example.needs)
    attempts = Attempts(example, tmp_path)
    attempts.train(kill_at_save=1)
    module = importlib.import_module(f"caviar.integrations.{folder}")
    monkeypatch.setattr(module.CaviarCallback, argument, forgotten)
    with pytest.raises(ValueError, match=rf"caviar\.{argument}"):
        attempts.train()
