"""`caviar run` as a person runs it: real Redis, Celery, MLflow and processes, and what happens when they are killed."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.command_line import Caviar, mlflow_trial_runs, wait_for

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

TRIALS = 24
TRAINER = """
import time

def train(trial):
    x, y = trial.params["x"], trial.params["y"]
    for step in range(5):
        time.sleep(%s)
        trial.report(step, loss=(x - 0.3) ** 2 + (y - 0.01) ** 2 + 1.0 / (step + 1))
"""
STUDY = f"""
name: bowl
metric: {{name: loss, goal: minimize}}
trainer: {{function: "bowl:train"}}
space:
  x: {{type: float, low: -1.0, high: 1.0}}
  y: {{type: float, low: 1.0e-4, high: 1.0, scale: log}}
budget: {{trials: {TRIALS}}}
stop: none
"""


@pytest.fixture
def caviar(tmp_path: Path) -> Iterator[Caviar]:
    made = Caviar(tmp_path)
    yield made
    made.close()


def write_study(caviar: Caviar, step_s: float = 0.02) -> None:
    (caviar.folder / "bowl.py").write_text(TRAINER % step_s)
    (caviar.folder / "study.yaml").write_text(STUDY)


def request_waits(caviar: Caviar, launcher: int) -> bool:
    """Whether bytes of the launcher to the service lie unread (/proc/net/tcp: addresses and queues in hex)."""
    service = json.loads((caviar.home / "service.json").read_text())
    port = int(service["url"].rpartition(":")[2])
    theirs = {each.laddr.port for each in psutil.Process(launcher).net_connections() if each.raddr}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, queues, *_ = line.split()
        ends = (int(local.rpartition(":")[2], 16), int(remote.rpartition(":")[2], 16))
        if ends[0] == port and ends[1] in theirs and int(queues.partition(":")[2], 16):
            return True
    return False


def check_books(caviar: Caviar, out: str) -> dict[str, Any]:
    """Every trial of the budget done, each with exactly one MLflow run that says the same."""
    result: dict[str, Any] = json.loads(out.splitlines()[-1])
    assert result["state"] == "done"
    assert result["trials"]["done"] == TRIALS
    runs = mlflow_trial_runs(caviar.home, result["study"])
    assert len(runs) == TRIALS
    assert len({run["tags"]["caviar.number"] for run in runs}) == TRIALS
    assert {run["status"] for run in runs} == {"FINISHED"}
    best = min(run["metrics"]["loss"] for run in runs)
    assert result["best"]["value"] == pytest.approx(best, abs=0.0)
    for run in runs:
        assert [step for step, _ in run["steps"]] == [0, 1, 2, 3, 4]
    return result


def test_a_study_runs_to_its_end(caviar: Caviar) -> None:
    """The whole way round: proposals, queue, training, MLflow, rounds, result; and nothing is left running."""
    write_study(caviar, step_s=0.2)  # long enough that the refiner is up before it ends
    code, out, err = caviar.run("run", "study.yaml", "--workers", "2", "--json")
    assert code == 0, err + caviar.logs()
    result = check_books(caviar, out)
    assert len(result["rounds"]) >= 3
    assert all(round_["reason"] for round_ in result["rounds"])
    assert result["mlflow"]["uri"] == f"sqlite:///{caviar.home / 'mlflow.db'}"
    caviar.assert_nothing_left()
    assert not (caviar.home / "service.json").exists()


def test_a_killed_worker_loses_no_trial(caviar: Caviar) -> None:
    """kill -9 of the worker in the middle: it is started again, and its trials train once more, counted once."""
    write_study(caviar, step_s=0.1)
    process = caviar.start("run", "study.yaml", "--workers", "2", "--json")
    wait_for(lambda: len(caviar.training()) >= 2, "two trials to train")
    caviar.kill(caviar.part("caviar.cli worker"))
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err + caviar.logs()
    check_books(caviar, out)
    caviar.assert_nothing_left()


def test_a_killed_launcher_is_cleaned_up_and_the_next_start_goes_on(caviar: Caviar) -> None:
    """kill -9 of `caviar run` itself: everything ends with it; the same command finishes the same study."""
    write_study(caviar, step_s=0.1)
    first = caviar.start("run", "study.yaml", "--workers", "2", "--json")
    wait_for(lambda: (caviar.home / "mlflow.db").exists() and caviar.training(), "trials to train")
    first.kill()
    first.communicate()
    caviar.assert_nothing_left()
    code, out, err = caviar.run("run", "study.yaml", "--workers", "2", "--json")
    assert code == 0, err + caviar.logs()
    check_books(caviar, out)
    caviar.assert_nothing_left()


def test_ctrl_c_leaves_nothing_and_says_how_to_go_on(caviar: Caviar) -> None:
    """Ctrl-C in the middle of training."""
    write_study(caviar, step_s=1.0)
    process = caviar.start("run", "study.yaml", "--workers", "2")
    wait_for(caviar.training, "a trial to train")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "goes on where it was" in out + err
    caviar.assert_nothing_left()


def test_a_trainer_that_does_not_import_is_refused(caviar: Caviar) -> None:
    """The error of the import itself, exit code 2, and no study was made."""
    write_study(caviar)
    (caviar.folder / "bowl.py").write_text("import nowhere_to_be_found\n\ndef train(trial): ...\n")
    code, out, err = caviar.run("run", "study.yaml")
    assert code == 2
    assert "nowhere_to_be_found" in out + err
    caviar.assert_nothing_left()


def test_failing_trials_are_counted_and_shown(caviar: Caviar) -> None:
    """Half of the trials raise: the study goes on to its end, and the error is told."""
    write_study(caviar)
    (caviar.folder / "bowl.py").write_text(
        "def train(trial):\n"
        "    if trial.number % 2:\n"
        "        raise ValueError('the odd ones break')\n"
        "    return trial.params['x'] ** 2\n"
    )
    code, out, err = caviar.run("run", "study.yaml", "--workers", "2")
    assert code == 0, err + caviar.logs()
    assert "the odd ones break" in out + err
    caviar.assert_nothing_left()


def test_trials_that_fall_behind_end_early(caviar: Caviar) -> None:
    """By default: they count in the budget, the best trained whole, and MLflow says where the others were stopped."""
    write_study(caviar)
    (caviar.folder / "study.yaml").write_text(STUDY.replace("stop: none", ""))
    trainer = (TRAINER % 0.005).replace("range(5)", "range(40)")
    hears = "        if trial.should_stop():\n            break\n"
    (caviar.folder / "bowl.py").write_text(trainer + hears)
    code, out, err = caviar.run("run", "study.yaml", "--workers", "2", "--json")
    assert code == 0, err + caviar.logs()
    result: dict[str, Any] = json.loads(out.splitlines()[-1])
    stopped, done = result["trials"]["stopped"], result["trials"]["done"]
    assert stopped > 0
    assert stopped + done == TRIALS
    runs = mlflow_trial_runs(caviar.home, result["study"])
    early = [run for run in runs if run["status"] == "KILLED"]
    assert len(early) == stopped
    for run in early:
        assert "of about 39, rung" in run["tags"]["caviar.stopped_early"]
        assert len(run["steps"]) in (3, 9)
    whole = [run for run in runs if run["status"] == "FINISHED"]
    assert {len(run["steps"]) for run in whole} == {40}
    assert result["best"]["value"] == min(run["metrics"]["loss"] for run in whole)
    caviar.assert_nothing_left()


def test_every_part_may_be_killed_in_turn(caviar: Caviar) -> None:
    """kill -9 of Redis, scheduler, fork server, refiner and MLflow: each is started again, and the books are right.

    The scheduler goes while a request of the launcher waits for its answer.
    """
    write_study(caviar, step_s=0.2)
    process = caviar.start("run", "study.yaml", "--workers", "2", "--json")
    wait_for(caviar.training, "a trial to train")
    for words in (
        ("redis-server",),
        ("caviar.cli scheduler",),
        ("caviar_worker.forkserver",),
        ("caviar.cli refiner",),
        ("mlflow server",),
    ):
        before = caviar.part(*words)
        if words == ("caviar.cli scheduler",):
            before.suspend()
            wait_for(lambda: request_waits(caviar, process.pid), "a request that is not read")
        caviar.kill(before)

        def another(old: int = before.pid, like: tuple[str, ...] = words) -> bool:
            return caviar.part(*like).pid != old

        wait_for(another, f"{words} to be started again")
    out, err = process.communicate(timeout=400)
    assert process.returncode == 0, err + caviar.logs()
    check_books(caviar, out)
    caviar.assert_nothing_left()
