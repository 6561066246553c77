"""Trainings that are changed while they run, as the scheduler sees it: what waits for whom, and what comes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from caviar.contract.messages import Assignment, Done
from caviar.contract.panda import Report, Ward
from tests.support.fleet import Fleet, Machine

LIVE = {"x": 0.5}


@pytest.fixture
def host() -> Machine:
    return Machine("host")


@pytest.fixture
def other() -> Machine:
    return Machine("other")


@pytest.fixture
def fleet(tmp_path: Path, host: Machine, other: Machine) -> Fleet:
    return Fleet(tmp_path / "caviar.db", host, other)


def tell(
    fleet: Fleet,
    machine: Machine,
    assignment: Assignment,
    *done: Done,
    points: tuple[tuple[int, float], ...] = (),
) -> int | None:
    """What a host says of one of its trainings. Up to where its points are known then."""
    ward = Ward(
        trial=assignment.trial,
        attempt=assignment.attempt,
        live=LIVE,
        done=done,
        checkpoints=(5,),
        end=len(points),
        points=points,
    )
    answer = fleet.scheduler.changing.report(
        Report(host=machine.name, incarnation=machine.incarnation, wards=(ward,))
    )
    return answer.known.get(assignment.trial)


def taken(fleet: Fleet, machine: Machine) -> Assignment:
    answer = fleet.take(machine)
    assert answer is not None
    assert answer.assignment is not None, answer
    return answer.assignment


def forked(fleet: Fleet, machine: Machine, assignment: Assignment, children: int = 1) -> None:
    """Copies beside a training whose checkpoint lies on ``machine``."""
    changing = fleet.scheduler.changing
    for _ in range(children):
        asked = changing.ask_fork(
            assignment.study, assignment.number, "fork", {}, "ann", "", step=None, in_place=False
        )
        tell(fleet, machine, assignment, Done(number=asked.number, step=5))


def test_copies_that_wait_for_their_host_are_in_nobodys_way(
    fleet: Fleet, host: Machine, other: Machine
) -> None:
    """Their checkpoint lies on a host that is busy; the free slot of another one trains something else meanwhile."""
    study = fleet.submit("trials: 9")
    first = taken(fleet, host)
    tell(fleet, host, first)
    forked(fleet, host, first, children=4)
    second = fleet.submit("trials: 9", name="second")
    for _ in range(6):
        answer = fleet.take(other)
        if answer is not None and answer.granted:
            break
        fleet.pass_time(1.0)
    assert [each.study for each in other.held] in ([study], [second])
    fleet.end(host, first, "done")
    for _ in range(3):  # what had a ticket already goes first
        while not host.held:
            fleet.take(host)
            fleet.pass_time(1.0)
        if fleet.trial(study, host.held[0].number).kind == "fork":
            return
        fleet.end(host, host.held[0], "done")
    raise AssertionError("no copy has started")


def test_what_was_changed_is_not_trained_again_where_changes_are_not_known(
    fleet: Fleet, host: Machine, other: Machine
) -> None:
    """An older worker would train it with the values that it began with."""
    study = fleet.submit("trials: 1")
    first = taken(fleet, host)
    tell(fleet, host, first)
    (asked,) = fleet.scheduler.changing.ask_set(study, 0, {"x": 0.25}, "ann", "")
    tell(fleet, host, first, Done(number=asked.number, step=7, before=0.5))
    fleet.end(host, first, "crashed")
    other.changes = False
    refused = fleet.take(other)
    assert refused is not None
    assert "too old" in refused.reason
    again = taken(fleet, host)
    assert [(change.step, change.value) for change in again.schedule] == [(7, 0.25)]


def test_what_was_open_when_the_study_ended_is_void_after_a_kill(
    fleet: Fleet, host: Machine
) -> None:
    """The kill came after the study's end, before the books said so."""
    study = fleet.submit("trials: 1")
    first = taken(fleet, host)
    tell(fleet, host, first)
    fleet.scheduler.changing.ask_set(study, 0, {"x": 0.25}, "ann", "")
    fleet.end(host, first, "done")
    assert fleet.store.move_study(study, ("running",), "done", "")
    fleet.restart()
    (row,) = fleet.store.interventions.of_trial(first.trial)
    assert row.state == "void"


def test_the_last_points_of_a_training_are_told_by_its_own_host(
    fleet: Fleet, host: Machine, other: Machine
) -> None:
    """Nobody else adds to a curve that is over."""
    fleet.submit("trials: 1")
    first = taken(fleet, host)
    tell(fleet, host, first, points=((0, 1.0),))
    fleet.end(host, first, "done")
    other.incarnation = "two"
    assert tell(fleet, other, first, points=((0, 9.0),)) is None
    ward = fleet.scheduler.changing.wards.find(first.trial)
    assert ward is not None
    assert ward.incarnation == host.incarnation
