"""The end of a study that confirms its leaders, on the clock and the queue of the scheduler's other tests."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caviar.adapters.sql import StudyRecord, TrialRow, standing
from caviar.api.present import Presenter
from caviar.contract.messages import Assignment, Outcome, Ticket
from caviar.contract.views import StudyView, Submission
from caviar.errors import InputError
from caviar.studies.life import trial_seed
from caviar.studies.spec import load_study
from tests.unit.scheduler.test_scheduler import STUDY, Bench

Train = Callable[[Assignment], tuple[float | None, Outcome]]


class Confirming(Bench):
    """Trains whatever is dispatched, one trial after the other."""

    def begin(self, trials: int = 9, confirm: int = 1, budget: str = "", **others: str) -> str:
        text = STUDY % (trials, budget) + f"confirm: {confirm}\n"
        for before, after in others.items():
            text = text.replace(before, after)
        self.hello()
        return self.scheduler.submit(Submission(text=text)).id

    def step(self, train: Train) -> Ticket | None:
        """One trial; None where nothing waits."""
        self.scheduler.tick()
        for ticket in self.tickets:
            assignment = self.claim(ticket, f"nonce-{ticket.number:03d}-{ticket.attempt}")
            if assignment is not None:
                value, outcome = train(assignment)
                self.finish(ticket, value, outcome, f"nonce-{ticket.number:03d}-{ticket.attempt}")
                self.tickets.remove(ticket)
                return ticket
        return None

    def finished(self, study: str, train: Train) -> list[TrialRow]:
        while self.step(train) is not None:
            assert len(self.store.trials(study)) <= 60
        self.scheduler.tick()
        return self.store.trials(study)

    def record(self, study: str) -> StudyRecord:
        found = self.store.study(study)
        assert found is not None
        return found

    def view(self, study: str) -> StudyView:
        return Presenter(self.store, self.scheduler, "").study(self.record(study))


@pytest.fixture
def bench(tmp_path: Path) -> Confirming:
    return Confirming(tmp_path / "caviar.db")


def falling(assignment: Assignment) -> tuple[float, Outcome]:
    """The later a trial of the search, the better; new runs give what their number says, 0.1 and more."""
    number = assignment.number
    return (0.1 * number if assignment.repeats is not None else 1.0 - 0.1 * number), "done"


def test_the_leaders_train_again_on_new_seeds_within_the_budget(bench: Confirming) -> None:
    """Of nine trials the search has six; the three best train once more, with seeds of their own."""
    study = bench.begin()
    rows = bench.finished(study, falling)
    assert [row.kind for row in rows] == ["search"] * 6 + ["confirm"] * 3
    assert [row.repeats for row in rows[6:]] == [5, 4, 3]
    for row in rows[6:]:
        assert row.params == rows[row.repeats or 0].params
        assert row.seed == trial_seed(0, row.number) != rows[row.repeats or 0].seed
    assert bench.record(study).state == "done"


def test_the_best_is_the_leader_with_the_best_new_runs(bench: Confirming) -> None:
    """Trial 5 has the best value, and trial 4 behaves better on new seeds: its new runs are the headline."""

    def train(assignment: Assignment) -> tuple[float, Outcome]:
        luck = {5: 0.8, 4: 0.4, 3: 0.6}
        if assignment.repeats is not None:
            return luck[assignment.repeats] + 0.01 * (assignment.number % 2), "done"
        return falling(assignment)

    study = bench.begin(trials=18, confirm=2)
    bench.finished(
        study, lambda a: train(a) if a.number < 6 or a.repeats is not None else (9.0, "done")
    )
    best = bench.view(study).best
    assert best is not None
    assert best.confirmed is not None
    assert (best.trial, best.value) == (4, pytest.approx(0.6))
    assert (best.confirmed.runs, best.confirmed.rivals) == (2, [3, 5])
    assert best.confirmed.mean == pytest.approx(0.4, abs=0.01)
    (listed,) = Presenter(bench.store, bench.scheduler, "").studies()
    assert listed.best == best.confirmed.mean


def test_new_runs_are_not_the_searchs_results(bench: Confirming) -> None:
    """The luckiest of nine new runs is no leader, and reaches no target."""
    study = bench.begin(budget=", target: -5")
    rows = bench.finished(study, lambda a: (-9.0 if a.repeats is not None else 1.0, "done"))
    best = bench.store.best(study, maximize=False)
    assert best is not None
    assert best.kind == "search"
    assert len(rows) == 9
    assert bench.record(study).reason == ""


def test_a_target_is_confirmed_before_the_study_ends(bench: Confirming) -> None:
    """Good enough by one run: the search ends there, and the leaders say whether it was luck."""
    study = bench.begin(trials=30, budget=", target: 0.85")
    rows = bench.finished(study, falling)
    searched = [row for row in rows if row.kind == "search"]
    assert len(searched) < 6
    assert len(rows) == len(searched) + min(3, len(searched))
    record = bench.record(study)
    assert (record.state, record.reason) == ("done", "target 0.85 reached")
    assert bench.view(study).best.confirmed is not None  # type: ignore[union-attr]


def test_a_study_that_is_stopped_confirms_nothing(bench: Confirming) -> None:
    """Stopped among its new runs: the best is that of the search, and not confirmed."""
    study = bench.begin()
    for _ in range(7):
        bench.step(falling)
    bench.scheduler.stop(study)
    bench.scheduler.tick()
    best = bench.view(study).best
    assert best is not None
    assert (best.trial, best.confirmed) == (5, None)


def test_a_study_without_time_confirms_nothing(bench: Confirming) -> None:
    """Hours are a promise: they end the study at once, in its search or after it."""
    study = bench.begin(budget=", hours: 1")
    for _ in range(7):
        bench.step(falling)
    bench.now += 3601
    bench.scheduler.tick()
    record = bench.record(study)
    assert (record.state, record.reason) == ("done", "1 hours are over")
    assert bench.view(study).best.confirmed is None  # type: ignore[union-attr]


def test_a_restart_goes_on_with_the_same_leaders(bench: Confirming) -> None:
    """What the trials say is all that there is to know."""
    study = bench.begin(trials=18, confirm=2)
    for _ in range(13):
        bench.step(lambda a: (abs(a.number - 4.2), "done"))
    bench.tickets.clear()
    bench.restart()
    rows = bench.finished(study, lambda a: (abs(a.number - 4.2), "done"))
    assert [row.repeats for row in rows if row.kind == "confirm"] == [4, 5, 3, 4, 5, 3]


def test_nothing_is_confirmed_where_nothing_worked(bench: Confirming) -> None:
    """No leader, no new run: the study has failed, with the rest of its budget unspent."""
    study = bench.begin()
    rows = bench.finished(study, lambda _: (None, "failed"))
    assert len(rows) == 6
    assert bench.record(study).state == "failed"


def test_a_finished_grid_is_confirmed(bench: Confirming) -> None:
    """The grid is as fine as what the budget leaves for it; its leaders come after it."""
    study = bench.begin(random="grid")
    rows = bench.finished(study, falling)
    assert [row.kind for row in rows].count("confirm") == 3
    assert len(rows) <= 9
    assert bench.record(study).state == "done"


def test_a_budget_that_cannot_carry_it_is_refused() -> None:
    """Before anything starts, with the budgets that can."""
    with pytest.raises(
        InputError, match="A budget of 9 trials carries them, and 27 those of three"
    ):
        load_study(STUDY % (4, "") + "confirm: 3\n")


@settings(max_examples=25)
@given(
    st.integers(1, 30),
    st.integers(0, 20),
    st.sampled_from(["", ", target: 0.3"]),
    st.sampled_from(["random", "grid", "zoom"]),
    st.lists(st.sampled_from(["done", "failed", "crashed", "released"]), max_size=40),
)
def test_never_a_trial_over_the_budget(
    trials: int, confirm: int, target: str, strategy: str, ends: list[Outcome]
) -> None:
    """Whatever the budget, the number of new seeds, and whatever becomes of trials; and every study ends."""
    text = STUDY % (trials, target) + f"confirm: {confirm}\n"
    try:
        load_study(text)
    except InputError:
        assert confirm > trials / 3
        return
    outcomes = iter(ends)

    def train(assignment: Assignment) -> tuple[float | None, Outcome]:
        outcome = next(outcomes, "done")
        return (assignment.seed / 2**31 if outcome == "done" else None), outcome

    with tempfile.TemporaryDirectory() as folder:
        bench = Confirming(Path(folder) / "caviar.db")
        study = bench.begin(trials, confirm, target, random=strategy)
        rows = bench.finished(study, train)
        record = bench.record(study)
        stands = standing(bench.store, record, load_study(record.source))
        bench.store._engine.dispose()
    again = [row for row in rows if row.kind == "confirm"]
    assert len(rows) <= trials
    assert len(again) <= trials / 3
    assert len(again) <= confirm * len({row.repeats for row in again})
    assert record.state in ("done", "failed")
    values = [row for row in again if row.state == "done"]
    assert (stands.confirmation is not None) == bool(values)
