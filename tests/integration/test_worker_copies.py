"""Two hosts and a store: what the first one saved is where the second one goes on."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from caviar.contract.messages import Checkpoints, ShipTarget, Trainer
from caviar_worker.files import read_json
from tests.support import wait_until
from tests.support.desk import Desk
from tests.support.host import Host, worker_host
from tests.support.servers import MlflowServer, RedisServer

pytestmark = pytest.mark.real

LONG = '''
import os, time


def train(trial):
    """The first attempt saves a step every time it may; a later one tells where it went on."""
    found = trial.load_checkpoint()
    start = 0 if found is None else found.step + 1
    print("went on at", start, "with", None if found is None else (found.path / "deep" / "w").read_text())
    for step in range(start, start + 3 if trial.attempt > 1 else 1000):
        trial.report(step, score=step / 1000)
        trial.save_checkpoint(step, fill(step))
        time.sleep(0.02)
        while trial.attempt == 1 and step == 4 and not os.path.exists("go"):
            time.sleep(0.02)
    return 0.5


def fill(step):
    def write(folder):
        (folder / "deep").mkdir()
        (folder / "deep" / "w").write_text(f"weights of {step}")
    return write
'''


@pytest.fixture
def code(short_path: Path) -> Trainer:
    folder = short_path / "code"
    folder.mkdir()
    (folder / "long.py").write_text(LONG)
    return Trainer(function="long:train", folder=str(folder))


@contextmanager
def a_host(
    root: Path, name: str, redis: RedisServer, desk: Desk, mlflow: MlflowServer, store: str
) -> Iterator[Host]:
    (root / name).mkdir()
    with worker_host(
        root / name, redis, desk, mlflow.uri, slots=1, name=name, checkpoints=store
    ) as host:
        host.start()
        yield host


def make_study(desk: Desk, mlflow: MlflowServer, name: str) -> MlflowClient:
    client = MlflowClient(mlflow.uri)
    experiment = client.create_experiment(f"{name} {time.time_ns()}")
    parent = client.create_run(experiment).info.run_id
    desk.targets["study-1"] = ShipTarget(experiment_id=experiment, parent_run_id=parent)
    return client


def copied(host: Host, trial: str) -> list[int] | None:
    return (read_json(host.settings.folder / "copies" / f"{trial}.json") or {}).get("newest")


@pytest.mark.parametrize("store", ["mlflow", "folder"])
def test_another_host_goes_on_from_the_copy(
    short_path: Path,
    code: Trainer,
    redis_server: RedisServer,
    desk: Desk,
    mlflow_server: MlflowServer,
    store: str,
) -> None:
    """kill -9 of the first host in the middle: the second one, which shares nothing but the store, goes on from
    the newest copied step, and when the trial is done no copy is left."""
    client = make_study(desk, mlflow_server, f"copies {store}")
    shared = short_path / "shared"
    place = "mlflow" if store == "mlflow" else str(shared)
    with a_host(short_path, "one", redis_server, desk, mlflow_server, place) as one:
        one.train("t-1", code)
        wait_until(lambda: copied(one, "t-1") == [1, 4], 120, "the step is copied")
        one.stop(signal.SIGKILL)
        one.wait_until_gone()
    if store == "mlflow":  # an upload that the kill has cut: a file, and no manifest yet
        experiment = desk.targets["study-1"].experiment_id
        (run_1,) = client.search_runs([experiment], "tags.`caviar.trial` = 't-1'")
        client.log_text(run_1.info.run_id, "half", "resume/1/5/deep/w")
    with a_host(short_path, "two", redis_server, desk, mlflow_server, place) as two:
        two.train("t-1", code, attempt=2)
        finish = two.finish_of("t-1", 2)
        assert (finish.outcome, finish.steps) == ("done", 3)
        assert "went on at 5 with weights of 4" in finish.output
        wait_until(lambda: "t-1" in desk.shipped, 120, "it is shipped")
        run = desk.shipped["t-1"]
        if store == "mlflow":
            wait_until(lambda: not client.list_artifacts(run, "resume"), why="no copy is left")
        else:
            wait_until(lambda: not list(shared.iterdir()), why="no copy is left")
        wait_until(
            lambda: not list((two.settings.folder / "checkpoints").iterdir()), why="nor one here"
        )
        if store == "mlflow":
            assert "the copy of step 5 is passed over: it was not copied" in two.log.read_text()
        assert "t-1.2 goes on from the copy of step 4, attempt 1" in two.log.read_text()


def test_a_damaged_copy_is_passed_over(
    short_path: Path,
    code: Trainer,
    redis_server: RedisServer,
    desk: Desk,
    mlflow_server: MlflowServer,
) -> None:
    """The copy before it is whole: the second host goes on from there."""
    make_study(desk, mlflow_server, "damaged")
    shared = short_path / "shared"
    with a_host(short_path, "one", redis_server, desk, mlflow_server, str(shared)) as one:
        one.train("t-1", code)
        wait_until(lambda: copied(one, "t-1") == [1, 4], 120, "a first step is copied")
        (short_path / "code" / "go").touch()
        wait_until(lambda: (copied(one, "t-1") or [0, 0])[1] > 4, 120, "a later step is copied")
        one.stop(signal.SIGKILL)
        one.wait_until_gone()
    steps = sorted((int(p.name) for p in (shared / "t-1" / "1").iterdir()), reverse=True)
    whole = [s for s in steps if (shared / "t-1" / "1" / str(s) / "manifest.json").exists()]
    (shared / "t-1" / "1" / str(whole[0]) / "deep" / "w").write_text("spoilt")
    with a_host(short_path, "two", redis_server, desk, mlflow_server, str(shared)) as two:
        two.train("t-1", code, attempt=2)
        output = two.finish_of("t-1", 2).output
        assert f"went on at {whole[1] + 1} with weights of {whole[1]}" in output
        assert f"the copy of step {whole[0]} is passed over" in two.log.read_text()


def test_a_study_may_keep_the_last_checkpoint(
    short_path: Path,
    code: Trainer,
    redis_server: RedisServer,
    desk: Desk,
    mlflow_server: MlflowServer,
    tmp_path: Path,
) -> None:
    """``after: keep`` puts it into the trial's run before the trial counts as shipped; nothing stays on the host."""
    client = make_study(desk, mlflow_server, "kept")
    keep = Checkpoints(after="keep")
    with a_host(short_path, "one", redis_server, desk, mlflow_server, "") as one:
        one.train("t-1", code, attempt=2, checkpoints=keep)
        wait_until(lambda: "t-1" in desk.shipped, 120, "it is shipped")
        kept = Path(client.download_artifacts(desk.shipped["t-1"], "checkpoint", str(tmp_path)))
        assert (kept / "deep" / "w").read_text() == "weights of 2"
        root = one.settings.folder
        wait_until(
            lambda: not any(any((root / n).iterdir()) for n in ("checkpoints", "trials", "over")),
            why="nothing is left here",
        )
