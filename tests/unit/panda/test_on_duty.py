"""The nurse and the comparisons on a scheduler: what is due is done once, whoever looks, whatever is killed."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from caviar.adapters.sql import Interventions, TrialRow
from caviar.contract.messages import Assignment, Done
from caviar.contract.panda import Report, Ward
from caviar.contract.views import Submission
from caviar.panda import Babysitting
from caviar.panda.chart import Memory
from caviar.panda.duty import Duty
from caviar.scheduler.changing import Babysat
from tests.support.fleet import Fleet, Machine

NURSED = """
name: nursed
metric: {name: loss, goal: minimize}
trainer: {function: "walk:train"}
mode: panda
nurse: {parameter: rate, steps: 300}
space:
  rate: {type: float, low: 1.0e-4, high: 1.0, scale: log, live: true}
warm_start: {points: [{rate: 0.1}]}
"""


@pytest.fixture
def host() -> Machine:
    return Machine("host", slots=2)


@pytest.fixture
def fleet(tmp_path: Path, host: Machine) -> Fleet:
    return Fleet(tmp_path / "caviar.db", host)


def tell(
    fleet: Fleet,
    host: Machine,
    each: Assignment,
    losses: list[tuple[int, float]],
    *done: Done,
    live: dict[str, bool | int | float | str] | None = None,
) -> None:
    """All that a training has reported, from its first step on, and a checkpoint of every tenth step."""
    known = fleet.scheduler.changing.wards.find(each.trial)
    begin = known.known if known else 0
    ward = Ward(
        trial=each.trial,
        attempt=each.attempt,
        live=live or dict(each.params),
        done=done,
        checkpoints=tuple(step for step, _ in losses if step % 10 == 0),
        begin=begin,
        end=len(losses),
        points=tuple(losses[begin:]),
    )
    report = Report(host=host.name, incarnation=host.incarnation, wards=(ward,))
    fleet.scheduler.changing.report(report)


def falling(first: int, to: int, pace: float) -> list[tuple[int, float]]:
    return [
        (step, math.exp(-pace * step) + 1e-3 * math.sin(7.0 * step)) for step in range(first, to)
    ]


def two(fleet: Fleet, host: Machine) -> tuple[Assignment, Assignment]:
    """A training and a copy of it from step 10 on, to be compared after 100 steps."""
    study = fleet.submit("trials: 9")
    fleet.take(host)
    first = host.held[0]
    tell(fleet, host, first, falling(0, 20, 0.001))
    asked = fleet.scheduler.changing.ask_fork(
        study, 0, "fork", {}, "ann", "", step=10, steps=100, in_place=False, keep="better"
    )
    tell(fleet, host, first, falling(0, 20, 0.001), Done(number=asked.number, step=10))
    while len(host.held) < 2 or fleet.trial(study, host.held[-1].number).kind != "fork":
        if len(host.held) == 2:
            fleet.end(host, host.held[1], "done")
        fleet.take(host)
        fleet.pass_time(1.0)
    return first, host.held[1]


def row(fleet: Fleet, each: Assignment) -> TrialRow:
    found = fleet.store.trial(each.trial)
    assert found is not None
    return found


def test_who_looks_on_does_not_take_the_comparison_away(fleet: Fleet, host: Machine) -> None:
    """A look at 80 steps writes no verdict down that the one at 100, by rule, would be taken for."""
    first, copy = two(fleet, host)
    duty, babysitting = (
        Duty(fleet.store, fleet.scheduler),
        Babysitting(fleet.store, fleet.scheduler),
    )
    record = fleet.store.study(first.study)
    assert record is not None
    tell(fleet, host, first, falling(0, 100, 0.001))
    tell(fleet, host, copy, falling(11, 100, 0.02))
    duty.turn()
    assert babysitting.interventions(record, row(fleet, first))[0].effect is not None
    tell(fleet, host, first, falling(0, 115, 0.001))
    tell(fleet, host, copy, falling(11, 115, 0.02))
    duty.turn()
    assert row(fleet, first).stop_asked
    assert not row(fleet, copy).stop_asked


def test_a_kill_in_the_middle_of_a_verdict_leaves_it_due(
    fleet: Fleet, host: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never a verdict in the books and both still training: the act comes first, and twice is as once."""
    first, copy = two(fleet, host)
    tell(fleet, host, first, falling(0, 115, 0.001))
    tell(fleet, host, copy, falling(11, 115, 0.02))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    for place, name in ((fleet.scheduler.changing, "end"), (Interventions, "note_effect")):
        duty = Duty(fleet.store, fleet.scheduler)
        with monkeypatch.context() as patch:
            patch.setattr(place, name, killed)
            with pytest.raises(KeyboardInterrupt):
                duty.turn()
    Duty(fleet.store, fleet.scheduler).turn()
    assert row(fleet, first).stop_asked
    assert not row(fleet, copy).stop_asked
    assert fleet.store.interventions.of_trial(first.trial)[0].effect is not None


def test_after_a_restart_she_goes_on_where_she_was(fleet: Fleet, host: Machine) -> None:
    """What she has looked at is not looked at again: an act would be done twice."""
    study = fleet.scheduler.submit(Submission(text=NURSED)).id
    mind = Memory(value=0.1, races=2).to_json()  # her races are over
    fleet.store.interventions.set_nurse(study, memory={"mind": mind, "trial": "", "step": 0})
    fleet.take(host)
    (first,) = host.held
    losses = [(step, max(0.2, math.exp(-0.1 * step))) for step in range(200)]
    duty = Duty(fleet.store, fleet.scheduler)
    rate, acts = 0.1, 0
    for step in range(1, 201):
        tell(fleet, host, first, losses[:step], live={"rate": rate})
        duty.turn()
        rows = fleet.store.interventions.of_trial(first.trial)
        if rows and rows[-1].state == "asked":
            assert rows[-1].kind == "set", rows[-1]
            assert isinstance(rows[-1].value, float)
            done = Done(number=rows[-1].number, step=step - 1, before=rate)
            rate, acts = rows[-1].value, acts + 1
            tell(fleet, host, first, losses[:step], done, live={"rate": rate})
            if "no progress" in rows[-1].why:
                break
    assert acts
    tell(fleet, host, first, losses[: step + 3], live={"rate": rate})
    duty.turn()
    fleet.restart()
    tell(fleet, host, first, losses[: step + 3], live={"rate": rate})
    Duty(fleet.store, fleet.scheduler).turn()
    assert len(fleet.store.interventions.of_study(study)) == acts


def test_what_fails_in_one_study_does_not_hold_up_the_others(
    fleet: Fleet, host: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody compares, or looks after, the rest otherwise."""
    first, copy = two(fleet, host)
    study = fleet.scheduler.submit(Submission(text=NURSED)).id
    found = fleet.scheduler.changing.babysat()
    monkeypatch.setattr(fleet.scheduler.changing, "babysat", lambda: found[::-1])
    tell(fleet, host, first, falling(0, 115, 0.001))
    tell(fleet, host, copy, falling(11, 115, 0.02))
    duty = Duty(fleet.store, fleet.scheduler)

    def broken(one: Babysat, *_: object) -> None:
        assert one.record.id != study

    monkeypatch.setattr(duty, "_nurse", broken)
    with pytest.raises(AssertionError):
        duty.turn()
    assert row(fleet, first).stop_asked
