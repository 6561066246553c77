"""Stopping one trial: what waits is cancelled, what runs is asked to end, and it never comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from caviar.contract.messages import Held
from caviar.errors import NotAllowed
from tests.support.fleet import LEASE_S, Fleet, Machine


@pytest.fixture
def host() -> Machine:
    return Machine("host", slots=2)


@pytest.fixture
def fleet(tmp_path: Path, host: Machine) -> Fleet:
    return Fleet(tmp_path / "caviar.db", host)


def test_a_trial_that_waits_is_cancelled_and_its_ticket_is_void(
    fleet: Fleet, host: Machine
) -> None:
    """Its number in the budget is used: the study goes on with the next one."""
    study = fleet.submit("trials: 2")
    fleet.scheduler.tick()
    ticket = fleet.queue[0]
    assert fleet.scheduler.stop_trial(study, 0).state == "cancelled"
    assert not fleet.claim(host, ticket).granted
    fleet.pass_time(3 * LEASE_S)
    assert [row.number for row in fleet.rows(study)] == [0, 1]


def test_a_running_trial_hears_it_with_the_next_heartbeat(fleet: Fleet, host: Machine) -> None:
    """Only that one; and it hears it again until it has ended, whatever is restarted in between."""
    study = fleet.submit()
    fleet.take(host)
    fleet.take(host)
    assert fleet.scheduler.stop_trial(study, 0).state == "running"
    told = (Held(trial=f"{study}-0", attempt=1),)
    assert fleet.beat(host).stop == told
    fleet.restart()
    assert fleet.beat(host).stop == told


@pytest.mark.parametrize(
    "outcome, value, state",
    [
        ("stopped", 0.3, "stopped"),
        ("stopped", None, "cancelled"),
        ("released", None, "cancelled"),
        ("crashed", None, "cancelled"),
        ("done", 0.2, "done"),
    ],
)
def test_how_a_stopped_trial_ends(
    fleet: Fleet, host: Machine, outcome: str, value: float | None, state: str
) -> None:
    """With a value it is a result like one that was stopped early; without one it is none. It is not tried again."""
    study = fleet.submit()
    fleet.take(host)
    fleet.scheduler.stop_trial(study, 0)
    fleet.end(host, host.held[0], outcome, value)  # type: ignore[arg-type]
    fleet.scheduler.tick()
    row = fleet.trial(study, 0)
    assert (row.state, row.value) == (state, value)


def test_a_stopped_trial_whose_host_is_lost_does_not_come_back(fleet: Fleet, host: Machine) -> None:
    """Nobody wants it any more."""
    study = fleet.submit()
    fleet.take(host)
    fleet.scheduler.stop_trial(study, 0)
    fleet.pass_time(2 * LEASE_S, beat=False)
    assert fleet.trial(study, 0).state == "cancelled"


def test_a_trial_that_has_ended_cannot_be_stopped(fleet: Fleet, host: Machine) -> None:
    """Nor one that does not exist: both are said."""
    study = fleet.submit()
    fleet.take(host)
    fleet.end(host, host.held[0], "done")
    with pytest.raises(NotAllowed, match=f"Trial 0 of study {study} is done"):
        fleet.scheduler.stop_trial(study, 0)
    with pytest.raises(NotAllowed, match="does not exist"):
        fleet.scheduler.stop_trial(study, 77)


def test_a_trial_lost_with_its_hosts_keeps_the_last_output(fleet: Fleet, host: Machine) -> None:
    """Five hosts gone is quarantine; what the last one had heard of it is what a person can look at."""
    study = fleet.submit("trials: 1")
    for attempt in range(1, 6):
        fleet.hello(host)
        fleet.take(host)
        assert host.held[0].attempt == attempt
        fleet.beat(host, output=f"CUDA error in attempt {attempt}")
        fleet.beat(host)  # nothing new: what is known stays
        fleet.pass_time(2 * LEASE_S, beat=False)
        host.held.clear()
    row = fleet.trial(study, 0)
    assert (row.state, row.lost, row.output) == ("quarantined", 5, "CUDA error in attempt 5")
    assert "no heartbeat from host" in row.error
