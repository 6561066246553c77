"""Hosts that an operator gives no more work, in a fleet of which the test holds every part."""

from __future__ import annotations

from pathlib import Path

import pytest

from caviar.errors import NotAllowed
from tests.support.fleet import LEASE_S, Fleet, Machine


@pytest.fixture
def host() -> Machine:
    return Machine("host", slots=2)


@pytest.fixture
def other() -> Machine:
    return Machine("other", slots=2)


@pytest.fixture
def fleet(tmp_path: Path, host: Machine, other: Machine) -> Fleet:
    return Fleet(tmp_path / "caviar.db", host, other)


def test_a_drained_host_gets_nothing_new_and_what_it_trains_goes_on(
    fleet: Fleet, host: Machine, other: Machine
) -> None:
    """The refused ticket goes out again at once: the other host does not wait for it."""
    fleet.submit()
    fleet.take(host)
    assert host.held
    fleet.scheduler.drain("host", False)
    refused = fleet.take(host)
    assert refused is not None
    assert (refused.granted, refused.reason) == (False, "the host is drained")
    assert refused.pause_s == LEASE_S
    assert not fleet.beat(host).release
    fleet.take(other), fleet.take(other)
    assert len(other.held) == 2
    assert fleet.end(host, host.held[0], "done") == "accepted"


def test_now_gives_back_what_it_trains(fleet: Fleet, host: Machine, other: Machine) -> None:
    """Saved and queued, no budget charged; the other host goes on with it."""
    study = fleet.submit("trials: 1")
    fleet.take(host)
    (held,) = host.held
    fleet.scheduler.drain("host", True)
    assert [each.trial for each in fleet.beat(host).release] == [held.trial]
    assert not fleet.beat(other).release
    assert fleet.end(host, held, "released") == "accepted"
    row = fleet.trial(study, 0)
    assert (row.state, row.crashes, row.lost) == ("queued", 0, 0)
    fleet.take(host), fleet.take(other)
    assert not host.held
    assert [each.attempt for each in other.held] == [2]


def test_it_outlives_the_scheduler_and_the_host(fleet: Fleet, host: Machine) -> None:
    """Both kinds; a worker that starts again on the host is drained as well."""
    fleet.submit()
    fleet.take(host)
    fleet.scheduler.drain("host", True)
    fleet.restart()
    assert fleet.beat(host).release
    host.incarnation, host.held = "two", []
    fleet.hello(host)
    refused = fleet.take(host)
    assert refused is not None
    assert refused.reason == "the host is drained"


def test_a_host_that_is_resumed_gets_work_at_once(fleet: Fleet, host: Machine) -> None:
    """What it held against `--now` is over as well."""
    fleet.submit()
    fleet.scheduler.drain("host", True)
    fleet.scheduler.drain("host", False)  # the last word counts
    fleet.scheduler.resume_host("host")
    fleet.take(host)
    assert host.held
    assert not fleet.beat(host).release
    with pytest.raises(NotAllowed, match="Host host is not drained"):
        fleet.scheduler.resume_host("host")


def test_a_host_that_nobody_knows_is_refused_with_those_that_call(fleet: Fleet) -> None:
    """A typing error must not look like a drained host."""
    with pytest.raises(NotAllowed, match=r"from host hots\. Workers call from host, other\."):
        fleet.scheduler.drain("hots", False)
    assert not fleet.store.hosts_drained()


def test_who_waits_for_a_class_of_drained_hosts_is_told(
    fleet: Fleet, host: Machine, other: Machine
) -> None:
    """Its slots count as none, and the way out is named."""
    study = fleet.submit()
    fleet.scheduler.drain("host", False), fleet.scheduler.drain("other", False)
    at = fleet.scheduler.look().at("cpu")
    assert (at.slots, at.workers) == (0, 2)
    assert at.without_work["host"].startswith("drained. `caviar workers resume host`")
    assert fleet.scheduler.outlook(study) == (0, None)
    fleet.scheduler.resume_host("other")
    assert fleet.scheduler.look().at("cpu").slots == other.slots
