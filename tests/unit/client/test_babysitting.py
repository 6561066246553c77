"""A training by hand from Python, against the real API; its worker is played by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import caviar
from caviar.client import BabysatTrial
from caviar.contract.messages import ClaimRequest, Done, Finish, Hello
from caviar.contract.panda import Report, Ward
from caviar.errors import InputError, NotAllowed
from tests.support import wait_until
from tests.support.real_api import TOKEN, Serving, serving

STUDY = """
name: by-hand
mode: panda
metric: {name: loss, goal: minimize}
trainer: {function: "train:main"}
space:
  rate: {type: float, low: 1.0e-4, high: 1.0, scale: log, live: true}
  width: {type: int, low: 1, high: 9}
warm_start: {points: [{rate: 0.01, width: 3}]}
"""
HOST, LIFE = "host", "one"


class Worker:
    """One slot that trains trial after trial as it is told."""

    def __init__(self, api: Serving) -> None:
        self.api = api
        api.scheduler.hello(Hello(host=HOST, incarnation=LIFE, slots=1))
        self.trial, self.nonce = "", ""

    def claim(self) -> None:
        ticket = wait_until(lambda: self.api.tickets and self.api.tickets.pop(0), why="a ticket")
        self.trial, self.nonce = ticket.trial, f"nonce-{ticket.trial}"
        claim = ClaimRequest(
            trial=ticket.trial,
            attempt=ticket.attempt,
            nonce=self.nonce,
            host=HOST,
            incarnation=LIFE,
            slot=0,
            changes=True,
        )
        assert self.api.scheduler.claim(claim).granted

    def report(self, *done: Done, last: int = 9) -> None:
        """Steps 0 to ``last``, checkpoints at 0 and 5, and what came of orders."""
        ward = Ward(
            trial=self.trial,
            attempt=1,
            live={"rate": 0.01},
            done=done,
            checkpoints=(0, 5),
            end=100,
            points=tuple((step, 1.0 / (1 + step)) for step in range(last + 1)),
        )
        self.api.scheduler.changing.report(Report(host=HOST, incarnation=LIFE, wards=(ward,)))

    def finish(self) -> None:
        self.api.scheduler.finish(
            Finish(trial=self.trial, attempt=1, nonce=self.nonce, outcome="done", value=0.1)
        )


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path) as api:
        yield api


@pytest.fixture
def worker(api: Serving) -> Worker:
    return Worker(api)


@pytest.fixture
def training(api: Serving, worker: Worker) -> Iterator[BabysatTrial]:
    """Trial 0 of a study by hand, running, with ten reports."""
    with caviar.connect(api.url, TOKEN) as service:
        study = service.submit(STUDY)
        worker.claim()
        worker.report()
        yield study.babysit(0)


def test_it_shows_the_curve_and_what_may_be_changed(training: BabysatTrial) -> None:
    curve = training.curve()
    assert curve.points[-1] == (9, 0.1)
    assert curve.live == {"rate": 0.01}
    assert curve.checkpoints == [0, 5]
    assert training.view.state == "running"


def test_a_change_is_asked_and_then_in_effect(training: BabysatTrial, worker: Worker) -> None:
    """Text is read as the parameter's type. The answer has the step; the schedule has the change."""
    asked = training.set({"rate": "3e-4"}, why="plateau")
    assert [(each.state, each.value) for each in asked] == [("asked", 0.0003)]
    assert training.answered(asked, timeout_s=0.0)[0].state == "asked"
    worker.report(Done(number=asked[0].number, step=10, before=0.01))
    done = training.answered(asked)[0]
    assert (done.state, done.step, done.why) == ("applied", 10, "plateau")
    schedule = training.schedule()
    assert schedule.params == {"rate": 0.01, "width": 3}
    assert [(c.step, c.parameter, c.value) for c in schedule.schedule] == [(10, "rate", 0.0003)]


def test_what_cannot_be_is_refused_and_nothing_asked(training: BabysatTrial) -> None:
    """By the service, or here where no service would take it."""
    with pytest.raises(InputError, match="lies outside"):
        training.set({"rate": 7.0})
    with pytest.raises(NotAllowed, match="does not read width"):
        training.set({"width": 4})
    with pytest.raises(InputError, match="why"):
        training.set({"rate": 0.1}, why="x" * 401)
    with pytest.raises(NotAllowed, match="running"):
        training.panda()
    assert training.interventions() == []


def test_a_rollback_is_a_trial_that_takes_its_place(training: BabysatTrial, worker: Worker) -> None:
    back = training.rollback(7, {"rate": 0.001}, why="wild")
    worker.report(Done(number=back.number, step=5))
    done = training.answered(back)[0]
    assert (done.state, done.step, done.child) == ("applied", 5, 1)
    child = BabysatTrial(training._client, training.study_id, 1)
    assert child.view.params == {"rate": 0.001, "width": 3}
    assert child.view.origin is not None
    assert child.view.origin.in_place
    assert training.view.stop_asked


def test_forks_run_beside_it_until_one_is_kept(training: BabysatTrial, worker: Worker) -> None:
    fork = training.fork({"rate": 0.1}, steps=50)
    spread = training.spread(2)
    for each in (fork, *spread):
        worker.report(Done(number=each.number, step=5))
    assert [each.child for each in training.answered([fork, *spread])] == [1, 2, 3]
    kept = BabysatTrial(training._client, training.study_id, 1)
    assert [each.number for each in kept.keep()] == [0, 2, 3]


def test_a_trial_that_ended_is_taken_up_and_replayed(
    training: BabysatTrial, worker: Worker, api: Serving
) -> None:
    """As a study of its own; or with its schedule, by a fresh trial."""
    asked = training.set({"rate": 0.1})
    worker.report(Done(number=asked[0].number, step=10, before=0.01))
    schedule = training.schedule()
    with caviar.connect(api.url, TOKEN) as service:
        study = service.study("by-hand")
        added = study.add(schedule.params, seed=schedule.seed, schedule=schedule.schedule)
        assert added.trial == 1
        assert study.babysit(1).schedule() == schedule
        worker.finish()
        more = service.study(training.panda("more").id)
        assert more.view.mode == "panda"
        assert more.view.name == "more"


def test_a_study_without_a_nurse_says_so(training: BabysatTrial, api: Serving) -> None:
    with caviar.connect(api.url, TOKEN) as service:
        with pytest.raises(InputError, match="no nurse"):
            service.study("by-hand").nurse()
        nursed = STUDY.replace("by-hand", "nursed") + "nurse: {parameter: rate, steps: 300}\n"
        study = service.submit(nursed)
        assert study.nurse().on
        assert not study.switch_nurse(False).on
