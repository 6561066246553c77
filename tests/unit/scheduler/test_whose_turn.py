"""Whose turn it is: places, shares of teams, priorities; on a real store and a clock that the test holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from caviar.contract.queue import StudyEdit
from tests.support.fleet import Fleet, Machine


@pytest.fixture
def host() -> Machine:
    return Machine("host", slots=6)


@pytest.fixture
def fleet(tmp_path: Path, host: Machine) -> Fleet:
    return Fleet(tmp_path / "caviar.db", host)


def order(fleet: Fleet, host: Machine, count: int, length: float = 60.0) -> list[str]:
    """The studies of the next trials, each of ``length`` seconds on one slot of its own, one after the other."""
    served = []
    for _ in range(count):
        answer = fleet.take(host)
        assert answer is not None
        assert answer.assignment is not None
        served.append(answer.assignment.study)
        fleet.now += length
        fleet.day += length
        fleet.end(host, answer.assignment, "done")
    return served


def held(host: Machine) -> dict[str, int]:
    """Slots by study."""
    return {
        study: sum(each.study == study for each in host.held)
        for study in sorted({each.study for each in host.held})
    }


def fill(fleet: Fleet, host: Machine) -> None:
    while host.free and (answer := fleet.take(host)) and answer.granted:
        pass


def test_a_higher_priority_goes_first_inside_its_team(tmp_path: Path) -> None:
    host = Machine("host")
    fleet = Fleet(tmp_path / "caviar.db", host)
    low, high = fleet.submit(), fleet.submit(priority=3)
    assert order(fleet, host, 3) == [high] * 3
    fleet.scheduler.edit(low, StudyEdit(priority=9))
    assert order(fleet, host, 4)[2:] == [low] * 2, "two tickets were out"


def test_no_team_gets_more_by_calling_everything_urgent(fleet: Fleet, host: Machine) -> None:
    """Nine studies of priority 9 beside one of priority 0: between teams only weights count."""
    fleet.team("loud"), fleet.team("calm")
    for _ in range(9):
        fleet.submit(team="loud", priority=9)
    calm = fleet.submit(team="calm")
    fill(fleet, host)
    assert held(host)[calm] == 3


def test_slots_follow_weights(fleet: Fleet, host: Machine) -> None:
    fleet.team("two", 2.0), fleet.team("one", 1.0)
    two, one = fleet.submit(team="two"), fleet.submit(team="one")
    fill(fleet, host)
    assert held(host) == {two: 4, one: 2}
    fleet.team("one", 4.0)  # an edit counts from the next slot on
    for _ in range(4):
        fleet.end(host, next(each for each in host.held if each.study == two), "done")
    fill(fleet, host)
    assert held(host)[one] >= 4


@pytest.mark.parametrize("place", ["first", "last"])
def test_an_operators_place_is_before_shares_and_priorities(
    fleet: Fleet, host: Machine, place: str
) -> None:
    fleet.team("a"), fleet.team("b")
    one, other = fleet.submit(team="a", priority=9), fleet.submit(team="b")
    moved, rest = (other, one) if place == "first" else (one, other)
    fleet.scheduler.edit(moved, StudyEdit(place=place))  # type: ignore[arg-type]
    fill(fleet, host)
    assert held(host) == {other: 6}
    fleet.scheduler.edit(moved, StudyEdit(place="normal"))
    for each in host.held[:3]:
        fleet.end(host, each, "done")
    fill(fleet, host)
    assert held(host)[one] >= 2, "back in its place, it has its share of what is free"
    assert rest in (one, other)


def test_a_team_that_arrives_gets_the_next_slot(fleet: Fleet, host: Machine) -> None:
    """However much was used before, and however many trials the others still have."""
    for name in ("a", "b", "c"):
        fleet.team(name)
    fleet.submit(team="a"), fleet.submit(team="b")
    fill(fleet, host)
    fleet.pass_time(3600)
    new = fleet.submit(team="c")
    fleet.end(host, host.held[0], "done")
    fill(fleet, host)
    fleet.end(host, host.held[0], "done")
    fill(fleet, host)
    assert held(host)[new] == 1, "one ticket was out; the second slot is its own"


def test_a_restart_forgets_no_share(fleet: Fleet, host: Machine) -> None:
    """Of what ended, of studies that are over, of what runs, and that who came later began where the others were."""
    fleet.team("a"), fleet.team("b")
    over = fleet.submit("trials: 2", team="a")
    fill(fleet, host)
    fleet.pass_time(1200)
    for each in list(host.held):
        fleet.end(host, each, "done")
    fleet.scheduler.tick()
    record = fleet.store.study(over)
    assert record is not None
    assert record.state == "done"
    goes_on = fleet.submit(team="b")
    fleet.take(host)
    fleet.pass_time(600)
    before = fleet.scheduler._accounts.sharing.used_by_team(fleet.now)
    fleet.restart()
    after = fleet.scheduler._accounts.sharing.used_by_team(fleet.now)
    assert after == pytest.approx(before, rel=0.1)  # it lives through it in steps of minutes
    assert set(after) == {"a", "b"}
    assert held(host) == {goes_on: 1}
    fleet.end(host, host.held[0], "done")
    assert fleet.scheduler._accounts.sharing.running("b") == 0
