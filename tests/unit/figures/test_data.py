"""Pictures as data, from a store: what they show of a long study, and that small and odd ones have them too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from caviar.adapters.sql import Store, StudyRecord, migrate, open_engine
from caviar.adapters.sql.tables import trials
from caviar.contract.figures import CurvesView, ProgressView, ZoomView
from caviar.contract.messages import ParameterValue
from caviar.figures.data import Name, StudyFigure, figure
from caviar.search import first_round
from caviar.studies.spec import load_study
from tests.support.large_study import make_large_study

NAMES: tuple[Name, ...] = ("progress", "zoom", "importance", "parallel", "curves", "confirmation")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('store') / 'a.db'}")
    migrate(engine)
    yield Store(engine)
    engine.dispose()


@pytest.fixture(scope="module")
def long(store: Store) -> StudyRecord:
    """3,000 trials, ended."""
    return record_of(store, make_large_study(store, 3000, 40))


def record_of(store: Store, study: str) -> StudyRecord:
    record = store.study(study)
    assert record is not None
    return record


def drawn(store: Store, record: StudyRecord, name: Name, **running: Any) -> Any:
    study = load_study(record.source, record.filename)
    found: StudyFigure = figure(name, store, record, study, running.get("running", {}))
    return found


def submitted(store: Store, strategy: str = "random") -> StudyRecord:
    source = f"""
name: small
metric: {{name: loss, goal: minimize}}
trainer: {{function: "small:train"}}
space:
  rate: {{type: float, low: 1.0e-4, high: 1.0, scale: log}}
  solver: {{type: categorical, choices: [sgd, adam]}}
  momentum: {{type: float, low: 0.0, high: 0.9, when: {{solver: [sgd]}}}}
search: {{strategy: {strategy}}}
budget: {{trials: 30}}
"""
    study = load_study(source)
    return store.add_study(
        name="small",
        fingerprint="f",
        source=source,
        filename="small.yaml",
        folder=None,
        code_version=None,
        user=None,
        first_round=first_round(study.space, study.search_settings).to_json(),
    )


def ended(store: Store, record: StudyRecord, number: int, **values: Any) -> None:
    """A trial with what ``values`` say of it."""
    params: dict[str, ParameterValue] = {"rate": 0.01, "solver": "adam"}
    row = store.add_trial(record.id, number, 0, params, 0)
    assert row is not None
    known = {"state": "done", "ended": record.created + 60 * (number + 1), "seconds": 30.0}
    with store.engine.begin() as connection:
        connection.execute(trials.update().where(trials.c.id == row.id).values(known | values))


@pytest.mark.parametrize("strategy", ["random", "sobol", "grid", "zoom"])
@pytest.mark.parametrize("name", NAMES)
def test_a_study_has_its_pictures_before_its_first_trial(
    store: Store, strategy: str, name: Name
) -> None:
    """Whatever its strategy: the axes and the first box are there, and nothing else."""
    view = drawn(store, submitted(store, strategy), name)
    assert view.name == "small"
    if isinstance(view, ZoomView):
        assert [axis.name for axis in view.axes] == ["rate", "solver", "momentum"]
        assert [box.box["solver"] for box in view.rounds] == [(0.0, 1.0)]
        assert view.dots.number == []


def test_the_columns_of_the_zoom_are_of_equal_length(store: Store, long: StudyRecord) -> None:
    """Every trial has a place, or none where the parameter is not active; few are shown of many."""
    view = drawn(store, long, "zoom")
    dots = view.dots
    count = len(dots.number)
    assert 300 < count <= 800 < dots.of
    columns = [dots.round, dots.state, dots.kind, dots.value, dots.rank]
    columns += [*dots.positions.values(), *dots.values.values()]
    assert {len(column) for column in columns} == {count}
    momentum = dots.positions["momentum"]
    assert [place is not None for place in momentum] == [
        choice == "sgd" for choice in dots.values["optimizer"]
    ]
    placed = [place for column in dots.positions.values() for place in column if place is not None]
    assert 0.0 <= min(placed) <= max(placed) <= 1.0


def test_the_best_trial_has_rank_1(store: Store, long: StudyRecord) -> None:
    """It is always among those that are shown; who failed has no rank."""
    dots = drawn(store, long, "zoom").dots
    best = store.best(long.id, True)
    assert best is not None
    assert dots.rank[dots.number.index(best.number)] == 1.0
    assert [rank is None for rank in dots.rank] == [value is None for value in dots.value]


def test_a_box_says_where_it_is_and_why(store: Store, long: StudyRecord) -> None:
    """Its sides as positions and in words, what was kept left out; a round that was taken back is marked."""
    rounds = drawn(store, long, "zoom").rounds
    assert [box.first for box in rounds[1:]] == [box.last for box in rounds[:-1]]
    first, other = rounds[0], rounds[7]
    assert first.box["optimizer"] == (0.0, 1.0)
    assert first.sides["optimizer"] == "sgd, adam, lamb"
    assert first.sides["batch_size"] == "16 to 1,024"
    assert set(other.changes.values()) == {"narrowed to [0.00213, 0.0415], half of before"}
    assert all(0 <= low < high <= 1 for low, high in other.box.values())
    assert not any(box.undone for box in rounds)


def test_the_progress_goes_over_trials_time_and_cost(store: Store, long: StudyRecord) -> None:
    """Each of the three rises, the best so far gets better, and the end is that of the study."""
    view: ProgressView = drawn(store, long, "progress")
    for steps in (view.best, view.trials):
        assert steps.seconds == sorted(steps.seconds)
        assert steps.slot_hours == sorted(steps.slot_hours)
    assert view.best.value == sorted(set(view.best.value))
    best = store.best(long.id, True)
    assert best is not None
    assert (view.best.number[-1], view.best.value[-1]) == (best.number, best.value)
    assert len(view.state) == len(view.kind) == len(view.trials.number) <= 2000 < view.of
    assert view.seconds == pytest.approx((long.ended or 0.0) - long.created, abs=0.1)
    assert view.slot_hours >= view.trials.slot_hours[-1]


def test_what_is_not_whole_or_beyond_a_bound_is_never_the_best_so_far(store: Store) -> None:
    """A trial that was stopped early, one beyond the bounds, a leader's rerun: better values, and only dots."""
    record = submitted(store)
    ended(store, record, 0, value=0.5)
    ended(store, record, 1, value=0.1, state="stopped")
    ended(store, record, 2, value=0.2, violation=0.3)
    ended(store, record, 3, value=0.3, kind="confirm", repeats=0)
    ended(store, record, 4, state="failed")
    ended(store, record, 5, value=0.4)
    view: ProgressView = drawn(store, record, "progress")
    assert (view.best.number, view.best.value) == ([0, 5], [0.5, 0.4])
    assert view.trials.number == [0, 1, 2, 3, 5]
    assert view.trials.seconds == [60.0, 120.0, 180.0, 240.0, 360.0]
    assert view.trials.slot_hours == pytest.approx(
        [n * 30 / 3600 for n in (1, 2, 3, 4, 6)], abs=1e-5
    )
    ranks = drawn(store, record, "zoom").dots.rank
    assert ranks == [0.25, 1.0, 0.0, 0.75, None, 0.5]


def test_the_curves_of_running_trials_are_what_they_have_reported(store: Store) -> None:
    """Beside those of trials that ended; one without a report has no line, and no line has a value that is none."""
    record = submitted(store)
    ended(store, record, 0, value=0.5, curve=[[1, 0.9], [3, None], [9, 0.5]])
    ended(store, record, 1, value=0.7, state="stopped", curve=[[1, 0.8]], error="stopped at step 1")
    ended(store, record, 2, value=0.6)
    ended(store, record, 3, state="failed", curve=[[1, 0.99]], error="Traceback\n  x\nOops: no\n")
    running = {4: [(1, 0.95), (3, float("nan")), (2, 0.9)], 5: ()}
    view: CurvesView = drawn(store, record, "curves", running=running)
    assert [(line.number, line.state, line.steps, line.values) for line in view.lines] == [
        (0, "done", [1, 9], [0.9, 0.5]),
        (1, "stopped", [1], [0.8]),
        (3, "failed", [1], [0.99]),
        (4, "running", [1, 2], [0.95, 0.9]),
    ]
    assert [line.ended for line in view.lines] == ["", "stopped at step 1", "Oops: no", ""]
    assert [line.rank for line in view.lines] == [1.0, 0.0, None, None]
    assert view.of == 4


def test_curves_of_a_long_study_are_few(store: Store, long: StudyRecord) -> None:
    """The best and the newest that were stopped early among them."""
    view: CurvesView = drawn(store, long, "curves")
    assert 50 < len(view.lines) <= 80
    assert sum(line.state == "stopped" for line in view.lines) >= 25


def test_leaders_are_shown_with_their_new_runs(store: Store, long: StudyRecord) -> None:
    """What made one a leader is not among them; the mean and its interval are of the new runs alone."""
    view = drawn(store, long, "confirmation")
    assert len(view.leaders) == 3
    means = []
    for leader in view.leaders:
        assert leader.confirmed is not None
        assert leader.confirmed.runs == len(leader.again) == 5 - leader.failed
        assert leader.confirmed.mean == pytest.approx(sum(leader.again) / len(leader.again))
        means.append((leader.failed, -leader.confirmed.mean))
    assert means == sorted(means)
    assert view.leaders[0].confirmed.rivals == [leader.trial for leader in view.leaders[1:]]


def test_the_importance_has_the_largest_share_first(store: Store, long: StudyRecord) -> None:
    """All parameters, with their tiers."""
    shares = drawn(store, long, "importance").shares
    assert [each.share for each in shares] == sorted((each.share for each in shares), reverse=True)
    assert sum(each.share for each in shares) == pytest.approx(1.0)


def test_what_a_browser_gets_stays_small(store: Store, long: StudyRecord) -> None:
    """Ten parameters, forty rounds: a picture is a few hundred kilobytes at most."""
    sizes = {name: len(drawn(store, long, name).model_dump_json()) for name in NAMES}
    assert max(sizes.values()) < 400_000
