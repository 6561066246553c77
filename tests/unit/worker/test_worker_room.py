"""What is told of a disk that fills, and what a trial does on one that is full."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from caviar.errors import InputError
from caviar_worker import Trial, output, room, spool
from caviar_worker.child import train
from caviar_worker.disk import Disk, Use, judge, may_claim, measure
from caviar_worker.settings import WorkerSettings
from tests.support.disks import SmallDisk, small_disk

GB = 1_000_000_000
ENVIRON = {
    "CAVIAR_URL": "http://127.0.0.1:1",
    "CAVIAR_WORKER_TOKEN": "a-token-of-the-tests",
    "CAVIAR_BROKER_URL": "redis://127.0.0.1:1/0",
    "MLFLOW_TRACKING_URI": "http://127.0.0.1:1",
}


@pytest.fixture
def disk(short_path: Path) -> Iterator[SmallDisk]:
    with small_disk(short_path / "disk", 4) as disk:
        yield disk


def trial_on(folder: Path) -> Trial:
    return Trial(
        params={},
        number=0,
        seed=0,
        round=0,
        attempt=1,
        metric="score",
        home=folder,
        checkpoints=folder / "checkpoints",
    )


@pytest.mark.parametrize(
    ("used", "left", "bound", "full", "says"),
    [
        (1 * GB, 99 * GB, None, False, ""),
        (39 * GB, 60 * GB, None, False, ""),
        (42 * GB, 60 * GB, None, False, "takes 42 GB of the 51 GB that it may"),
        (50 * GB, 50 * GB, None, True, "raise CAVIAR_WORKER_DISK"),
        (50 * GB, 50 * GB, 80 * GB, False, ""),
        (65 * GB, 35 * GB, 80 * GB, False, "No more trials are claimed when that is reached"),
        (80 * GB, 20 * GB, 80 * GB, True, "No trials are claimed"),
        (0, GB // 4, 80 * GB, True, "has 250 MB left, and 256 MB are kept free"),
        (0, GB // 2, 80 * GB, False, "No more trials are claimed below 256 MB"),
    ],
)
def test_a_host_warns_before_the_bound_and_stops_at_it(
    used: int, left: int, bound: int | None, full: bool, says: str
) -> None:
    """By default the folder may take as much as it leaves free; 256 MB stay free in any case."""
    verdict = judge(Path("/w"), Use(used, 0, used), left, 256_000_000, bound)
    assert verdict.full is full
    assert says in verdict.warning
    assert bool(says) == bool(verdict.warning)


def test_the_folder_is_measured_by_its_parts(tmp_path: Path) -> None:
    """Who reads the warning learns whether spools or checkpoints take the room."""
    for name, size in (("trials/t.1/spool.jsonl", 300_000), ("checkpoints/t/1/2/w", 700_000)):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(bytes(size))
    use = measure(tmp_path)
    assert 300_000 <= use.attempts < 400_000
    assert 700_000 <= use.checkpoints < 800_000
    assert use.total == use.attempts + use.checkpoints


def test_a_full_disk_is_seen_by_the_slots_and_its_end_too(disk: SmallDisk) -> None:
    """No trial is claimed while it is full. What was held back is given to those that run."""
    settings = WorkerSettings.from_environ({**ENVIRON, "CAVIAR_WORKER_DIR": str(disk.path / "w")})
    settings.run_dir.mkdir(parents=True)
    watch = Disk(settings)
    watch.look()
    assert may_claim(settings)
    assert (settings.folder / "ballast").exists()
    disk.fill()
    assert not may_claim(settings)
    watch.look()
    assert watch.verdict.full
    assert room.free(disk.path) > 0
    disk.make_room()
    watch.look()
    assert may_claim(settings)


def test_the_bound_is_seen_by_the_slots(tmp_path: Path) -> None:
    """CAVIAR_WORKER_DISK, whatever else is free."""
    environ = {**ENVIRON, "CAVIAR_WORKER_DIR": str(tmp_path), "CAVIAR_WORKER_DISK": "0.5MB"}
    settings = WorkerSettings.from_environ(environ)
    assert settings.disk == 500_000
    assert WorkerSettings.from_environ(settings.environ()) == replace(settings)
    settings.run_dir.mkdir()
    Disk(settings).look()
    assert may_claim(settings)
    (tmp_path / "big").write_bytes(bytes(600_000))
    Disk(settings).look()
    assert not may_claim(settings)


def test_a_report_waits_for_room_and_is_whole(
    disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full for a while costs time, no point: each is there once, also the one that was cut."""
    monkeypatch.setattr(room, "PAUSE_S", 0.01)
    trial = trial_on(disk.path)
    trial.report(0, score=0.0)
    disk.fill()
    steps = 400

    def report() -> None:
        for step in range(1, steps):
            trial.report(step, score=step / steps)

    thread = threading.Thread(target=report)
    thread.start()
    time.sleep(0.1)
    assert thread.is_alive(), "it waits"
    disk.make_room()
    thread.join(60)
    points = spool.read(disk.path / "spool.jsonl", 0).points
    assert [point.step for point in points] == list(range(steps))


def test_a_point_that_is_lost_ends_the_attempt_even_if_the_error_is_caught(
    disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A curve with a hole would be a lie: the attempt crashed, and another one goes on from the checkpoint."""
    monkeypatch.setattr(room, "PATIENCE_S", 0.05)
    monkeypatch.setattr(room, "PAUSE_S", 0.01)
    trial = trial_on(disk.path)
    disk.fill()

    def careless(trial: Trial) -> float:
        for step in range(200):
            with suppress(OSError):
                trial.report(step, score=0.5)
        return 0.5

    result = train(trial, careless)
    assert result["outcome"] == "crashed"
    assert "disk is full: a report could not be written" in result["error"]


def test_a_checkpoint_without_room_is_left_out(
    disk: SmallDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    """Training goes on, and the earlier one stays; also where a library reports the full disk in its own words."""
    trial = trial_on(disk.path)
    trial.save_checkpoint(1, lambda folder: (folder / "w").write_bytes(bytes(1000)) and None)

    def too_much(folder: Path) -> None:
        try:
            (folder / "w").write_bytes(bytes(9_000_000))
        except OSError:
            raise RuntimeError("file write failed") from None

    trial.save_checkpoint(2, too_much)
    assert "the checkpoint of step 2 was not kept. Training goes on" in capsys.readouterr().err
    found = trial.load_checkpoint()
    assert found is not None
    assert found.step == 1
    assert not list((disk.path / "checkpoints" / "1").glob(".draft*"))


def test_an_end_is_whole_or_absent(disk: SmallDisk) -> None:
    """The line that says how an attempt ended is repeated until it fits."""
    path = disk.path / "spool.jsonl"
    path.write_text('{"t":1,"s":0,"m":{"a":1.0}}\n' * 140)  # the rest of a page takes a part of it
    disk.fill()
    end = spool.End(5, "done", 0.5, {f"metric_{n}": float(n) for n in range(100)})
    with pytest.raises(OSError, match="No space left"):
        spool.append_end(path, end)
    disk.make_room()
    spool.append_end(path, end)
    assert spool.read_end(path) == end
    assert len(spool.read(path, 0).points) == 140


def test_an_output_keeps_its_beginning_and_its_end(tmp_path: Path) -> None:
    """Whoever reads it sees how it began, where something is left out, and how it ended."""
    path = tmp_path / "output.log"
    path.write_text("first\n" + "noise\n" * 50_000 + "last\n")
    output.bound(path, 400_000)
    assert path.stat().st_size == 300_011, "short enough: left as it is"
    output.bound(path, 100_000)
    text = path.read_text()
    assert len(text) <= 100_000
    assert text.startswith("first\nnoise\n")
    assert text.endswith("noise\nlast\n")
    assert text.count("left out here") == 1
    output.bound(tmp_path / "none")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CAVIAR_WORKER_CHECKPOINTS", "relative/folder"),
        ("CAVIAR_WORKER_CHECKPOINTS", "yes"),
        ("CAVIAR_WORKER_DISK", "much"),
        ("CAVIAR_WORKER_DISK", "-5GB"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    """With an example of a right one."""
    with pytest.raises(InputError, match=name):
        WorkerSettings.from_environ({**ENVIRON, name: value})
