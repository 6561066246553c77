"""What a worker refuses, hides and never kills."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from caviar.contract.messages import Trainer
from caviar.errors import InputError
from caviar_worker.environment import trial_environment
from caviar_worker.processes import alive, boot_id, kill_recorded_group, started_at
from caviar_worker.settings import WorkerSettings
from caviar_worker.slot import refuse

ENVIRON = {
    "CAVIAR_URL": "http://127.0.0.1:1/",
    "CAVIAR_WORKER_TOKEN": "t0k3n-of-the-test",
    "CAVIAR_BROKER_URL": "redis+socket:///tmp/r.sock",
    "MLFLOW_TRACKING_URI": "http://127.0.0.1:2",
    "CAVIAR_WORKER_DIR": "/tmp/w",
    "CAVIAR_WORKER_SLOTS": "3",
    "CAVIAR_MLFLOW_STORE": "sqlite:////home/me/.caviar/mlflow.db",
    "CAVIAR_TRIAL_ENV": "WANDB_MODE, HF_TOKEN",
}


def test_settings_come_from_the_environment_and_go_back() -> None:
    """A child process reads the very settings that its parent had."""
    settings = WorkerSettings.from_environ(ENVIRON)
    assert (settings.slots, settings.url) == (3, "http://127.0.0.1:1")
    assert settings.trial_env == ("WANDB_MODE", "HF_TOKEN")
    assert not settings.allow_commands
    assert not settings.allow_folders
    assert WorkerSettings.from_environ(settings.environ()) == settings


def test_without_an_address_of_redis_tickets_come_through_the_service() -> None:
    """Celery is given a socket in the folder of the worker's own; its processes read the same settings again."""
    settings = WorkerSettings.from_environ(ENVIRON | {"CAVIAR_BROKER_URL": ""})
    assert settings.broker == "redis+socket:///tmp/w/run/broker.sock"
    assert settings.broker_socket == Path("/tmp/w/run/broker.sock")
    assert WorkerSettings.from_environ(settings.environ()) == settings
    assert WorkerSettings.from_environ(ENVIRON).broker_socket is None


def test_every_wrong_setting_is_named_at_once() -> None:
    """One look at the message is enough to repair them all."""
    with pytest.raises(InputError) as caught:
        WorkerSettings.from_environ(
            {
                "CAVIAR_URL": "ftp://x",
                "CAVIAR_WORKER_TOKEN": "changeme",
                "CAVIAR_WORKER_SLOTS": "0",
                "CAVIAR_WORKER_RUN": "/tmp/" + "long" * 40,
                "CAVIAR_WORKER_ALLOW_COMMANDS": "maybe",
                "CAVIAR_MLFLOW_STORE": "postgresql://team@host/mlflow",
            }
        )
    names = {problem.path[0] for problem in caught.value.problems}
    assert names == {
        *("CAVIAR_URL", "CAVIAR_WORKER_TOKEN", "CAVIAR_WORKER_SLOTS", "CAVIAR_WORKER_RUN"),
        *("CAVIAR_WORKER_ALLOW_COMMANDS", "MLFLOW_TRACKING_URI"),
        "CAVIAR_MLFLOW_STORE",
    }


def test_no_secret_reaches_a_trial() -> None:
    """The environment of user code is an allow-list: what is not on it is not there."""
    host = {
        **ENVIRON,
        "PATH": "/bin",
        "LC_ALL": "C",
        "CUDA_VISIBLE_DEVICES": "0",
        "AWS_SECRET_ACCESS_KEY": "s",
        "CAVIAR_DATABASE_URL": "postgresql://u:p@h/d",
        "HF_TOKEN": "wanted",
    }
    seen = trial_environment(host, ["HF_TOKEN"], cores=8, slots=3)
    assert {"PATH", "LC_ALL", "CUDA_VISIBLE_DEVICES", "HF_TOKEN"} <= seen.keys()
    assert not any(name.startswith("CAVIAR_") or "SECRET" in name for name in seen)
    assert "MLFLOW_TRACKING_URI" not in seen


def test_slots_share_the_cores() -> None:
    """Eight cores and three slots: two threads each; what the operator set is kept."""
    assert trial_environment({}, [], cores=8, slots=3)["OMP_NUM_THREADS"] == "2"
    assert trial_environment({}, [], cores=2, slots=4)["OMP_NUM_THREADS"] == "1"
    kept = trial_environment({"OMP_NUM_THREADS": "5"}, [], cores=8, slots=1)
    assert kept["OMP_NUM_THREADS"] == "5"


@pytest.mark.parametrize(
    ("trainer", "says"),
    [
        (Trainer(), "exactly one"),
        (Trainer(function="m:f", command=("a",)), "exactly one"),
        (Trainer(function="os.system"), "module:name"),
        (Trainer(function="m:f", folder="/tmp"), "ALLOW_FOLDERS"),
        (Trainer(command=()), "empty"),
        (Trainer(command=("true",)), "ALLOW_COMMANDS"),
        (Trainer(function="m:f", bundle="0" * 64), "ALLOW_BUNDLES"),
        (Trainer(function="m:f"), "CAVIAR_WORKER_TRAINERS"),
        (Trainer(name="m"), "entry point"),
    ],
)
def test_a_worker_runs_what_its_operator_allows(trainer: Trainer, says: str) -> None:
    """By default: trainers that are installed on the worker, nothing that a study brings along."""
    reason = refuse(trainer, WorkerSettings.from_environ(ENVIRON))
    assert says in str(reason)


def test_a_folder_is_absolute_and_there(tmp_path: Path) -> None:
    """Where folders are allowed, a wrong one fails the trial with its name."""
    open_worker = replace(WorkerSettings.from_environ(ENVIRON), allow_folders=True)
    assert refuse(Trainer(function="m:f", folder=str(tmp_path)), open_worker) is None
    for wrong in ("relative", str(tmp_path / "missing")):
        assert "folder" in str(refuse(Trainer(function="m:f", folder=wrong), open_worker))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="process starts are read in /proc")
def test_a_recycled_pid_is_never_killed(tmp_path: Path) -> None:
    """A group that was written down is killed only while pid and start time name the same process."""
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=-1, start_new_session=True
    ) as other:
        start = started_at(other.pid)
        assert start is not None
        assert kill_recorded_group(other.pid, start - 1, boot_id(), tmp_path) == 0
        assert kill_recorded_group(other.pid, start, "another boot", tmp_path) == 0
        assert alive(other.pid, start)
        assert kill_recorded_group(other.pid, start, boot_id(), tmp_path) == 1
        other.wait()
        assert not alive(other.pid, start)


def test_this_process_is_alive() -> None:
    """The other side of the check above."""
    assert alive(os.getpid(), started_at(os.getpid()))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's choice")
def test_a_trial_offers_itself_when_memory_runs_out() -> None:
    """It and what it starts are chosen before the processes that serve them."""
    script = (
        "import subprocess; from caviar_worker.processes import be_killed_first; be_killed_first();"
        "print(subprocess.check_output(['cat', '/proc/self/oom_score_adj']).decode())"
    )
    assert subprocess.check_output([sys.executable, "-c", script]).split() == [b"500"]
