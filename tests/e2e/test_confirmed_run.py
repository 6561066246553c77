"""`caviar run` of a noisy study: its leaders train again on new seeds, and a bounded metric decides what may lead."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import Caviar, mlflow_trial_runs

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

STUDY = """
name: noisy
metric: {name: loss, goal: minimize}
trainer: {function: "noisy:train"}
space:
  x: {type: float, low: -1.0, high: 1.0}
budget: {trials: 14}
constraints: {size: {max: 0.5}}
confirm: 2
"""
TRAINER = """
import random

def train(trial):
    x = trial.params["x"]
    trial.report(0, size=x, loss=9.0)
    trial.report(1, loss=1.0)
    return (x - 0.7) ** 2 + random.Random(trial.seed).gauss(0, 0.05)
"""


@pytest.fixture
def caviar(tmp_path: Path) -> Iterator[Caviar]:
    made = Caviar(tmp_path)
    yield made
    made.close()


def test_a_noisy_study_ends_with_a_confirmed_interval(caviar: Caviar) -> None:
    """What it reports is the mean of new runs, all of them in MLflow with their own seeds and within the budget."""
    (caviar.folder / "noisy.py").write_text(TRAINER)
    (caviar.folder / "study.yaml").write_text(STUDY)
    code, out, err = caviar.run("run", "study.yaml", "--workers", "2", "--json")
    assert code == 0, err + caviar.logs()
    result = json.loads(out.splitlines()[-1])
    found = mlflow_trial_runs(caviar.home, result["study"])
    runs = {int(run["tags"]["caviar.number"]): run for run in found}
    caviar.assert_nothing_left()
    best = result["best"]
    confirmed = best["confirmed"]
    assert sorted(runs) == list(range(14))
    assert best["params"]["x"] <= 0.5
    assert best["metrics"]["size"] == best["params"]["x"]
    again = [
        run for run in runs.values() if run["tags"].get("caviar.repeats") == str(best["trial"])
    ]
    assert len(again) == confirmed["runs"] == 2
    assert len({run["tags"]["caviar.seed"] for run in again}) == 2
    mean = sum(run["metrics"]["loss"] for run in again) / 2
    assert confirmed["mean"] == pytest.approx(mean)
    assert confirmed["low"] < confirmed["mean"] < confirmed["high"]
    assert len(confirmed["rivals"]) == 1
    assert {run["params"]["x"] for run in again} == {runs[best["trial"]]["params"]["x"]}
