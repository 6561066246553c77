"""What the callbacks share: which metrics reach a trial, under which names, and what a checkpoint brings back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from caviar.integrations.course import Course
from caviar_worker import Trial


def attempt(root: Path, number: int = 1) -> Trial:
    home = root / str(number)
    home.mkdir(parents=True)
    return Trial(
        params={},
        number=0,
        seed=0,
        round=0,
        attempt=number,
        metric="loss",
        home=home,
        checkpoints=root / "checkpoints",
    )


def reported(root: Path, number: int = 1) -> list[tuple[int, dict[str, float]]]:
    lines = (root / str(number) / "spool.jsonl").read_text().splitlines()
    return [(line["s"], line["m"]) for line in map(json.loads, lines)]


def test_single_numbers_are_reported_and_all_else_is_left_out(tmp_path: Path) -> None:
    """Frameworks log words, lists and tensors beside their metrics."""
    logs = {"loss": np.float32(0.5), "lr": np.array(0.25), "note": "warm", "flag": True}
    assert not Course(attempt(tmp_path), 1).report(0, logs | {"many": np.zeros(3), "none": None})
    assert reported(tmp_path) == [(0, {"loss": 0.5, "lr": 0.25})]


def test_names_that_mlflow_refuses_are_written_as_its_autologging_does(tmp_path: Path) -> None:
    """``ndcg@5`` is ``ndcg_at_5``."""
    Course(attempt(tmp_path), 1).report(0, {"valid-ndcg@5": 0.5, "a(b)": 1.0})
    assert reported(tmp_path) == [(0, {"valid-ndcg_at_5": 0.5, "a_b_": 1.0})]


def test_a_metric_that_is_missing_is_told_with_those_that_are_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once, in the trial's output: the study file often has another name for it."""
    course = Course(attempt(tmp_path), 1)
    course.report(0, {"val_loss": 0.5})
    course.report(1, {"val_loss": 0.4})
    assert (
        capsys.readouterr().err.count("'loss', which is not among what is reported: val_loss") == 1
    )


def test_a_checkpoint_brings_back_what_was_reported_with_it(tmp_path: Path) -> None:
    """So the value of a trial is known that has nothing left to train."""
    course = Course(attempt(tmp_path), 1)
    course.report(4, {"loss": 0.5})
    course.save(4, lambda folder: (folder / "weights").touch())
    second = attempt(tmp_path, 2)
    assert Course(second, 1).start == 5
    assert second.last == 0.5
    assert reported(tmp_path, 2) == [(4, {"loss": 0.5})]


@pytest.mark.parametrize("every", [0, -1, 1.5, True])
def test_checkpoints_are_a_whole_number_of_steps_apart(every: int, tmp_path: Path) -> None:
    """Told before anything trains."""
    with pytest.raises(ValueError, match="1 or more"):
        Course(attempt(tmp_path), every)
