"""A trial that takes all memory: the kernel ends it, and nothing else of its host."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support import wait_until
from tests.support.bad_trainers import function
from tests.support.books import check_books, read_sql
from tests.support.faults import roles
from tests.support.team import Team

pytestmark = pytest.mark.chaos
LIMIT = 1_000_000_000


def test_a_trial_is_what_the_kernel_kills_first(team: Team, code: Path) -> None:
    """The trial and what it starts are marked, the processes that serve it are not."""
    study = team.submit("marked", function("waits"), 4, code)
    trials = team.worker_folder("host-1") / "trials"
    wait_until(lambda: len(list(trials.glob(f"{study}-*/spool.jsonl"))) == 2, 60, "two train there")
    found = roles(team, "host-1")
    scores = {
        kind: {Path(f"/proc/{p.pid}/oom_score_adj").read_text().strip() for p in found[kind]}
        for kind in ("trial", "zygote", "forkserver", "celery", "slot", "agent")
    }
    (code / "go").touch()
    assert scores.pop("trial") == {"500"}
    assert all(score == {"0"} for score in scores.values()), scores
    team.wait_until_ended(study)


@pytest.fixture
def memory_group() -> Iterator[Path]:
    """A control group of 1 GB that processes can be put into."""
    for root, limit in (
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
        ("/sys/fs/cgroup", "memory.max"),
    ):
        group = Path(root) / f"caviar-tests-{os.getpid()}"
        try:
            group.mkdir()
            (group / limit).write_text(str(LIMIT))
        except OSError:
            with suppress(OSError):
                group.rmdir()
            continue
        yield group
        wait_until(lambda group=group: _removed(group), 30, "the group is empty")  # type: ignore[misc]
        return
    pytest.skip("may not make a control group with a memory limit")


def _removed(group: Path) -> bool:
    try:
        group.rmdir()
    except OSError:
        return False
    return True


def test_out_of_memory_ends_the_trial_and_spares_its_host(
    team: Team, code: Path, memory_group: Path
) -> None:
    """A host in a group of 1 GB: the leaking trial is killed three times and quarantined; its neighbours train on."""
    team.down("host-2")
    for kind in ("agent", "forkserver", "zygote", "celery", "slot", "shipper"):
        for process in roles(team, "host-1")[kind]:
            (memory_group / "cgroup.procs").write_text(str(process.pid))
    before = {
        k: [p.pid for p in roles(team, "host-1")[k]] for k in ("agent", "forkserver", "celery")
    }
    leaking = team.submit("leaking", function("takes_all"), 1, code)
    steady = team.submit("neighbours", function("steady"), 20, code)
    team.wait_until_ended(leaking, steady)
    assert check_books(team, leaking, created=1) == {"quarantined": 1}
    assert "SIGKILL" in read_sql(team, leaking)[0].error
    assert check_books(team, steady, created=20, steps=5) == {"done": 20}
    after = {k: [p.pid for p in roles(team, "host-1")[k]] for k in before}
    assert after == before, "the kernel killed what serves the trials"
    team.down("host-1")
    team.whole()
