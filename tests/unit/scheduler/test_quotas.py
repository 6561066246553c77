"""Quotas: slots at once and slot-hours of a month hold a team back; studies and trials are refused with a way out."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from caviar.contract.views import Submission
from caviar.errors import NotAllowed
from caviar.scheduler.budget import Clocks
from caviar.scheduler.quotas import Month
from caviar.teams import month_of
from tests.support.fleet import STUDY, Fleet, Machine


@pytest.fixture
def host() -> Machine:
    return Machine("host", slots=6)


@pytest.fixture
def fleet(tmp_path: Path, host: Machine) -> Fleet:
    fleet = Fleet(tmp_path / "caviar.db", host)
    fleet.day = datetime(2026, 1, 31, 20, tzinfo=UTC).timestamp()
    return fleet


def fill(fleet: Fleet, host: Machine) -> list[str]:
    """Let every slot take what there is; the refusals."""
    refusals = []
    for _ in range(host.free):
        answer = fleet.take(host)
        if answer is not None and not answer.granted:
            refusals.append(answer.reason)
    return refusals


def running(fleet: Fleet, study: str) -> int:
    return len(fleet.rows(study, ["running"]))


def test_never_a_slot_more_than_the_quota(fleet: Fleet, host: Machine) -> None:
    """The slots that it may not have are the others'."""
    fleet.team("a", slots=2), fleet.team("b")
    a, more, b = fleet.submit(team="a"), fleet.submit(team="a"), fleet.submit(team="b")
    assert fill(fleet, host) == []
    assert running(fleet, a) + running(fleet, more) == 2
    assert running(fleet, b) == 4
    fleet.end(host, next(each for each in host.held if each.study in (a, more)), "done")
    fill(fleet, host)
    assert running(fleet, a) + running(fleet, more) <= 2


def test_a_claim_is_held_to_the_quota_too(fleet: Fleet, host: Machine) -> None:
    """Tickets were out when the quota was lowered: no claim is granted beyond it, and none is lost."""
    study = fleet.submit("trials: 4")
    for _ in range(3):
        fleet.scheduler.tick()
    tickets = list(fleet.queue)
    assert len(tickets) >= 3
    fleet.queue.clear()
    fleet.team("default", slots=1)
    answers = [fleet.claim(host, ticket) for ticket in tickets]
    assert [answer.granted for answer in answers] == [True] + [False] * (len(tickets) - 1)
    assert answers[1].reason == "team default holds all 1 slots of its quota"
    fleet.pass_time(60)
    assert fleet.queue == [], "no ticket goes round and round"
    done = 0
    while host.held:
        fleet.end(host, host.held[0], "done")
        done += 1
        fleet.take(host)
    assert done == 4
    assert running(fleet, study) == 0


def test_what_a_quota_holds_back_is_in_nobodys_way(fleet: Fleet, host: Machine) -> None:
    """Its dispatched trials do not fill the window."""
    a = fleet.submit("trials: 20")
    fleet.scheduler.tick()
    fleet.team("default", slots=0), fleet.team("b")
    b = fleet.submit(team="b")
    fleet.queue.clear()
    fill(fleet, host)
    assert (running(fleet, a), running(fleet, b)) == (0, 6)


def test_the_hours_of_a_month_hold_the_queue_until_it_is_over(fleet: Fleet, host: Machine) -> None:
    """Running trials go on; a restart knows what was used; the first of the month starts anew."""
    fleet.team("default", slot_hours=2.0)
    study = fleet.submit()
    fleet.take(host), fleet.take(host)
    fleet.pass_time(3500)
    fleet.end(host, host.held[0], "done")
    assert fill(fleet, host) == []
    assert len(host.held) == 6, "there was some left"
    fleet.pass_time(200)
    fleet.end(host, host.held[0], "done")
    fill(fleet, host)
    assert len(host.held) == 5, "it is used up"
    fleet.restart()
    fill(fleet, host)
    assert len(host.held) == 5
    warned = fleet.scheduler.submit(
        Submission(text=STUDY.format(name="n", budget="trials: 2", resources="class: cpu"))
    )
    assert warned.warnings[-1] == (
        "It waits: team default has used the 2 slot-hours of its month; it goes on at 2026-02-01 00:00 UTC."
    )
    fleet.pass_time(3 * 3600)
    assert running(fleet, study) == 5
    fleet.queue.clear()
    fleet.pass_time(60)
    fill(fleet, host)
    assert len(host.held) == 6


def test_one_study_too_many_is_refused(fleet: Fleet) -> None:
    """With the figures and the way out; a paused one counts, one that ended doesn't; a branch counts too."""
    fleet.team("a", studies=1), fleet.team("b")
    first = fleet.submit(team="a")
    fleet.scheduler.pause(first)
    with pytest.raises(NotAllowed, match="1 studies that have not ended; its quota is 1"):
        fleet.submit(team="a")
    fleet.submit(team="b")
    origin = fleet.store.study(first)
    assert origin is not None
    with pytest.raises(NotAllowed, match="its quota is 1"):
        fleet.scheduler.branch(origin, 0)
    assert fleet.scheduler.branch(origin, 0, team="b").id
    fleet.scheduler.stop(first)
    assert fleet.submit(team="a")


def test_trials_to_come_are_counted_together(fleet: Fleet, host: Machine) -> None:
    """What was started already is not to come any more."""
    fleet.team("a", trials=30)
    fleet.submit("trials: 20", team="a")
    with pytest.raises(NotAllowed, match="would have 40 trials to come, 20 of them of this study"):
        fleet.submit("trials: 20", team="a")
    with pytest.raises(NotAllowed, match="A budget of 10 trials fits now"):
        fleet.submit("trials: 20", team="a")
    fill(fleet, host)
    assert fleet.submit("trials: 16", team="a")


def test_going_on_with_a_study_needs_no_room(fleet: Fleet) -> None:
    """To submit it again, or to resume it, adds nothing."""
    fleet.team("default", studies=1, trials=20)
    text = STUDY.format(name="again", budget="trials: 20", resources="class: cpu")
    first = fleet.scheduler.submit(Submission(text=text))
    fleet.scheduler.pause(first.id)
    again = fleet.scheduler.submit(Submission(text=text + "priority: 4\n"))
    assert (again.id, again.resumed) == (first.id, True)


def test_a_month_is_the_calendars() -> None:
    """What runs over its end counts in the new one from its first second on."""
    begins, ends = month_of(datetime(2026, 12, 15, 3, tzinfo=UTC).timestamp())
    assert datetime.fromtimestamp(ends, UTC) == datetime(2027, 1, 1, tzinfo=UTC)
    month = Month(Clocks(0.0, ends - 7200), {"a": 3600.0})
    month.starts("a", -36_000.0, Clocks(0.0, ends - 7200))
    assert month.hours("a", Clocks(3600.0, ends - 3600)) == pytest.approx(1 + 10 + 1)
    assert month.hours("a", Clocks(9000.0, ends + 1800)) == pytest.approx(0.5)
    assert month.begins == ends
    early = Month(Clocks(0.0, begins + 60), {})
    early.starts("b", -3600.0, Clocks(0.0, begins + 60))
    assert early.hours("b", Clocks(0.0, begins + 60)) == pytest.approx(1 / 60)
