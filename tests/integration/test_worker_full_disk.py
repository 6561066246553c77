"""A worker whose disk is really full: nothing is lost, nothing is half written, and with room everything goes on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from caviar.contract.messages import ShipTarget, Trainer
from caviar_worker import spool
from tests.support import wait_until
from tests.support.desk import Desk
from tests.support.disks import SmallDisk, small_disk
from tests.support.host import Host, worker_host
from tests.support.servers import MlflowServer, RedisServer

pytestmark = pytest.mark.real

FILLERS = '''
import os, time


def reports(trial):
    """Report, without end until there is a file ``enough``."""
    step = 0
    while not os.path.exists("enough"):
        for _ in range(50):
            trial.report(step, score=step / 1_000_000)
            step += 1
        trial.save_checkpoint(step, lambda folder: (folder / "w").write_bytes(bytes(10_000)))
        time.sleep(0.01)
    return 0.5


def greedy(trial):
    """Write until the disk is full."""
    with open(trial.folder / "big", "wb") as file:
        while True:
            file.write(bytes(1_000_000))


def quick(trial):
    return 0.9


def prints(trial):
    print("the first line")
    for number in range(400_000):
        print("line", number, "of a trainer that says too much, far too much")
        if number % 100_000 == 0:
            time.sleep(0.3)
    print("the last line")
    return 0.7
'''


@pytest.fixture
def disk(short_path: Path) -> Iterator[SmallDisk]:
    with small_disk(short_path / "disk", 24) as disk:
        yield disk


@pytest.fixture
def code(short_path: Path) -> Path:
    folder = short_path / "code"
    folder.mkdir()
    (folder / "fillers.py").write_text(FILLERS)
    return folder


@pytest.fixture
def host(
    disk: SmallDisk, short_path: Path, redis_server: RedisServer, desk: Desk
) -> Iterator[Host]:
    """The worker's folder is on the small disk; its log and its sockets are not."""
    with worker_host(short_path, redis_server, desk) as host:
        host.settings = replace(host.settings, folder=disk.path / "worker")
        host.start()
        wait_until(lambda: desk.hellos, why="the host is known")
        yield host


def fillers(code: Path, name: str) -> Trainer:
    return Trainer(function=f"fillers:{name}", folder=str(code))


def test_a_running_trial_waits_for_room_and_loses_no_point(
    host: Host, disk: SmallDisk, code: Path, desk: Desk
) -> None:
    """The disk fills up: the trial waits in ``report``, its lease goes on, the host says what is wrong and claims
    nothing more. With room again the trial ends, every point once, and the waiting ticket is claimed."""
    host.train("t-1", fillers(code, "reports"))
    path = host.attempt_folder("t-1") / "spool.jsonl"
    wait_until(path.exists, why="it trains")
    disk.fill()
    wait_until(lambda: desk.beats[-1].warnings, why="a heartbeat warns")
    disk.fill()  # what the host had held back as well
    assert "No trials are claimed" in desk.beats[-1].warnings[0]
    assert desk.beats[-1].free == 0
    host.train("t-2", fillers(code, "quick"))
    beats = len(desk.beats)
    wait_until(lambda: len(desk.beats) > beats + 3, why="heartbeats go on")
    assert [held.trial for held in desk.beats[-1].held] == ["t-1"]
    assert ("t-2", 1) not in desk.holders
    assert not desk.finished

    disk.make_room()
    assert host.finish_of("t-2").outcome == "done"
    wait_until(lambda: not desk.beats[-1].warnings, why="the warning is over")
    (code / "enough").touch()
    done = host.finish_of("t-1")
    assert done.outcome == "done"
    steps: list[int] = []
    offset, more = 0, True
    while more:
        piece = spool.read(path, offset)
        steps += [point.step for point in piece.points]
        offset, more = piece.offset, piece.more
    assert steps == list(range(done.steps))


def test_a_trial_that_fills_the_disk_crashes_and_makes_room(
    host: Host, code: Path, desk: Desk
) -> None:
    """It says nothing about the point that the worker's disk is full: the attempt crashed, within its budget, with the
    reason. What it wrote is removed, and the host works on."""
    host.train("t-1", fillers(code, "greedy"))
    finish = host.finish_of("t-1")
    assert finish.outcome == "crashed"
    assert "No space left on device" in finish.error
    host.train("t-2", fillers(code, "quick"))
    assert host.finish_of("t-2").outcome == "done"


def test_a_full_disk_keeps_no_worker_from_ending(host: Host, disk: SmallDisk, code: Path) -> None:
    """SIGTERM on a full disk: all processes go, in the same time."""
    host.train("t-1", fillers(code, "reports"))
    wait_until((host.attempt_folder("t-1") / "spool.jsonl").exists, why="it trains")
    disk.fill()
    assert host.stop() == 0
    host.wait_until_gone()


def test_a_full_disk_is_made_less_full_by_the_shipper(
    host: Host, disk: SmallDisk, code: Path, desk: Desk, mlflow_server: MlflowServer
) -> None:
    """Trials that ended wait for MLflow on a disk that is full: they are shipped whole, and removed."""
    host.stop()
    host.settings = replace(host.settings, mlflow=mlflow_server.uri)
    host.start()
    for number in range(3):
        host.train(f"t-{number}", fillers(code, "quick"), number=number)
        assert host.finish_of(f"t-{number}").outcome == "done"
    disk.fill()
    wait_until(lambda: desk.beats[-1].warnings, why="a heartbeat warns")
    client = MlflowClient(mlflow_server.uri)
    experiment = client.create_experiment("on a full disk")
    parent = client.create_run(experiment).info.run_id
    desk.targets["study-1"] = ShipTarget(experiment_id=experiment, parent_run_id=parent)
    wait_until(lambda: len(desk.shipped) == 3, 120, "all are shipped")
    wait_until(lambda: not list((host.settings.folder / "trials").iterdir()), why="and removed")
    runs = client.search_runs([experiment], "tags.`caviar.kind` = 'trial'")
    assert sorted(run.info.run_id for run in runs) == sorted(desk.shipped.values())
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert not desk.duplicates


@pytest.mark.parametrize("kind", ["function", "command"])
def test_what_prints_without_end_is_cut_in_the_middle(
    short_path: Path, redis_server: RedisServer, desk: Desk, code: Path, kind: str
) -> None:
    """A megabyte of some 23 stays: how the output began and how it ended. The trial notices nothing."""
    script = "import fillers; fillers.prints(None); raise SystemExit(3)"
    trainer = (
        fillers(code, "prints")
        if kind == "function"
        else Trainer(command=(sys.executable, "-c", script), folder=str(code))
    )
    with worker_host(short_path, redis_server, desk) as host:
        if kind == "command":
            folder = host.attempt_folder("t-1")
            folder.mkdir(parents=True)
            (folder / "run_id").write_text("a run")
        host.start()
        host.train("t-1", trainer)
        finish = host.finish_of("t-1")
        assert finish.outcome == ("done" if kind == "function" else "failed")
        output = (host.attempt_folder("t-1") / "output.log").read_text()
        assert len(output) <= 1_000_000
        assert output.startswith("the first line\nline 0 ")
        assert "the middle of the output was left out here" in output
        assert finish.output.endswith("the last line\n")
