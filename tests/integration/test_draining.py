"""A team's real processes: a host is drained while the scheduler dies, and its machine could be taken away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from caviar.contract.views import TrustedHost
from tests.support import wait_until
from tests.support.books import check_books, read_sql
from tests.support.team import TOKEN, Team, running_team

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc"),
]


TRAINERS = '''
import os, time


def long(trial):
    """Ten steps; a first attempt waits at step 5 for the file ``go``, or until it is asked to end."""
    found = trial.load_checkpoint()
    for step in range(0 if found is None else found.step + 1, 10):
        trial.report(step, score=step / 10)
        trial.save_checkpoint(step, lambda folder: (folder / "weights").write_text(str(step)))
        while trial.attempt == 1 and step == 5 and not os.path.exists("go"):
            if trial.should_stop():
                return
            time.sleep(0.02)


def short(trial):
    return trial.params["x"]
'''


@pytest.fixture
def team(short_path: Path) -> Iterator[Team]:
    with running_team(short_path, slots=1) as team:
        yield team


def caviar(team: Team, *words: str) -> subprocess.Popen[bytes]:
    environ = {**os.environ, "CAVIAR_URL": team.url, "CAVIAR_TOKEN": TOKEN}
    command = [sys.executable, "-m", "caviar.cli", *words]
    return subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )


def holders(team: Team, study: str) -> dict[str, int]:
    """The hosts that train now, by the trial's number."""
    with_host = team.ask(lambda client: client.study(study))
    assert with_host is not None
    return {str(trial.host): trial.number for trial in with_host.running}


def test_a_host_is_emptied_while_the_scheduler_dies(team: Team, tmp_path: Path) -> None:
    """Its trial saves and trains on elsewhere from there; it stays drained; nothing is lost, nothing counted twice."""
    (tmp_path / "trainers.py").write_text(TRAINERS)
    study = team.submit("drained", "trainers:long", 3, tmp_path)
    wait_until(lambda: len(holders(team, study)) == 2, 60, "both hosts train")
    number = holders(team, study)["host-1"]
    wait_until(
        lambda: any(team.worker_folder("host-1").glob(f"checkpoints/{study}-{number}/1/5")),
        60,
        "its trial has saved",
    )
    draining = caviar(team, "workers", "drain", "host-1", "--now", "--wait", "--json")
    assert draining.stderr is not None
    assert b"1 trial still runs there" in draining.stderr.readline()
    team.kill("scheduler")
    out, err = draining.communicate(timeout=120)
    assert draining.returncode == 0, err.decode()
    (tmp_path / "go").touch()
    left = next(each for each in json.loads(out) if each["host"] == "host-1")
    assert (left["running"], left["unshipped"], left["free"]) == (0, 0, 0)
    team.wait_until_ended(study)
    assert check_books(team, study, created=3, steps=10) == {"done": 3}
    book = read_sql(team, study)[number]
    assert (book.attempts, book.crashes, book.lost) == (("released", "done"), 0, 0)

    other = team.submit("after", "trainers:short", 4, tmp_path)
    team.wait_until_ended(other, complete=False)
    trials = team.ask(lambda client: client.trials(other)) or []
    assert {trial.host for trial in trials} == {"host-2"}
    team.ask(lambda client: client.resume_host(TrustedHost(host="host-1")))
    (tmp_path / "go").unlink()
    more = team.submit("resumed", "trainers:long", 2, tmp_path)
    wait_until(lambda: "host-1" in holders(team, more), 60, "it trains again")
    team.ask(lambda client: client.stop(more))
    team.wait_until_ended(more)
