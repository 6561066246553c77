"""kill -9 of any process of a host: the trial's outcome is known, and no process stays behind."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from caviar.contract.messages import Trainer
from tests.support import wait_until
from tests.support.desk import Desk
from tests.support.host import Host, worker_host
from tests.support.servers import RedisServer
from tests.support.user_code import trainer, write_user_code

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's parent signal"),
]


@pytest.fixture
def host(short_path: Path, redis_server: RedisServer, desk: Desk) -> Iterator[Host]:
    """A host that trains a trial with a child of its own."""
    code = write_user_code(short_path / "code")
    with worker_host(short_path, redis_server, desk, slots=1) as host:
        host.start()
        host.train("family", trainer(code, "family"))
        wait_until((host.attempt_folder("family") / "spool.jsonl").exists, why="it trains")
        wait_until((host.attempt_folder("family") / "group.json").exists, why="its group is known")
        yield host


def trial_of(host: Host) -> psutil.Process:
    record = json.loads((host.attempt_folder("family") / "group.json").read_text())
    return psutil.Process(record["pid"])


def victim(host: Host, name: str) -> psutil.Process:
    if name == "trial":
        return trial_of(host)
    if name == "zygote":
        return trial_of(host).parent()  # type: ignore[return-value]
    if name == "slot":
        return host.part("celery_main").children()[0]
    return host.part(name)


def family_of(host: Host) -> list[psutil.Process]:
    trial = trial_of(host)
    found = [trial, *trial.children(recursive=True)]
    assert len(found) == 2, "the trial and its child"
    return found


def gone(processes: list[psutil.Process]) -> bool:
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes)


@pytest.mark.parametrize("name", ["trial", "zygote", "forkserver", "slot", "celery_main"])
def test_the_trial_ends_with_any_of_its_processes(host: Host, desk: Desk, name: str) -> None:
    """The trial's whole group dies, the attempt is reported as crashed, and the host works on."""
    family = family_of(host)
    victim(host, name).kill()
    assert host.finish_of("family").outcome == "crashed"
    wait_until(lambda: gone(family), why="the trial and its child are dead")

    code = host.settings.folder.parent / "code"
    host.train("next", trainer(code, "quick"))
    assert host.finish_of("next").outcome == "done"
    assert host.stop() == 0
    host.wait_until_gone()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_an_import_that_is_killed_is_no_failure_of_the_trainer(
    short_path: Path, redis_server: RedisServer, desk: Desk, number: signal.Signals
) -> None:
    """The zygote dies before it can fork: the trial that waits for it has crashed, and its next attempt trains."""
    code = write_user_code(short_path / "code")
    slow = Trainer(function="slow_import:train", folder=str(code))
    with worker_host(short_path, redis_server, desk, slots=1) as host:
        host.start()
        host.train("waiting", slow)
        wait_until((code / "importing").exists, why="the zygote imports")
        os.kill(int((code / "importing").read_text()), number)
        crashed = host.finish_of("waiting")
        assert crashed.outcome == "crashed"
        assert crashed.error.endswith(f"{slow.function} was killed by {number.name}.")

        (code / "go").touch()
        host.train("waiting", slow, attempt=2)
        assert host.finish_of("waiting", attempt=2).outcome == "done"
        assert host.stop() == 0
        host.wait_until_gone()


def test_nothing_outlives_the_agent(host: Host) -> None:
    """kill -9 of the agent: every process of the host goes, whatever session it is in."""
    family = family_of(host)
    host.part("agent").kill()
    wait_until(lambda: gone(family), why="the trial and its child are dead")
    host.wait_until_gone()


def test_what_a_crash_of_all_left_is_killed_by_the_next_agent(host: Host, desk: Desk) -> None:
    """Agent, fork server and Celery killed in one moment: nobody is there to end the trial's child."""
    trial, child = family_of(host)
    wait_until(lambda: desk.hellos, why="the host is known")
    names = ("agent", "forkserver", "zygote", "celery_main", "slot")
    parts = [victim(host, name) for name in names]
    for part in parts:
        part.suspend()
    for part in reversed(parts):
        part.kill()
    wait_until(lambda: gone([trial, *parts]), why="the kernel ended the trial")
    assert not gone([child]), "the child of the trial is what is left over"

    host.start()
    wait_until(lambda: gone([child]), why="the next agent killed the left-over child")
    wait_until(lambda: len(desk.hellos) == 2, why="the next agent said hello")
    wait_until(
        lambda: (
            (host.attempt_folder("family") / "delivered.json").exists()
            or not host.attempt_folder("family").exists()
        ),
        why="the lost attempt is no longer held",
    )
    assert not desk.finished
    assert host.stop() == 0
    host.wait_until_gone()


def test_the_shipper_is_started_again(host: Host) -> None:
    """A shipper that dies is replaced; the trial does not notice."""
    old = host.part("shipper")
    old.kill()
    wait_until(lambda: host.part("shipper").pid != old.pid, why="another shipper runs")
    assert trial_of(host).is_running()
    os.kill(host.part("agent").pid, signal.SIGTERM)
    host.wait_until_gone()


def test_a_report_that_waits_is_told_before_the_next_agents_hello(host: Host, desk: Desk) -> None:
    """The scheduler was away when the trial ended, then the whole host died: the result counts all the same."""
    code = host.settings.folder.parent / "code"
    wait_until(lambda: desk.hellos, why="the host is known")
    trial_of(host).kill()
    host.finish_of("family")
    host.train("ended", trainer(code, "waits"))
    wait_until((host.attempt_folder("ended") / "spool.jsonl").exists, why="it trains")
    desk.away = True
    (code / "go").touch()
    wait_until((host.attempt_folder("ended") / "finish.json").exists, why="its report waits")
    for process in host.processes():
        with suppress(psutil.NoSuchProcess):  # the kernel was first
            process.kill()
    host.wait_until_gone()
    desk.order.clear()
    desk.away = False
    host.start()
    assert host.finish_of("ended").outcome == "done"
    wait_until(lambda: len(desk.hellos) == 2, why="the next agent said hello")
    assert desk.order.index("finish") < desk.order.index("hello")
