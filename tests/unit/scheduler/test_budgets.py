"""Budgets that hold: hours of the wall, of slots, of GPUs; a target. On two clocks that the test holds in its hands."""

from __future__ import annotations

from pathlib import Path

import pytest

from caviar.api.present import Presenter
from tests.support.fleet import LEASE_S, Fleet, Machine


def state(fleet: Fleet, study: str) -> tuple[str, str]:
    record = fleet.store.study(study)
    assert record is not None
    return record.state, record.reason


def test_slot_hours_end_a_study(tmp_path: Path) -> None:
    """Two slots use them up twice as fast as one: running trials are asked to stop, nothing else starts."""
    host = Machine("host", slots=2)
    fleet = Fleet(tmp_path / "caviar.db", host)
    study = fleet.submit("trials: 50, slot_hours: 1.0")
    fleet.take(host)
    fleet.take(host)
    fleet.pass_time(1795)
    assert state(fleet, study) == ("running", "")
    fleet.pass_time(10)
    assert state(fleet, study)[1].startswith("1 slot-hours are spent")
    assert len(fleet.beat(host).stop) == 2
    assert not any(fleet.claim(host, ticket).granted for ticket in fleet.queue)


def test_no_claim_gets_in_between_the_end_of_the_hours_and_the_next_turn(tmp_path: Path) -> None:
    """The scheduler turns a few times a second; the budget holds in between as well."""
    host = Machine("host", slots=2)
    fleet = Fleet(tmp_path / "caviar.db", host)
    fleet.submit("trials: 50, slot_hours: 0.01")
    fleet.take(host)
    fleet.scheduler.tick()
    ticket = fleet.queue.pop(0)
    fleet.now += 37
    assert fleet.claim(host, ticket).reason == "0.01 slot-hours are spent"


@pytest.mark.parametrize("how", ["crashed", "lost", "released"])
def test_what_came_to_nothing_counts_too(tmp_path: Path, how: str) -> None:
    """A slot that was held is a slot that was held; a restart of the scheduler forgets nothing of it."""
    host = Machine("host")
    fleet = Fleet(tmp_path / "caviar.db", host)
    study = fleet.submit("trials: 50, slot_hours: 1")
    fleet.take(host)
    fleet.pass_time(360)
    if how == "lost":
        host.incarnation = "two"
        fleet.hello(host)
        host.held.clear()
    else:
        fleet.end(host, host.held[0], how)  # type: ignore[arg-type]
    fleet.take(host)
    fleet.pass_time(360)
    for _ in range(2):
        (use,) = fleet.scheduler.uses(study) or []
        assert (use.name, use.limit) == ("slot_hours", 1.0)
        assert use.spent == pytest.approx(0.2, abs=0.001)
        fleet.restart()


def test_a_clock_that_is_set_changes_no_budget(tmp_path: Path) -> None:
    """A day forward by hand: the hours go on where they were."""
    host = Machine("host")
    fleet = Fleet(tmp_path / "caviar.db", host)
    study = fleet.submit("trials: 50, hours: 2, slot_hours: 2")
    fleet.take(host)
    fleet.day += 86400
    fleet.pass_time(60)
    assert state(fleet, study) == ("running", "")
    fleet.end(host, host.held[0], "done")
    (hours, slot_hours) = fleet.scheduler.uses(study) or []
    assert hours.spent == pytest.approx(slot_hours.spent) == pytest.approx(1 / 60)


def test_a_gpu_alone_counts_whole_and_a_shared_one_by_its_share(tmp_path: Path) -> None:
    """Two trials side by side on one GPU for an hour are one GPU-hour."""
    host = Machine("host", slots=2, gpus=("GPU-a",), slots_per_gpu=2)
    fleet = Fleet(tmp_path / "caviar.db", host, resource_class="gpu")
    shared = fleet.submit("trials: 2, gpu_hours: 9", "shared", "class: gpu, share_gpu: true")
    fleet.take(host)
    fleet.take(host)
    fleet.pass_time(3600)
    (use,) = fleet.scheduler.uses(shared) or []
    assert use.spent == pytest.approx(1.0, abs=0.01)
    for held in list(host.held):
        fleet.end(host, held, "done")
    alone = fleet.submit("trials: 2, gpu_hours: 9", "alone")
    fleet.take(host)
    fleet.pass_time(3600)
    (use,) = fleet.scheduler.uses(alone) or []
    assert use.spent == pytest.approx(1.0, abs=0.01)


def test_after_the_target_no_trial_starts(tmp_path: Path) -> None:
    """Not even a claim that comes before the scheduler's next turn."""
    host = Machine("host", slots=2)
    fleet = Fleet(tmp_path / "caviar.db", host)
    study = fleet.submit("trials: 50, target: 0.2")
    fleet.take(host)
    fleet.scheduler.tick()
    ticket = fleet.queue.pop(0)
    fleet.end(host, host.held[0], "done", 0.1)
    assert fleet.claim(host, ticket).reason == "the study is done"
    assert state(fleet, study) == ("done", "target 0.2 reached")


def test_what_is_spent_is_shown_while_a_study_runs_and_after_it(tmp_path: Path) -> None:
    """The same figures from memory and from SQL."""
    host = Machine("host")
    fleet = Fleet(tmp_path / "caviar.db", host)
    study = fleet.submit("trials: 1, hours: 5, slot_hours: 4")
    fleet.take(host)
    fleet.pass_time(3600)
    shown = []
    for end in (False, True):
        if end:
            fleet.end(host, host.held[0], "done")
            fleet.scheduler.tick()
        record = fleet.store.study(study)
        assert record is not None
        view = Presenter(fleet.store, fleet.scheduler, "").study(record)
        shown.append([(use.name, round(use.spent, 3), use.limit) for use in view.uses])
    assert shown[0] == shown[1] == [("hours", 1.0, 5.0), ("slot_hours", 1.0, 4.0)]
    assert state(fleet, study) == ("done", "")


def test_a_budget_without_limits_of_time_shows_none(tmp_path: Path) -> None:
    """What nobody asked for is not on the screen."""
    fleet = Fleet(tmp_path / "caviar.db", Machine("host"))
    study = fleet.submit()
    fleet.pass_time(LEASE_S)
    assert fleet.scheduler.uses(study) == []
