"""Trainings that are changed while they run, as the scheduler sees it: what waits for whom, and what comes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from caviar.contract.messages import Assignment, Done
from caviar.contract.panda import Report, Ward
from caviar.contract.views import Submission
from caviar.errors import InputError, NotAllowed
from tests.support.fleet import STUDY, Fleet, Machine

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
    assert fleet.scheduler.curves(first.study) == {0: [(0, 1.0)]}
    fleet.end(host, first, "done")
    assert fleet.scheduler.curves(first.study) == {}
    other.incarnation = "two"
    assert tell(fleet, other, first, points=((0, 9.0),)) is None
    ward = fleet.scheduler.changing.wards.find(first.trial)
    assert ward is not None
    assert ward.incarnation == host.incarnation


def test_thousands_that_train_cost_nothing_to_those_that_wait_or_take_a_turn(
    fleet: Fleet, host: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that waits is asked about its own trainings alone; a turn looks at none that goes on."""
    study = fleet.submit("trials: 9")
    changing = fleet.scheduler.changing
    for number in range(1000):
        ward = Ward(trial=f"{study}-{number}", attempt=1)
        changing.wards.heard(ward, "mine" if number == 0 else f"other-{number % 50}")
    assert changing.wards.of("mine") == [f"{study}-0"]
    fleet.scheduler.tick()
    looks: list[None] = []

    def look() -> list[str]:
        looks.append(None)
        return []

    monkeypatch.setattr(changing.wards, "running", look)
    for _ in range(20):
        fleet.scheduler.tick()
    assert looks == []


def test_a_word_of_why_goes_with_its_trial(fleet: Fleet, host: Machine) -> None:
    """Of one too that was to end before it had started."""
    study = fleet.submit("trials: 9")
    fleet.scheduler.tick()
    fleet.scheduler.changing.end(f"{study}-0", "trial 1 is kept")
    fleet.pass_time(5.0)
    assert fleet.scheduler.changing._replaced == {}


def test_what_goes_on_by_hand_is_not_stopped_by_a_rule_for_searches(
    fleet: Fleet, host: Machine
) -> None:
    """Its curve begins in the middle, and somebody wants to see how it goes on."""
    text = STUDY.format(name="halved", budget="trials: 9", resources="class: cpu")
    text = text.replace("stop: none", "stop: asha")
    fleet.scheduler.submit(Submission(text=text, resume=False))
    first = taken(fleet, host)
    assert first.stop is not None
    assert not first.stop.watch_only
    tell(fleet, host, first)
    forked(fleet, host, first)
    fleet.end(host, first, "done")
    for _ in range(6):
        fleet.take(host)
        if host.held and host.held[0].origin:
            break
        fleet.pass_time(1.0)
    (copy,) = host.held
    assert copy.origin is not None
    assert copy.stop is not None
    assert copy.stop.watch_only


def test_no_change_makes_a_point_that_the_space_does_not_have(fleet: Fleet, host: Machine) -> None:
    """Another solver has parameters of its own, which a training that runs was not given."""
    text = STUDY.format(name="solvers", budget="trials: 9", resources="class: cpu")
    text += "warm_start: {points: [{x: 0.5, solver: sgd, decay: 0.5}]}\n"
    solver = "  solver: {type: categorical, choices: [sgd, adam, momentum], live: true}\n"
    decay = "  decay: {type: float, low: 0.0, high: 1.0, when: {solver: [sgd, momentum]}}\n"
    text = text.replace("search:", f"{solver}{decay}search:")
    study = fleet.scheduler.submit(Submission(text=text, resume=False)).id
    tell(fleet, host, taken(fleet, host))
    changing = fleet.scheduler.changing
    with pytest.raises(InputError, match="decay"):
        changing.ask_set(study, 0, {"solver": "adam"}, "ann", "")
    with pytest.raises(InputError, match="decay"):
        changing.ask_fork(
            study, 0, "fork", {"solver": "adam"}, "ann", "", step=None, in_place=False
        )
    assert changing.ask_set(study, 0, {"solver": "momentum"}, "ann", "")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "half", 10**400, 1e308])
def test_what_is_no_value_is_refused(
    fleet: Fleet, host: Machine, value: bool | int | float | str
) -> None:
    """Nothing of it is written down."""
    study = fleet.submit("trials: 9")
    first = taken(fleet, host)
    tell(fleet, host, first)
    with pytest.raises(InputError):
        fleet.scheduler.changing.ask_set(study, 0, {"x": value}, "ann", "")
    assert fleet.store.interventions.of_trial(first.trial) == []


def test_nobody_makes_way_for_what_could_not_start_there(
    fleet: Fleet, host: Machine, other: Machine
) -> None:
    """The copy waits for the host of its checkpoint: a slot of another one is of no use to it."""
    text = STUDY.format(name="one", budget="trials: 9", resources="class: cpu")
    fleet.scheduler.submit(Submission(text=text + "mode: panda\npriority: 9\n", resume=False))
    first = taken(fleet, host)
    tell(fleet, host, first)
    forked(fleet, host, first)
    fleet.submit("trials: 9", "low", resources="class: cpu, preemptible: true")
    while not other.held:
        fleet.take(other)
        fleet.pass_time(1.0)
    for _ in range(30):
        fleet.pass_time(10.0)
        assert fleet.beat(other).release == ()


def test_nothing_ends_for_what_could_not_go_on_in_its_place(fleet: Fleet, host: Machine) -> None:
    """Its host gets no more work: neither asked before nor after that, a training gives way to one that has to wait."""
    study = fleet.submit("trials: 9")
    first = taken(fleet, host)
    tell(fleet, host, first)
    changing = fleet.scheduler.changing
    asked = changing.ask_fork(study, 0, "rollback", {}, "ann", "", step=5, in_place=True)
    fleet.scheduler.drain(host.name, give_back=False)
    tell(fleet, host, first, Done(number=asked.number, step=5))
    (row,) = fleet.store.interventions.of_trial(first.trial)
    assert row.state == "refused"
    assert "drained" in row.reason
    assert not fleet.trial(study, 0).stop_asked
    with pytest.raises(NotAllowed, match="drained"):
        changing.ask_fork(study, 0, "rollback", {}, "ann", "", step=5, in_place=True)
