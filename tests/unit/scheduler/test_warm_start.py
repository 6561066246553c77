"""A study that starts from what is known: earlier studies, a person's points, results told by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from caviar.adapters.sql import Store, migrate, open_engine
from caviar.contract.messages import ClaimRequest, Finish, Hello, Ticket
from caviar.contract.views import NewTrial, Submission
from caviar.errors import InputError, NotAllowed
from caviar.scheduler import Scheduler

STUDY = """name: {name}
metric: {{name: {metric}, goal: minimize}}
trainer: {{function: "parabola:train"}}
space:
  lr: {{type: float, low: 0.0, high: {high}}}
  layers: {{type: int, low: 1, high: 4, default: 2}}
budget: {{trials: {trials}}}
{more}
"""


class Bench:
    """A scheduler on a real SQLite store; its tickets are trained when the test says so."""

    def __init__(self, path: Path) -> None:
        engine = open_engine(f"sqlite:///{path}")
        migrate(engine)
        self.store = Store(engine)
        self.tickets: list[Ticket] = []
        self.restart()

    def restart(self) -> None:
        self.scheduler = Scheduler(
            self.store,
            lambda ticket, _: self.tickets.append(ticket),
            lease_s=60,
            claim_s=60,
            clock=lambda: 0.0,  # no turn takes long
        )
        self.scheduler.hello(Hello(host="host", incarnation="one", slots=1))

    def submit(
        self,
        name: str = "parabola",
        *,
        more: str = "",
        trials: int = 20,
        high: float = 1.0,
        metric: str = "loss",
    ) -> str:
        text = STUDY.format(name=name, metric=metric, high=high, trials=trials, more=more)
        return self.scheduler.submit(Submission(text=text)).id

    def train(self, count: int, loss: Callable[[float], float] = lambda x: (x - 0.6) ** 2) -> list:
        """The next ``count`` trials as a worker would; returns their tickets."""
        trained = []
        for _ in range(count):
            self.scheduler.tick()
            ticket = self.tickets.pop(0)
            ask = {"trial": ticket.trial, "attempt": ticket.attempt, "nonce": "nonce-00"}
            claim = ClaimRequest(**ask, host="host", incarnation="one", slot=0)
            assert self.scheduler.claim(claim).granted
            value = loss(float(ticket.params["lr"]))
            self.scheduler.finish(Finish(**ask, outcome="done", value=value))
            trained.append(ticket)
        return trained

    def end(self, study: str) -> None:
        self.scheduler.stop(study)
        self.scheduler.tick()
        self.tickets.clear()

    def add(self, study: str, value: float | None = None, **params: str) -> int | None:
        return self.scheduler.add(study, NewTrial(params=dict(params), value=value)).trial


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "caviar.db")


@pytest.fixture
def earlier(bench: Bench) -> str:
    """A study of ten trials that has ended."""
    study = bench.submit("earlier")
    bench.train(10)
    bench.end(study)
    return study


def test_the_best_of_an_earlier_study_is_tried_first(bench: Bench, earlier: str) -> None:
    """After the very first trial; the results themselves stay with the earlier study."""
    best = bench.store.best(earlier, maximize=False)
    assert best is not None
    study = bench.submit(more="warm_start: {studies: [earlier]}")
    first = bench.train(3)
    assert first[1].params == pytest.approx(best.params)
    assert {row.source for row in bench.store.priors(study)} == {f"study:{earlier}"}
    assert len(bench.store.priors(study)) == 10
    assert bench.store.counts(study)["done"] == 3


def test_the_study_says_what_it_read(bench: Bench, earlier: str) -> None:
    """Values outside the new bounds are left out and counted."""
    study = bench.submit(high=0.5, more=f"warm_start: {{studies: ['{earlier[:6]}']}}")
    record = bench.store.study(study)
    assert record is not None
    (note,) = record.notes
    taken = len(bench.store.priors(study))
    assert 0 < taken < 10
    assert note["text"] == (
        f"{taken} trials read from study earlier ({earlier}), {10 - taken} left out: lr outside [0, 0.5]"
    )


def test_another_metric_is_another_thing(bench: Bench, earlier: str) -> None:
    """Accuracies tell nothing about losses: only values under the same name count, and the study says so."""
    study = bench.submit(metric="accuracy", more="warm_start: {studies: [earlier]}")
    record = bench.store.study(study)
    assert record is not None
    assert bench.store.priors(study) == []
    assert record.notes[0]["warning"]
    assert record.notes[0]["text"].endswith("10 left out: without accuracy")


def test_an_unknown_study_is_refused_with_its_line(bench: Bench, earlier: str) -> None:
    """Nothing is written."""
    with pytest.raises(InputError) as raised:
        bench.submit(more="warm_start:\n  studies: [earlier, earlyer]")
    (problem,) = raised.value.problems
    assert (problem.path, problem.line) == (("warm_start", "studies", "1"), 9)
    assert "Did you mean earlier?" in str(problem)
    assert [record.id for record in bench.store.studies()] == [earlier]


def test_experiments_are_left_to_the_job_that_talks_to_mlflow(bench: Bench) -> None:
    """The study starts at once; it is primed when somebody has read them."""
    study = bench.submit(more="warm_start: {experiments: [vision]}")
    record = bench.store.study(study)
    assert record is not None
    assert not record.primed
    assert len(bench.train(2)) == 2


def test_results_that_arrive_later_are_tried_as_well(bench: Bench) -> None:
    """MLflow answered after the first trials were out: the next one is the best point from there."""
    study = bench.submit()
    bench.train(3)
    known = [({"lr": x, "layers": 2}, (x - 0.6) ** 2) for x in (0.1, 0.61, 0.9)]
    bench.store.add_priors(study, "experiment:vision", known)
    bench.scheduler._rounds_read = (
        -1e9
    )  # it looks for news ten times a second; the test does not wait
    trained = bench.train(3)
    assert pytest.approx({"lr": 0.61, "layers": 2}) in [ticket.params for ticket in trained]


def test_a_restart_proposes_the_same(bench: Bench, earlier: str) -> None:
    """What is known from elsewhere is in SQL, not in the scheduler's memory."""
    bench.submit(more="warm_start: {studies: [earlier]}")
    bench.train(2)
    bench.scheduler.tick()
    waiting = bench.tickets[0].params
    bench.tickets.clear()
    bench.restart()
    bench.scheduler.tick()
    assert bench.tickets[0].params == waiting


def test_points_of_the_file_are_the_first_trials(bench: Bench) -> None:
    """In their order, a part of the budget, and marked as a person's."""
    study = bench.submit(more="warm_start: {points: [{lr: 0.2}, {lr: 0.7, layers: 4}]}", trials=4)
    trained = bench.train(4)
    assert [ticket.params["lr"] for ticket in trained[:2]] == [0.2, 0.7]
    assert [row.kind for row in bench.store.trials(study)] == ["added", "added", "search", "search"]
    bench.scheduler.tick()
    record = bench.store.study(study)
    assert record is not None
    assert record.state == "done"


def test_an_added_point_is_trained_next(bench: Bench) -> None:
    """Before the search's own proposals that are not out yet."""
    study = bench.submit()
    bench.train(2)
    number = bench.add(study, lr="0.25")
    row = bench.store.trial(f"{study}-{number}")
    assert row is not None
    assert (row.state, row.kind, row.params) == ("queued", "added", {"lr": 0.25, "layers": 2})
    bench.scheduler.tick()
    after = bench.train(3)
    assert number in [ticket.number for ticket in after]


def test_an_added_point_survives_a_restart(bench: Bench) -> None:
    """It is in SQL before the answer is given."""
    study = bench.submit()
    number = bench.add(study, lr="0.25")
    bench.restart()
    assert number in [ticket.number for ticket in bench.train(3)]


def test_a_point_is_not_trained_twice(bench: Bench) -> None:
    """Whether it is done or on its way, its trial is named."""
    study = bench.submit()
    (done,) = bench.train(1)
    given = {name: str(value) for name, value in done.params.items()}
    with pytest.raises(InputError, match="trial 0 of this study tried this point"):
        bench.add(study, **given)
    number = bench.add(study, lr="0.25")
    with pytest.raises(InputError, match=f"trial {number} .* it is queued"):
        bench.add(study, lr="0.25", layers="2")


def test_the_budget_is_not_overrun_by_hand(bench: Bench) -> None:
    """A spent budget or an ended study says so; a known result is still taken while the study goes on."""
    study = bench.submit(trials=2)
    bench.scheduler.tick()
    with pytest.raises(NotAllowed, match="all 2 trials are given out"):
        bench.add(study, lr="0.25")
    assert bench.add(study, lr="0.25", value=0.1) is None
    bench.end(study)
    with pytest.raises(NotAllowed, match="stopped"):
        bench.add(study, lr="0.3", value=0.1)


def test_a_result_known_by_hand_is_taken_once(bench: Bench) -> None:
    """A command given twice does not count twice."""
    study = bench.submit()
    bench.add(study, lr="0.25", value=0.1)
    with pytest.raises(InputError, match=r"known by hand already, with 0\.1"):
        bench.add(study, lr="0.25", value=0.1)
    (row,) = bench.store.priors(study)
    assert (row.number, row.source, row.value) == (0, "by hand", 0.1)
    assert row.result().params == {"lr": 0.25, "layers": 2}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_not_finite_is_refused(bench: Bench, value: float) -> None:
    """It would mean that training failed, and what failed elsewhere may work here."""
    with pytest.raises(InputError, match="not a finite number"):
        bench.add(bench.submit(), lr="0.25", value=value)
