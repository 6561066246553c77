"""A machine that is switched off, a scheduler that is away, SIGTERM to everything."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import wait_until
from tests.support.bad_trainers import function
from tests.support.books import check_books, read_sql
from tests.support.team import Team, running_team

pytestmark = pytest.mark.chaos


def running(team: Team, study: str) -> int:
    return sum(book.state == "running" for book in read_sql(team, study))


def test_the_trials_of_a_dead_host_train_on_another_one(
    team: Team, code: Path, figure: Callable[[str], None]
) -> None:
    """kill -9 of all of a host, which does not come back: its trials start again elsewhere once the lease is over."""
    study = team.submit("switched-off", function("slow"), 4, code)
    wait_until(lambda: running(team, study) == 4, 60, "4 train")
    time.sleep(0.5)
    team.down("host-1")
    killed = time.monotonic()
    wait_until(lambda: lost(team, study) == 2, 60, "its two are lost")
    wait_until(lambda: again(team, study), 60, "one of them trains again")
    figure(f"trains again {time.monotonic() - killed:.2f} s after the kill")
    team.wait_until_ended(study)
    team.up("host-1")
    assert check_books(team, study, created=4)["done"] == 4


def lost(team: Team, study: str) -> int:
    return sum(book.attempts[:1] == ("lost",) for book in read_sql(team, study))


def again(team: Team, study: str) -> bool:
    return any(b.state == "running" and b.attempts[:1] == ("lost",) for b in read_sql(team, study))


def test_a_restarted_host_goes_on_from_its_checkpoints(team: Team, code: Path) -> None:
    """kill -9 of all of a host, which is started again: no step is trained twice that a checkpoint has."""
    team.down("host-2")
    study = team.submit("restarted", function("slow"), 2, code)
    wait_until(lambda: running(team, study) == 2, 60, "both train")
    wait_until(
        lambda: len(list(team.worker_folder("host-1").glob(f"checkpoints/{study}-*/1/[3-9]"))) >= 2
    )
    team.down("host-1")
    team.up("host-1")
    team.wait_until_ended(study)
    assert check_books(team, study, created=2, steps=15) == {"done": 2}
    for book in read_sql(team, study):
        assert book.attempts == ("lost", "done")
        assert int(book.output.split("began at")[1]) >= 3, book.output


def test_with_the_scheduler_away_for_two_leases_no_trial_starts_twice(
    team: Team, code: Path
) -> None:
    """Trials end meanwhile and are reported when it is back; those that run get one whole lease."""
    study = team.submit("away", function("slow"), 8, code)
    wait_until(lambda: running(team, study) == 4, 60, "4 train")
    team.down("scheduler")
    time.sleep(2 * team.lease_s)
    team.up("scheduler")
    team.wait_until_ended(study)
    assert check_books(team, study, created=8, steps=15) == {"done": 8}
    assert all(book.attempts == ("done",) for book in read_sql(team, study))


def test_sigterm_to_everything_gives_the_trials_back(
    short_path: Path, code: Path, figure: Callable[[str], None]
) -> None:
    """All processes are gone within 10 s. The next start goes on from the checkpoints, and charges nobody."""
    with running_team(short_path / "team", hosts=("host-1",)) as team:
        study = team.submit("sigterm", function("slow"), 2, code)
        wait_until(lambda: running(team, study) == 2, 60, "both train")
        wait_until(
            lambda: (
                len(list(team.worker_folder("host-1").glob(f"checkpoints/{study}-*/1/[3-9]"))) >= 2
            )
        )
        seconds = team.terminate()
        figure(f"all processes gone after {seconds:.2f} s")
        assert not team.processes()
        assert seconds < 10
        again = Team(team.folder, hosts=("host-1",))
        try:
            again.start()
            again.wait_until_ended(study)
            assert check_books(again, study, created=2, steps=15) == {"done": 2}
            for book in read_sql(again, study):
                assert book.attempts == ("released", "done"), book
                assert int(book.output.split("began at")[1]) >= 3, book.output
        finally:
            again.close()
