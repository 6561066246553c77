"""The embedded service when nobody is left to clean up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.bad_trainers import write_trainers
from tests.support.command_line import Caviar, mlflow_trial_runs, wait_for

pytestmark = pytest.mark.chaos

STUDY = """
name: left-behind
metric: {name: score, goal: maximize}
trainer: {function: "chaos_trainer:slow"}
space: {x: {type: float, low: 0.0, high: 1.0}}
search: {strategy: random}
stop: none
budget: {trials: 4}
"""


@pytest.fixture
def caviar(tmp_path: Path) -> Iterator[Caviar]:
    made = Caviar(tmp_path)
    yield made
    made.close()


def test_what_a_killed_launcher_and_its_guard_leave_is_ended_by_the_next_start(
    caviar: Caviar,
) -> None:
    """Both killed in one moment: Redis, MLflow and the others live on, until the same command comes again."""
    write_trainers(caviar.folder)
    (caviar.folder / "study.yaml").write_text(STUDY)
    first = caviar.start("run", "study.yaml", "--workers", "2", "--json")
    wait_for(caviar.training, "a trial to train")
    guard, mlflow = caviar.part("guard.py"), caviar.part("mlflow server")
    guard.suspend()
    first.kill()
    first.communicate()
    guard.kill()
    left = [mlflow, caviar.part("redis-server")]
    assert all(process.is_running() for process in left)
    code, out, err = caviar.run("run", "study.yaml", "--workers", "2", "--json")
    assert code == 0, err + caviar.logs()
    assert "left over" in err
    assert not any(process.is_running() for process in left)
    study = json.loads(out.splitlines()[-1])["study"]
    assert len(mlflow_trial_runs(caviar.home, study)) == 4
    caviar.assert_nothing_left()
