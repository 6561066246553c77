"""A wall clock that jumps under every process, an hour forth and two back: leases do not care, the books are right."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import wait_until
from tests.support.bad_trainers import function
from tests.support.books import check_books, read_sql
from tests.support.team import running_team

pytestmark = pytest.mark.chaos


@pytest.fixture
def shim(short_path: Path) -> dict[str, str]:
    """The environment in which processes, trials included, see a clock that a file moves."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    library, clock = short_path / "clock.so", short_path / "clock"
    source = Path(__file__).with_name("clock.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    environ = {"LD_PRELOAD": str(library), "CHAOS_CLOCK": str(clock)}
    clock.write_text("3600")
    moved, here = (
        float(
            subprocess.check_output(
                [sys.executable, "-c", "import time; print(time.time())"], env=env
            )
        )
        for env in (environ, None)
    )
    if moved - here < 3000:
        pytest.skip("this Python's clock cannot be moved by a preloaded library")
    clock.write_text("0")
    return environ | {"CAVIAR_TRIAL_ENV": "LD_PRELOAD,CHAOS_CLOCK"}


def test_a_clock_that_jumps_loses_and_doubles_nothing(
    short_path: Path, code: Path, shim: dict[str, str]
) -> None:
    """Leases are on the monotonic clock: no trial is lost or tried twice, and the study runs to its end."""
    clock = Path(shim["CHAOS_CLOCK"])
    with running_team(short_path / "team", extra=shim, hosts=("host-1",)) as team:
        study = team.submit("jumps", function("slow"), 8, code, search="{strategy: zoom, seed: 1}")
        for done, offset in ((1, 3600), (3, -3600), (5, 30)):
            wait_until(
                lambda done=done: sum(b.state == "done" for b in read_sql(team, study)) >= done,  # type: ignore[misc]
                90,
                f"{done} are done",
            )
            draft = clock.with_suffix(".new")
            draft.write_text(str(offset))
            draft.replace(clock)
        team.wait_until_ended(study)
        assert check_books(team, study, created=8, steps=15) == {"done": 8}
        assert all(book.attempts == ("done",) for book in read_sql(team, study))
