"""Frozen processes (SIGSTOP) on each side, for longer than the lease: what sleeps harms nothing when it wakes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support import wait_until
from tests.support.bad_trainers import function
from tests.support.books import check_books, read_sql
from tests.support.team import Team

pytestmark = pytest.mark.chaos


@pytest.mark.parametrize("part", ["scheduler", "refiner", "redis", "mlflow"])
def test_a_frozen_part_of_the_service_harms_no_trial(team: Team, code: Path, part: str) -> None:
    """Two leases long. Nothing is lost, nothing is tried twice: nobody could have extended a lease."""
    study = team.submit(f"frozen-{part}", function("slow"), 6, code)
    wait_until(lambda: any(b.state == "running" for b in read_sql(team, study)), 60, "it trains")
    team.freeze(part)
    time.sleep(2 * team.lease_s)
    team.thaw(part)
    team.wait_until_ended(study)
    assert check_books(team, study, created=6, steps=15) == {"done": 6}
    assert all(book.attempts == ("done",) for book in read_sql(team, study))


def test_a_frozen_host_loses_its_trials_and_is_fenced_when_it_wakes(team: Team, code: Path) -> None:
    """Another host trains them; the sleeper's own copies end, and neither their values nor their points count."""
    study = team.submit("sleeper", function("slow"), 4, code)
    wait_until(lambda: sum(b.state == "running" for b in read_sql(team, study)) == 4, 60, "4 train")
    team.freeze("host-1")
    wait_until(
        lambda: sum(b.attempts[:1] == ("lost",) for b in read_sql(team, study)) == 2,
        60,
        "the other host has its trials",
    )
    wait_until(lambda: any(b.attempt == 2 and b.state == "running" for b in read_sql(team, study)))
    team.thaw("host-1")
    team.wait_until_ended(study)
    assert check_books(team, study, created=4) == {"done": 4}
    assert sorted(book.attempts for book in read_sql(team, study)) == [
        *[("done",)] * 2,
        *[("lost", "done")] * 2,
    ]
