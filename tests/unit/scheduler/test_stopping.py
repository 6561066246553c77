"""What the scheduler knows at the rungs: from heartbeats and reports, on a real SQLite store."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from caviar.adapters.sql import Store, migrate, open_engine
from caviar.contract.messages import (
    VALUES,
    ClaimRequest,
    Finish,
    Heartbeat,
    Held,
    Hello,
    Outcome,
    StopRule,
    Ticket,
)
from caviar.contract.views import Submission
from caviar.scheduler import Scheduler

STUDY = """
name: parabola
metric: {name: loss, goal: minimize}
trainer: {%s}
space:
  x: {type: float, low: -1.0, high: 1.0}
search: {strategy: random, seed: 0}
budget: {trials: 500, target: 0.05}
%s
"""
Curve = tuple[tuple[int, float | None], ...]


def curve(value: float | None, last: int = 39) -> Curve:
    """A training of 40 steps that has the same value all the time, as far as ``last``."""
    marks = [step for step in (0, 2, 8, 26, 39) if step <= last]
    return tuple((step, value) for step in marks)


class Bench:
    """A scheduler with two workers, and the tickets that it sent."""

    def __init__(self, path: Path, stop: str = "", trainer: str = 'function: "a:b"') -> None:
        engine = open_engine(f"sqlite:///{path}")
        migrate(engine)
        self.store = Store(engine)
        self.tickets: list[Ticket] = []
        self.restart()
        self.study = self.scheduler.submit(Submission(text=STUDY % (trainer, stop))).id

    def restart(self) -> None:
        self.scheduler = Scheduler(
            self.store,
            lambda ticket, _: self.tickets.append(ticket),
            lease_s=60,
            claim_s=60,
            clock=lambda: 0.0,
        )
        for host in ("here", "there"):
            self.scheduler.hello(Hello(host=host, incarnation=host, slots=1))

    def claim(self, host: str = "here") -> tuple[str, StopRule | None]:
        """Claim the next trial; its id and the rule that came with it."""
        self.scheduler.tick()
        ticket = self.tickets.pop(0)
        answer = self.scheduler.claim(
            ClaimRequest(
                trial=ticket.trial,
                attempt=ticket.attempt,
                nonce="nonce-00",
                host=host,
                incarnation=host,
                slot=0,
            )
        )
        assert answer.assignment is not None
        return ticket.trial, answer.assignment.stop

    def rule(self) -> StopRule:
        found = self.claim()[1]
        assert found is not None
        return found

    def beat(self, trial: str, points: Curve, host: str = "here") -> dict[str, StopRule]:
        held = Held(trial=trial, attempt=1, curve=points)
        message = Heartbeat(host=host, incarnation=host, free=0, held=(held,))
        return self.scheduler.heartbeat(message).rules

    def finish(self, trial: str, points: Curve, outcome: Outcome = "done") -> None:
        verdict = self.scheduler.finish(
            Finish(
                trial=trial,
                attempt=1,
                nonce="nonce-00",
                outcome=outcome,
                value=points[-1][1] if points else 0.5,
                curve=points,
            )
        ).verdict
        assert verdict == "accepted"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "caviar.db")


def test_nobody_knows_the_rungs_before_a_trial_has_trained_whole(bench: Bench) -> None:
    """Then they are at a third and a ninth of it, and the values from before count as well."""
    first, rule = bench.claim()
    assert rule == StopRule(reduction=3)
    second, _ = bench.claim("there")
    bench.beat(second, curve(0.7, last=8), host="there")
    bench.finish(first, curve(0.5))
    rule = bench.rule()
    assert (rule.first, rule.last, rule.rungs) == (0, 39, (2, 8))
    assert rule.values == ((0.5, 0.7), (0.5, 0.7))


def test_a_worker_is_not_told_of_its_own_running_trials(bench: Bench) -> None:
    """It knows them itself, and sooner; counted twice they would crowd the rung."""
    ended, _ = bench.claim()
    bench.finish(ended, curve(0.5))
    here, _ = bench.claim()
    there, _ = bench.claim("there")
    bench.beat(here, curve(0.6, last=2))
    rules = bench.beat(there, curve(0.7, last=2), host="there")
    assert rules[bench.study].values == ((0.5, 0.6), (0.5,))
    assert bench.beat(here, curve(0.6, last=2))[bench.study].values == ((0.5, 0.7), (0.5,))


def test_a_restart_forgets_nothing_for_long(bench: Bench) -> None:
    """What ended is in SQL, what runs comes with the next heartbeat."""
    ended, _ = bench.claim()
    bench.finish(ended, curve(0.5))
    running, _ = bench.claim("there")
    bench.beat(running, curve(0.7, last=2), host="there")
    before = bench.rule()
    bench.restart()
    bench.beat(running, curve(0.7, last=2), host="there")
    assert bench.rule() == before


def test_a_stopped_trial_is_kept_with_its_curve_and_is_no_best(bench: Bench) -> None:
    """Its value would even reach the target: it counts in the budget, not as a result."""
    first, _ = bench.claim()
    bench.finish(first, curve(0.5))
    second, _ = bench.claim()
    bench.finish(second, curve(0.01, last=2), outcome="stopped")
    bench.scheduler.tick()
    record = bench.store.study(bench.study)
    assert record is not None
    assert record.state == "running"
    row = bench.store.trial(second)
    assert row is not None
    assert row.state == "stopped"
    result = row.result()
    assert (result.stopped, result.value, result.succeeded) == (True, 0.01, False)
    assert result.curve == ((0, 0.01), (2, 0.01))
    best = bench.store.best(bench.study, maximize=False)
    assert best is not None
    assert best.id == first
    assert bench.rule().values == ((0.01, 0.5), (0.5,))


def test_a_nan_counts_as_the_worst(bench: Bench) -> None:
    """It is told as no number, behind all others, and the search does not see it."""
    for value in (None, 0.5):
        trial, _ = bench.claim()
        bench.finish(trial, curve(value), outcome="done" if value else "failed")
    assert bench.rule().values == ((0.5, None), (0.5, None))
    row = bench.store.trial(f"{bench.study}-0")
    assert row is not None
    assert row.result().curve == ()


def test_what_running_trials_have_reported_can_be_looked_at(bench: Bench) -> None:
    """Of those that run, by number, what heartbeats told so far; nothing of one that ended, or of another study."""
    first, _ = bench.claim()
    second, _ = bench.claim("there")
    bench.beat(first, curve(0.5, last=8))
    assert bench.scheduler.curves(bench.study) == {0: ((0, 0.5), (2, 0.5), (8, 0.5))}
    bench.beat(second, curve(0.4, last=2), "there")
    bench.finish(first, curve(0.5))
    assert bench.scheduler.curves(bench.study) == {1: ((0, 0.4), (2, 0.4))}
    assert bench.scheduler.curves("nowhere") == {}


def test_a_trial_that_went_on_elsewhere_keeps_its_first_part(bench: Bench) -> None:
    """The second attempt starts from a checkpoint: the rungs below were passed by the first one."""
    trial, _ = bench.claim()
    bench.beat(trial, curve(0.5, last=8))
    bench.scheduler.hello(Hello(host="here", incarnation="again", slots=1))
    bench.scheduler.tick()
    (ticket,) = [ticket for ticket in bench.tickets if ticket.trial == trial]
    answer = bench.scheduler.claim(
        ClaimRequest(
            trial=trial, attempt=2, nonce="nonce-02", host="here", incarnation="again", slot=0
        )
    )
    assert answer.granted
    message = Finish(
        trial=trial,
        attempt=ticket.attempt,
        nonce="nonce-02",
        outcome="done",
        value=0.4,
        curve=((10, 0.45), (26, 0.4), (39, 0.4)),
    )
    bench.scheduler.finish(message)
    row = bench.store.trial(trial)
    assert row is not None
    assert [step for step, _ in row.curve] == [0, 2, 8, 10, 26, 39]


def test_a_curve_without_its_start_is_not_compared(bench: Bench) -> None:
    """The scheduler restarted and the first attempt's part is lost: its value at step 10 is none at step 2."""
    first, _ = bench.claim()
    bench.finish(first, curve(0.5))
    second, _ = bench.claim()
    bench.finish(second, ((10, 0.1), (26, 0.1), (39, 0.1)))
    assert bench.rule().values == ((0.5,), (0.5,))


@pytest.mark.parametrize("point", [(-1, 0.5), (2**63, 0.5), (0, float("nan")), (0, float("inf"))])
def test_a_point_that_is_none_is_refused(point: tuple[int, float]) -> None:
    """A worker is not trusted: steps are whole numbers from 0 up, values finite or none."""
    with pytest.raises(ValidationError):
        Held(trial="a-1", attempt=1, curve=(point,))
    with pytest.raises(ValidationError):
        Held(trial="a-1", attempt=1, curve=((0, 0.5),) * 257)


def test_many_values_are_thinned(bench: Bench) -> None:
    """A claim stays small however many trials a study has."""
    for number in range(VALUES + 60):
        trial, _ = bench.claim()
        bench.finish(trial, curve(0.1 + number))
    values = bench.rule().values[0]
    assert len(values) == VALUES
    assert list(values) == sorted(values)  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("stop", "trainer"),
    [("stop: none", 'function: "a:b"'), ("", "command: [train]")],
)
def test_a_study_may_say_no(tmp_path: Path, stop: str, trainer: str) -> None:
    """And a command's values are in MLflow: nothing of it is stopped."""
    bench = Bench(tmp_path / "caviar.db", stop, trainer)
    trial, rule = bench.claim()
    assert rule is None
    assert bench.beat(trial, ()) == {}


def test_a_study_may_say_from_where_on(tmp_path: Path) -> None:
    """A rung that the study names counts before anybody knows how long a training is."""
    bench = Bench(tmp_path / "caviar.db", "stop: {reduction: 4, min_steps: 3}")
    trial, rule = bench.claim()
    assert rule == StopRule(reduction=4, min_steps=3)
    bench.beat(trial, ((1, 0.5), (3, 0.5)))
    assert bench.rule().rungs == (3,)
