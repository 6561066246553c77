"""Each example by the command that the README names: a real service, real trainings, real MLflow."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.frameworks.examples import ALL, EXAMPLES, Example, skip_without
from tests.support.command_line import Caviar, mlflow_trial_runs, wait_for

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]


@pytest.fixture
def caviar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Caviar]:
    # As in an activated environment: a command's `python` is the one with the packages.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    made = Caviar(tmp_path)
    yield made
    made.close()


def run(caviar: Caviar, folder: str) -> dict[str, Any]:
    code, out, err = caviar.run("run", str(EXAMPLES / folder / "study.yaml"), "--json")
    assert code == 0, err + caviar.logs()
    result: dict[str, Any] = json.loads(out.splitlines()[-1])
    assert result["state"] == "done"
    assert result["trials"]["failed"] == 0
    return result


@pytest.mark.parametrize(
    "example", [pytest.param(one, id=one.folder, marks=one.marks) for one in ALL]
)
def test_an_example_finds_a_good_model(example: Example, caviar: Caviar) -> None:
    """Better than its bound, losing trials ended early, and every curve in MLflow."""
    skip_without(example.needs)
    result = run(caviar, example.folder)
    sign = -1 if example.goal == "minimize" else 1
    assert sign * result["best"]["value"] >= sign * example.good
    assert result["trials"]["stopped"] > 0
    runs = mlflow_trial_runs(caviar.home, result["study"], example.metric)
    assert len(runs) == result["trials"]["done"] + result["trials"]["stopped"]
    for one in runs:
        steps = [step for step, _ in one["steps"]]
        assert steps == list(range(len(steps)))
        assert (len(steps) == example.steps) == (one["status"] == "FINISHED")
    caviar.assert_nothing_left()


@pytest.mark.frameworks
def test_a_killed_process_costs_the_steps_since_its_checkpoint(caviar: Caviar) -> None:
    """kill -9 of a PyTorch loop that has saved: the second attempt makes the curve whole, in the same run."""
    skip_without("torch")
    process = caviar.start("run", str(EXAMPLES / "pytorch" / "study.yaml"), "--json")

    def kill_one() -> bool:
        for group in caviar.home.glob("worker/trials/*.1/group.json"):
            trial = group.parent.name.removesuffix(".1")
            saved = list(caviar.home.glob(f"worker/checkpoints/{trial}/1/[0-9]*"))
            if not saved or (group.parent / "result.json").exists():
                continue
            os.kill(json.loads(group.read_text())["pid"], signal.SIGKILL)
            return True
        return False

    wait_for(kill_one, "a trial with a checkpoint")
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err + caviar.logs()
    result = json.loads(out.splitlines()[-1])
    runs = mlflow_trial_runs(caviar.home, result["study"], "val_accuracy")
    again = [one for one in runs if one["tags"]["caviar.attempt"] == "2"]
    assert len(again) == 1
    assert [step for step, _ in again[0]["steps"]] == list(range(len(again[0]["steps"])))


def test_a_script_that_knows_only_mlflow_lands_in_the_trials_run(caviar: Caviar) -> None:
    """What autolog and the script log lies beside what Caviar wrote: one run a trial, no other."""
    result = run(caviar, "mlflow-autolog")
    assert result["best"]["value"] > 0.9
    runs = mlflow_trial_runs(caviar.home, result["study"])
    assert len(runs) == result["trials"]["done"] == 5
    for one in runs:
        assert {"val_accuracy", "loss", "training_accuracy_score"} <= one["metrics"].keys()
        assert {"hidden_layer_sizes", "learning_rate_init", "alpha"} <= one["params"].keys()
        assert len(one["steps"]) == 20
    caviar.assert_nothing_left()


def test_the_search_in_the_process_needs_no_service() -> None:
    """`python examples/sklearn/search.py` prints its result last."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / "sklearn" / "search.py"],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["cv_accuracy"] > 0.95
    assert result["test_accuracy"] > 0.95
