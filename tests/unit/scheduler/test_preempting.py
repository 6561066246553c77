"""Who makes way for whom, when, and that it comes to an end."""

from __future__ import annotations

from pathlib import Path

import pytest

from caviar.contract.queue import StudyEdit
from caviar.scheduler.preempting import KEPT_S, LEAST_RUN_S, PATIENCE_S
from tests.support.fleet import Fleet, Machine

YIELDS = "class: cpu, preemptible: true"


@pytest.fixture
def host() -> Machine:
    return Machine("host", slots=4)


@pytest.fixture
def fleet(tmp_path: Path, host: Machine) -> Fleet:
    fleet = Fleet(tmp_path / "caviar.db", host)
    fleet.team("a"), fleet.team("b")
    return fleet


def fill(fleet: Fleet, host: Machine) -> None:
    """Free slots take what is on the queue, and what is sent after it."""
    for _ in range(4):
        while host.free and (fleet.take(host) is not None):
            pass


def asked(fleet: Fleet, host: Machine) -> list[str]:
    """The trials that the next heartbeat asks to make way."""
    return [each.trial for each in fleet.beat(host).release]


def make_way(fleet: Fleet, host: Machine) -> list[str]:
    """What is asked does as it is asked; the studies whose trials it were."""
    trials = asked(fleet, host)
    for trial in trials:
        held = next(each for each in host.held if each.trial == trial)
        assert fleet.end(host, held, "released") == "accepted"
    fill(fleet, host)
    return [trial.partition("-")[0] for trial in trials]


def held(host: Machine, study: str) -> int:
    return sum(each.study == study for each in host.held)


def passing(fleet: Fleet, host: Machine, seconds: float) -> list[str]:
    """Time goes by; the studies whose trials made way meanwhile."""
    ways = []
    for _ in range(int(seconds // 2)):
        fleet.pass_time(2)
        ways += make_way(fleet, host)
    return ways


def test_a_lower_priority_makes_way_in_its_team(fleet: Fleet, host: Machine) -> None:
    """By the one that has trained least; it goes on later with no budget charged."""
    low = fleet.submit(team="a", resources=YIELDS)
    fleet.take(host), fleet.take(host), fleet.take(host)
    fleet.pass_time(LEAST_RUN_S)
    fill(fleet, host)
    youngest = host.held[-1].trial
    fleet.pass_time(LEAST_RUN_S + 60)
    high = fleet.submit("trials: 1", team="a", priority=1)
    fleet.pass_time(PATIENCE_S - 5)
    assert asked(fleet, host) == [], "it may be that a slot is free soon"
    fleet.pass_time(10)
    assert asked(fleet, host) == [youngest]
    assert make_way(fleet, host) == [low]
    assert held(host, high) == 1
    row = fleet.store.trial(youngest)
    assert row is not None
    assert (row.state, row.attempt, row.crashes, row.lost) == ("queued", 1, 0, 0)
    for each in host.held[-2:]:  # a ticket of another trial was out
        fleet.end(host, each, "done")
    fill(fleet, host)
    again = fleet.store.trial(youngest)
    assert again is not None
    assert (again.state, again.attempt) == ("running", 2)


@pytest.mark.parametrize(
    ("resources", "team", "priority"),
    [
        pytest.param("class: cpu", "a", 0, id="whose study does not allow it"),
        pytest.param(YIELDS, "a", 9, id="of the same priority"),
        pytest.param(YIELDS, "b", 0, id="of another team within its due, whatever the priorities"),
    ],
)
def test_nobody_else_makes_way(
    fleet: Fleet, host: Machine, resources: str, team: str, priority: int
) -> None:
    fleet.submit(team=team, resources=resources, priority=priority)
    if team == "b":  # two slots each
        fleet.submit(team="a", priority=9)
    fill(fleet, host)
    fleet.pass_time(LEAST_RUN_S + 10)
    fleet.submit(team="a", priority=9)
    assert passing(fleet, host, 4 * PATIENCE_S) == []


def test_what_an_operator_puts_first_gets_slots_of_every_team(fleet: Fleet, host: Machine) -> None:
    """Also a higher priority's; slot by slot until it has enough, and no further."""
    fleet.submit(team="b", resources=YIELDS, priority=9)
    fill(fleet, host)
    fleet.pass_time(LEAST_RUN_S)
    first = fleet.submit("trials: 2", team="a")
    fleet.scheduler.edit(first, StudyEdit(place="first"))
    ways = passing(fleet, host, 3 * PATIENCE_S)
    assert len(ways) == 2
    assert held(host, first) == 2


def test_a_team_below_its_share_gets_the_slots_of_one_above(fleet: Fleet, host: Machine) -> None:
    """Half of them, and then each keeps what it has: nobody pushes anybody out in turn."""
    greedy = fleet.submit("trials: 50", team="b", resources=YIELDS, priority=9)
    fill(fleet, host)
    fleet.pass_time(LEAST_RUN_S)
    other = fleet.submit("trials: 50", team="a", resources=YIELDS)
    assert passing(fleet, host, 4 * PATIENCE_S) == [greedy, greedy]
    assert (held(host, greedy), held(host, other)) == (2, 2)
    assert passing(fleet, host, 10 * LEAST_RUN_S) == []


def test_an_attempt_gets_somewhere_before_it_is_asked(fleet: Fleet, host: Machine) -> None:
    """However often better claims come: between two of them each attempt trains ``LEAST_RUN_S``."""
    fleet.submit("trials: 4", team="a", resources=YIELDS)
    fill(fleet, host)
    fleet.pass_time(LEAST_RUN_S)
    spans = []
    for _ in range(4):
        fleet.submit("trials: 1", team="a", priority=5)
        assert len(passing(fleet, host, PATIENCE_S + LEAST_RUN_S)) == 1
        urgent = [each for each in host.held if fleet.trial(each.study, each.number).attempt == 1]
        for each in urgent:
            if each.number == 0 and len(fleet.rows(each.study)) == 1:
                fleet.end(host, each, "done")
        fill(fleet, host)
    for row in fleet.store.trials():
        for attempt in fleet.store.attempts(row.id):
            if attempt["outcome"] == "released":
                spans.append(attempt["seconds"])
    assert len(spans) == 4
    assert min(spans) >= LEAST_RUN_S


def test_the_slot_is_kept_for_whom_it_was_made(fleet: Fleet, host: Machine) -> None:
    """The ticket that was out before is refused meanwhile, and not lost."""
    fleet.submit("trials: 50", team="a", resources=YIELDS)
    fill(fleet, host)
    fleet.scheduler.tick()
    assert len(fleet.queue) == 1, "a ticket of the lower priority is out"
    early = fleet.queue[0]
    fleet.pass_time(LEAST_RUN_S)
    high = fleet.submit("trials: 1", team="a", priority=1)
    fleet.pass_time(PATIENCE_S + 5)
    (trial,) = asked(fleet, host)
    fleet.end(host, next(each for each in host.held if each.trial == trial), "released")
    fleet.queue.clear()
    refused = fleet.claim(host, early)
    assert (refused.granted, refused.reason) == (
        False,
        "the slot is kept for a study that goes first",
    )
    fleet.scheduler._tickets.forget(f"{high}-0")
    fill(fleet, host)
    assert held(host, high) == 1
    fleet.end(host, next(each for each in host.held if each.study == high), "done")
    fill(fleet, host)
    assert early.trial in [each.trial for each in host.held]


def test_a_slot_is_not_kept_for_ever(fleet: Fleet, host: Machine) -> None:
    """Whom it was made for ended, or nobody brought its ticket: others have it."""
    low = fleet.submit("trials: 50", team="a", resources=YIELDS)
    fill(fleet, host)
    fleet.pass_time(LEAST_RUN_S)
    high = fleet.submit("trials: 1", team="a", priority=1)
    fleet.pass_time(PATIENCE_S + 5)
    (trial,) = asked(fleet, host)
    fleet.scheduler.stop(high)
    fleet.end(host, next(each for each in host.held if each.trial == trial), "released")
    fleet.pass_time(KEPT_S / 4)
    fill(fleet, host)
    assert held(host, low) == 4


def test_a_restart_asks_again(fleet: Fleet, host: Machine) -> None:
    fleet.submit(team="a", resources=YIELDS)
    fill(fleet, host)
    fleet.pass_time(LEAST_RUN_S)
    high = fleet.submit("trials: 1", team="a", priority=1)
    fleet.pass_time(PATIENCE_S + 5)
    assert len(asked(fleet, host)) == 1
    fleet.restart()
    fleet.queue.clear()
    assert passing(fleet, host, PATIENCE_S + 10) != []
    assert held(host, high) == 1
