"""The guard, as a real process: what it is told to end is gone once the launcher's end of the pipe closes."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import psutil

from caviar.embedded import guard, redis

STUBBORN = (
    "import signal, subprocess, sys, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "print('up', flush=True)\n"
    "time.sleep(600)\n"
)


def test_the_guard_ends_groups_and_removes_folders(tmp_path: Path) -> None:
    """Children of a part and a part that ignores SIGTERM included; what it was told to forget stays."""
    doomed = subprocess.Popen(
        [sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, start_new_session=True
    )
    assert doomed.stdout is not None
    doomed.stdout.readline()
    family = [psutil.Process(doomed.pid), *psutil.Process(doomed.pid).children()]
    assert len(family) == 2
    spared = subprocess.Popen(["sleep", "600"], start_new_session=True)
    folder = tmp_path / "runtime"
    folder.mkdir()
    (folder / "redis.sock").touch()
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", guard.__file__], stdin=subprocess.PIPE, text=True
    )
    # An ended child is in its group until it is reaped, as init does once the launcher is gone.
    reaper = threading.Thread(target=doomed.wait)
    reaper.start()
    told = [
        f"group {doomed.pid}",
        f"group {spared.pid}",
        f"forget {spared.pid}",
        f"folder {folder}",
    ]
    process.communicate("\n".join(told) + "\n")
    assert process.returncode == 0
    doomed.stdout.close()
    reaper.join()
    assert not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in family)
    assert not folder.exists()
    assert spared.poll() is None
    spared.kill()
    spared.wait()


def test_redis_listens_on_a_private_socket_alone(tmp_path: Path) -> None:
    """No port, no file of its own."""
    arguments = redis.arguments("redis-server", tmp_path / "redis.sock", tmp_path)
    options = dict(zip(arguments[1::2], arguments[2::2], strict=True))
    assert (options["--port"], options["--unixsocketperm"]) == ("0", "700")
    assert (options["--save"], options["--appendonly"]) == ("", "no")


def test_a_redis_is_found_on_this_machine() -> None:
    """The project's own dependencies bring one where the PATH has none."""
    assert Path(redis.find_server()).exists()
