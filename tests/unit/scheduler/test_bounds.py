"""A study that bounds other metrics: what counts as its best, and what it says where nothing fits."""

from __future__ import annotations

from pathlib import Path

import pytest

from caviar.adapters.sql import TrialRow
from caviar.api.present import Presenter
from caviar.contract.messages import Finish
from caviar.contract.views import Submission
from caviar.studies.constraints import Constraint, beyond, judged, violation
from tests.unit.scheduler.test_scheduler import STUDY, Bench

BOUNDS = "constraints: {latency_ms: {max: 50}, accuracy: {min: 0.5}}\n"


class Bounded(Bench):
    def begin(self, trials: int = 3, budget: str = "") -> str:
        self.hello()
        return self.scheduler.submit(Submission(text=STUDY % (trials, budget) + BOUNDS)).id

    def train(self, value: float, **metrics: float) -> TrialRow:
        """The next trial, done with these numbers."""
        self.scheduler.tick()
        ticket = self.tickets.pop(0)
        assert self.claim(ticket) is not None
        finish = Finish(
            trial=ticket.trial,
            attempt=ticket.attempt,
            nonce="nonce-00",
            outcome="done",
            value=value,
            metrics=metrics,
        )
        assert self.scheduler.finish(finish).verdict == "accepted"
        self.scheduler.tick()
        row = self.store.trial(ticket.trial)
        assert row is not None
        return row


@pytest.fixture
def bench(tmp_path: Path) -> Bounded:
    return Bounded(tmp_path / "caviar.db")


def test_only_trials_within_the_bounds_can_be_the_best(bench: Bounded) -> None:
    """The better loss costs too many milliseconds: it is shown, with what it is beyond, and is not the best."""
    study = bench.begin()
    fast = bench.train(0.5, latency_ms=50.0, accuracy=0.9)
    slow = bench.train(0.1, latency_ms=63.0, accuracy=0.9)
    assert (fast.violation, slow.violation) == (0.0, pytest.approx(13 / 50))
    record = bench.store.study(study)
    assert record is not None
    presenter = Presenter(bench.store, bench.scheduler, "")
    view = presenter.study(record)
    assert view.best is not None
    assert view.best.trial == fast.number
    assert view.constraints == ["latency_ms <= 50", "accuracy >= 0.5"]
    assert presenter.trial(slow).beyond == "latency_ms (63 > 50)"
    assert presenter.trial(fast).beyond == ""


def test_a_trial_that_does_not_say_a_bounded_metric_fails(bench: Bounded) -> None:
    """Nobody could say whether it keeps the bound: the error names the metric and the way out."""
    bench.begin()
    row = bench.train(0.1, latency_ms=3.0)
    assert (row.state, row.result().value) == ("failed", None)
    assert "'accuracy'" in row.error
    assert "trial.report(step, accuracy=...)" in row.error


def test_a_target_counts_only_within_the_bounds(bench: Bounded) -> None:
    """A loss that is good enough and too slow does not end the study."""
    study = bench.begin(budget=", target: 0.2")
    bench.train(0.1, latency_ms=63.0, accuracy=0.9)
    assert bench.store.study(study).state == "running"  # type: ignore[union-attr]
    bench.train(0.2, latency_ms=40.0, accuracy=0.9)
    assert bench.store.study(study).reason == "target 0.2 reached"  # type: ignore[union-attr]


def test_a_study_in_which_nothing_fits_says_so(bench: Bounded) -> None:
    """It is done, it has no best, and names the trial that came nearest to the bounds."""
    study = bench.begin()
    for latency in (90.0, 53.0, 60.0):
        bench.train(0.1, latency_ms=latency, accuracy=0.9)
    record = bench.store.study(study)
    assert record is not None
    assert record.state == "done"
    assert record.reason == (
        "no trial kept latency_ms <= 50 and accuracy >= 0.5; "
        "the nearest was trial 1 with latency_ms 53, accuracy 0.9"
    )
    assert bench.store.best(study, maximize=False) is None


def test_violations_add_up_in_shares_of_their_bounds() -> None:
    """So that milliseconds and shares of one can be compared; a bound of 0 divides by nothing."""
    bounds = (
        Constraint("a", max=50.0),
        Constraint("b", min=0.5, max=0.9),
        Constraint("c", max=0.0),
    )
    assert violation(bounds, {"a": 60.0, "b": 0.4, "c": -1.0}) == pytest.approx(0.2 + 0.2)
    assert violation(bounds, {"a": 50.0, "b": 0.9, "c": 0.0}) == 0.0
    assert violation(bounds, {"c": 1e-3}) > 0.0
    assert beyond(bounds, {"a": 60.0, "b": 0.4}) == "a (60 > 50), b (0.4 < 0.5)"
    assert [str(bound) for bound in bounds] == ["a <= 50", "0.5 <= b <= 0.9", "c <= 0"]


def test_only_a_trial_that_is_done_owes_its_bounded_metrics() -> None:
    """One that was stopped early cannot be the best anyway."""
    finish = Finish(trial="s-0", attempt=1, nonce="n", outcome="stopped", value=0.1)
    assert judged((Constraint("a", max=1.0),), finish) == (finish, 0.0)
    assert judged((), finish.model_copy(update={"outcome": "done"}))[0].outcome == "done"
