"""Redis is disposable: what it held is sent again, with and without persistence."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import redis

from tests.support import wait_until
from tests.support.bad_trainers import function
from tests.support.books import check_books, read_sql
from tests.support.team import Team, running_team

pytestmark = pytest.mark.chaos


def done(team: Team, study: str) -> int:
    return sum(book.state == "done" for book in read_sql(team, study))


def test_a_redis_that_is_wiped_under_live_connections_loses_no_trial(
    team: Team, code: Path
) -> None:
    """FLUSHALL again and again: queues and their bindings are gone, the connections stay."""
    study = team.submit("wiped", function("steady"), 30, code)
    with redis.Redis(unix_socket_path=str(team.folder / "redis.sock")) as client:
        for some in (2, 8, 14):
            wait_until(lambda some=some: done(team, study) >= some, 90, f"{some} are done")  # type: ignore[misc]
            client.flushall()
    team.wait_until_ended(study)
    assert check_books(team, study, created=30, steps=5) == {"done": 30}


@pytest.mark.parametrize("aof", [False, True], ids=["memory", "aof"])
def test_a_redis_that_is_killed_again_and_again_loses_no_trial(
    short_path: Path, code: Path, aof: bool
) -> None:
    """kill -9 while tickets are on their way. With a log on disk, old tickets come back and start nothing."""
    with running_team(short_path / "team", aof=aof, hosts=("host-1",)) as team:
        study = team.submit("killed", function("steady"), 30, code)
        for some in (2, 8, 14):
            wait_until(lambda some=some: done(team, study) >= some, 90, f"{some} are done")  # type: ignore[misc]
            team.kill("redis")
        team.wait_until_ended(study)
        assert check_books(team, study, created=30, steps=5) == {"done": 30}
        assert all(book.attempts == ("done",) for book in read_sql(team, study))


def test_without_workers_tickets_do_not_pile_up(team: Team, code: Path) -> None:
    """Once the hosts are known to be gone, nothing is sent again, for as long as nobody is there to take it."""
    for host in team.hosts:
        team.down(host)
    study = team.submit("nobody", function("steady"), 20, code)
    with redis.Redis(unix_socket_path=str(team.folder / "redis.sock")) as client:
        wait_until(lambda: team.ask(lambda api: api.workers()) == [], 60, "no host is known")
        waiting = client.llen("caviar.cpu")
        time.sleep(2 * team.lease_s)
        assert client.llen("caviar.cpu") == waiting
    team.whole()
    team.wait_until_ended(study)
    assert check_books(team, study, created=20, steps=5) == {"done": 20}
