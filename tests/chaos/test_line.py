"""Workers that know the service's address and a token, and nothing of Redis: what breaks on the way costs no trial."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

from caviar.client.administration import Administration
from caviar.client.connection import Address
from caviar.contract.access import NewToken
from tests.support import wait_until
from tests.support.bad_trainers import function
from tests.support.books import check_books, read_sql
from tests.support.cutting import network
from tests.support.team import REDIS_PASSWORD, TOKEN, Team


def done(team: Team, study: str) -> int:
    return sum(book.state == "done" for book in read_sql(team, study))


def test_whatever_breaks_on_the_way_every_trial_is_counted_once(
    short_path: Path, code: Path
) -> None:
    """The line is cut in the middle of a ticket, the scheduler killed, Redis killed: one study, trained to its end."""
    trials = 30
    team = Team(short_path / "team", through_service=True)
    with network(team.url) as between:
        for host in team.hosts:
            team.parts[host].environ["CAVIAR_URL"] = between.url
        try:
            team.start()
            study = team.submit("line", function("steady"), trials, code)
            wait_until(lambda: done(team, study) >= 2, 90, "it trains")
            for some, breaks in ((4, "ticket"), (9, "scheduler"), (15, "redis"), (21, "ticket")):
                wait_until(lambda some=some: done(team, study) >= some, 120, f"{some} are done")  # type: ignore[misc]
                if breaks == "ticket":
                    between.cut_next_ticket = True
                else:
                    team.kill(breaks)
            team.wait_until_ended(study)
            assert check_books(team, study, created=trials, steps=5) == {"done": trials}
            assert between.cuts == 2
            for host in team.hosts:
                log = team.parts[host].log.read_text()
                assert REDIS_PASSWORD not in log
                assert log.count("No ticket comes") <= 6, log
        except AssertionError as error:
            raise AssertionError(f"{error}\n{team.logs()}") from None
        finally:
            team.close()


@pytest.mark.chaos
def test_a_host_whose_token_is_revoked_takes_no_ticket(short_path: Path, code: Path) -> None:
    """Cut within two seconds; what it trained is another host's then, and every trial is counted once."""
    trials = 16
    team = Team(short_path / "team", through_service=True)
    try:
        team.up("redis")
        team.up("mlflow")
        team.up("scheduler")
        wait_until(lambda: team.ask(lambda client: client.workers()) is not None, 120, "it answers")
        with Administration(Address(team.url, TOKEN)) as administration:
            issued = administration.create_token(NewToken(name="host-2", role="worker"))
        team.parts["host-2"].environ["CAVIAR_WORKER_TOKEN"] = issued.token
        team.start()
        study = team.submit("revoked", function("waits"), trials, code)
        wait_until(lambda: running(team, study) == 4, 90, "both hosts train")
        both = lines(team)
        with Administration(Address(team.url, TOKEN)) as administration:
            administration.revoke_token(issued.id)
        wait_until(lambda: lines(team) == both // 2, 2.5, "its lines are cut")
        (code / "go").touch()
        team.hosts = ("host-1",)
        team.wait_until_ended(study)
        team.down("host-2")
        counts = check_books(team, study, created=trials)
        assert counts == {"done": trials}
    finally:
        team.close()


def running(team: Team, study: str) -> int:
    return sum(book.state == "running" for book in read_sql(team, study))


def lines(team: Team) -> int:
    with redis.Redis(
        unix_socket_path=str(team.folder / "redis.sock"), password=REDIS_PASSWORD
    ) as client:
        return sum(each["user"] == "caviar-worker" for each in client.client_list())
