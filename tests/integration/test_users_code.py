"""What studies bring along on a real worker: bundles from end to end, and what their code can read there."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from caviar.contract.bundle import File, pack
from caviar.contract.messages import StopRule, Trainer
from tests.support.desk import TOKEN, Desk
from tests.support.host import DATABASE, Host, worker_host
from tests.support.servers import RedisServer
from tests.support.thief import SOURCE
from tests.support.user_code import SOURCE as USER_CODE

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what Linux keeps apart"),
]
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can run trials as another user")
STRANGER = "nobody"


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A short folder that every user may go through, unlike pytest's."""
    path = Path(tempfile.mkdtemp(prefix="cav-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def view(open_path: Path) -> tuple[str, ...]:
    """Words before a command that let strangers read this Python, should it lie in root's home: there alone."""
    home = Path(sys.base_prefix)
    closed = [path for path in (home, *home.parents) if not path.stat().st_mode & stat.S_IXOTH]
    if not closed:
        return ()
    script = (
        'mount --bind "$1" "$2" && mount -t tmpfs -o mode=755 none "$3" && mkdir -p "$1" &&'
        ' mount --bind "$2" "$1" && shift 3 && exec "$@"'
    )
    there = open_path / "python"
    there.mkdir()
    words = ("unshare", "--mount", "sh", "-c", script, "sh", str(home), str(there), str(closed[-1]))
    try:
        subprocess.run([*words, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"{STRANGER} cannot read {home}, and nothing can be mounted here")
    return words


def bring(desk: Desk, **files: str) -> Trainer:
    """A bundle of Python modules that the desk hands out. Its trainer's function is still to be named."""
    digest, data = pack(File(f"{name}.py", text.encode()) for name, text in files.items())
    desk.bundles[digest] = data
    return Trainer(bundle=digest)


def what_it_saw(host: Host, redis: RedisServer, desk: Desk) -> dict[str, Any]:
    """Let the thief loose beside another trial; what it reports."""
    other = bring(
        desk,
        other="import time\ndef main(trial):\n    trial.report(0, score=1.0)\n    time.sleep(60)\n",
    )
    host.train("other", other.model_copy(update={"function": "other:main"}), study="study-2")
    claim = host.attempt_folder("other") / "claim.json"
    host.wait_for((claim.parent / "group.json").exists, "the other trial runs")
    secrets = (TOKEN, host.settings.broker, DATABASE)
    guessed = (
        "trials/other.1/claim.json",
        "agent.lock",
        "trials/thief.1/claim.json",
        "trials/thief.1/run_id",
    )
    params = {
        "backwards": " ".join(word[::-1] for word in secrets),
        "guessed": " ".join(guessed),
        "sockets": f"{redis.socket} {host.settings.forkserver_socket}",
    }
    thief = bring(desk, thief=SOURCE).model_copy(update={"function": "thief:steal"})
    host.train("thief", thief, params=params)
    done = host.finish_of("thief")
    assert done.outcome == "done", done.error + done.output
    line = next(line for line in done.output.splitlines() if line.startswith("LOOKED "))
    seen: dict[str, Any] = json.loads(line.removeprefix("LOOKED "))
    return seen


@as_root
def test_a_user_of_its_own_reads_nothing_of_the_worker(
    open_path: Path, redis_server: RedisServer, desk: Desk, view: tuple[str, ...]
) -> None:
    """Neither secrets nor other trials: not from processes, files, sockets, nor by links for root to follow."""
    with worker_host(open_path, redis_server, desk, allow_bundles=True, user=STRANGER) as host:
        host.prefix = view
        host.start()
        seen = what_it_saw(host, redis_server, desk)
        folder = host.attempt_folder("thief")
        owner = stat.S_IMODE(folder.stat().st_mode), folder.stat().st_uid
    looked = seen["looked"]
    assert seen["uid"] == pwd.getpwnam(STRANGER).pw_uid
    assert seen["found"] == []
    for kind in ("environ", "memory", "fd", "ptrace"):
        assert all("forkserver" in who for who in looked.get(kind, [])), (kind, looked[kind])
    assert not {"connected", "linked", "written", "became root"} & looked.keys()
    assert {name for name in looked.get("file", []) if name.startswith("trials/other")} == set()
    assert looked["status"] == ["NoNewPrivs:\t1"]
    assert looked["core"] == ["0"]
    assert owner == (0o711, 0)


@as_root
def test_the_workers_own_processes_hide_from_their_user(
    open_path: Path, redis_server: RedisServer, desk: Desk, view: tuple[str, ...]
) -> None:
    """Without a user of its own, a trial is the worker's: its processes' memory and environment are hidden even so."""
    redis_server.socket.chmod(0o777)
    for folder in (redis_server.socket.parent, *redis_server.socket.parent.parents):
        if not folder.stat().st_mode & stat.S_IXOTH:
            folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
    os.chown(open_path, pwd.getpwnam(STRANGER).pw_uid, -1)
    with worker_host(open_path, redis_server, desk, allow_bundles=True) as host:
        who = pwd.getpwnam(STRANGER)
        drop = (f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}", "--clear-groups")
        host.prefix = (*view, "setpriv", *drop)
        host.start()
        seen = what_it_saw(host, redis_server, desk)
    assert seen["uid"] == pwd.getpwnam(STRANGER).pw_uid
    assert seen["found"] == []
    for kind in ("environ", "memory", "fd", "ptrace"):
        assert all("forkserver" in who for who in seen["looked"].get(kind, [])), kind


@as_root
def test_a_stranger_does_all_that_a_trial_does(
    open_path: Path, redis_server: RedisServer, desk: Desk, view: tuple[str, ...]
) -> None:
    """It reports, is stopped early, crashes and goes on from its checkpoint, and leaves no process."""
    steady = bring(desk, users_trainer=USER_CODE)
    rule = StopRule(first=0, last=39, rungs=(2, 8), values=((0.5, 0.6, 0.7), (0.6, 0.7)))
    with worker_host(open_path, redis_server, desk, allow_bundles=True, user=STRANGER) as host:
        host.prefix = view
        host.start()
        named = steady.model_copy(update={"function": "users_trainer:steady"})
        host.train("bad", named, params={"x": 0.1}, stop=rule)
        bad = host.finish_of("bad")
        assert (bad.outcome, bad.value, bad.steps) == ("stopped", 0.1, 3)
        assert bad.error == "stopped early at step 2 of about 39, rung 1 of 2"
        named = steady.model_copy(update={"function": "users_trainer:resumes"})
        host.train("resumes", named)
        assert host.finish_of("resumes").outcome == "crashed"
        host.train("resumes", named, attempt=2)
        again = host.finish_of("resumes", attempt=2)
        assert (again.outcome, again.steps) == ("done", 3)
        named = steady.model_copy(update={"function": "users_trainer:broken"})
        host.train("broken", named)
        assert host.finish_of("broken").error.endswith("RuntimeError: it broke")
        assert host.stop() == 0
        host.wait_until_gone()
