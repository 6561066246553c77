"""Everything is killed, the database is deleted, and a person goes on: `caviar rebuild`, then the same `caviar run`."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import Caviar, mlflow_trial_runs, wait_for

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

TRIALS, FREE = 14, 6
TRAINER = f"""
import os, time

def train(trial):
    for step in range(5):
        while step == 2 and trial.number >= {FREE} and not os.path.exists("go"):
            time.sleep(0.02)
        trial.report(step, loss=(trial.params["x"] - 0.3) ** 2 + 1.0 / (step + 1))
"""
STUDY = f"""
name: bowl
metric: {{name: loss, goal: minimize}}
trainer: {{function: "bowl:train"}}
space:
  x: {{type: float, low: -1.0, high: 1.0}}
budget: {{trials: {TRIALS}}}
stop: none
"""


@pytest.fixture
def caviar(tmp_path: Path) -> Iterator[Caviar]:
    made = Caviar(tmp_path)
    yield made
    made.close()


def test_a_study_goes_on_after_its_database_was_lost(caviar: Caviar) -> None:
    """All 14 trials in the end, each with one run in MLflow; those that were complete there are not trained again."""
    (caviar.folder / "bowl.py").write_text(TRAINER)
    (caviar.folder / "study.yaml").write_text(STUDY)
    first = caviar.start("run", "study.yaml", "--workers", "2", "--json")

    wait_for(lambda: len(shipped(caviar)) == FREE, "six complete runs")
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    wait_for(lambda: not caviar.processes(), "the guard ends every part", 60)
    study, before = study_id(caviar), shipped(caviar)
    for path in caviar.home.glob("caviar.db*"):
        path.unlink()

    code, out, err = caviar.run("rebuild", "--json")
    assert code == 0, err
    (back,) = json.loads(out)["studies"]
    assert (back["id"], back["state"]) == (study, "paused")
    assert back["trials"]["done"] == FREE
    caviar.assert_nothing_left()

    (caviar.folder / "go").touch()
    code, out, err = caviar.run("run", "study.yaml", "--workers", "2", "--json")
    assert code == 0, err + caviar.logs()
    result = json.loads(out.splitlines()[-1])
    assert (result["study"], result["trials"]["done"]) == (study, TRIALS)
    runs = mlflow_trial_runs(caviar.home, study)
    numbers = sorted(int(run["tags"]["caviar.number"]) for run in runs)
    assert numbers == list(range(TRIALS))
    assert {run["status"] for run in runs} == {"FINISHED"}
    for run in runs:
        assert [step for step, _ in run["steps"]] == [0, 1, 2, 3, 4]
        if run["tags"]["caviar.trial"] in before:
            assert run["tags"]["caviar.attempt"] == "1"


def study_id(caviar: Caviar) -> str:
    """Read from the store, which is there until the test removes it."""
    with sqlite3.connect(caviar.home / "caviar.db") as connection:
        return str(connection.execute("SELECT id FROM studies").fetchone()[0])


def shipped(caviar: Caviar) -> list[str]:
    """Trials whose runs are complete, by the store."""
    if not (caviar.home / "caviar.db").exists():
        return []
    with sqlite3.connect(caviar.home / "caviar.db") as connection:
        try:
            rows = connection.execute("SELECT id FROM trials WHERE shipped AND state = 'done'")
            return [row[0] for row in rows]
        except sqlite3.OperationalError:  # its schema is being made
            return []
