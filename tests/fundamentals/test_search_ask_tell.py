"""The search alone: ask for a point, tell its value, look at the box."""

import math
from itertools import pairwise

import pytest

from caviar.errors import InputError
from caviar.search import Exhausted, Searcher
from caviar.space import Space

SPACE = Space.parse(
    {
        "lr": {"type": "float", "low": 1e-4, "high": 1.0, "scale": "log"},
        "momentum": {"type": "float", "low": 0.9, "high": 0.999, "scale": "reverse_log"},
        "layers": {"type": "int", "low": 1, "high": 6},
    }
)


def accuracy(params) -> float:
    """Best at lr 0.003, momentum 0.99 and 3 layers, where it is 1."""
    lr = math.log10(params["lr"] / 0.003)
    momentum = math.log10((1 - params["momentum"]) / 0.01)
    return 1 - lr**2 / 10 - momentum**2 / 20 - abs(params["layers"] - 3) / 50


def searched(trials: int, **settings) -> Searcher:
    searcher = Searcher(SPACE, goal="maximize", **settings)
    for _ in range(trials):
        point = searcher.ask()
        searcher.tell(point, accuracy(point.params))
    return searcher


def test_zoom_closes_in_on_the_best_region():
    """After 60 trials the box is a small part of the space around the optimum, and holds the best trial."""
    searcher = searched(60)
    box = searcher.round.box.to_views()
    assert searcher.best.value > 0.99
    assert searcher.round.box.contains(searcher.best.params)
    assert 1e-4 < box["lr"].low < 0.003 < box["lr"].high < 0.1


def test_zoom_beats_random_search():
    """Over eight seeds, the best of 60 zoomed trials is on average at a quarter of random search's loss."""
    loss = {
        strategy: sum(1 - searched(60, strategy=strategy, seed=s).best.value for s in range(8))
        for strategy in ("zoom", "random")
    }
    assert loss["zoom"] < loss["random"] / 4


def test_every_round_says_why():
    """The ledger starts with the whole space; each later round names trials, a parameter and numbers."""
    rounds = searched(60).rounds
    assert len(rounds) >= 5
    assert rounds[0].kind == "start"
    for before, after in pairwise(rounds):
        assert after.index == after.parent + 1 == before.index + 1
        assert after.reason.endswith(".")
        assert str(after.incumbent) in after.reason or f"of {after.results} trials" in after.reason
        assert list(after.changes) == list(SPACE.names)


def test_the_same_seed_gives_the_same_search():
    """Two searches with one seed try the same points; another seed tries others."""
    first, again, other = searched(30, seed=1), searched(30, seed=1), searched(30, seed=2)
    assert [r.params for r in first.results] == [r.params for r in again.results]
    assert [r.params for r in first.results] != [r.params for r in other.results]


def test_many_points_may_be_asked_before_any_is_told():
    """Sixteen workers get sixteen different points, and may answer in any order: rounds come as they do."""
    searcher = Searcher(SPACE, goal="maximize")
    points = [searcher.ask() for _ in range(16)]
    assert len({tuple(point.params.values()) for point in points}) == 16
    for point in reversed(points):
        searcher.tell(point, accuracy(point.params))
    assert len(searcher.results) == 16
    assert searcher.round.index >= 2
    assert searcher.round.box.contains(searcher.best.params)


def test_a_failed_trial_is_told_as_none():
    """Failures count as trials, never as the best; a value that is not finite is a failure."""
    searcher = Searcher(SPACE, goal="maximize")
    for value in (None, math.nan, math.inf, 0.5):
        searcher.tell(searcher.ask(), value)
    assert (searcher.best.number, searcher.best.value) == (3, 0.5)


def test_a_search_where_everything_fails_goes_on():
    """Without one value there is no region to zoom into: the whole space stays open."""
    searcher = Searcher(SPACE, goal="maximize")
    for _ in range(30):
        searcher.tell(searcher.ask(), None)
    assert searcher.best is None
    assert [r.kind for r in searcher.rounds] == ["start"]


def test_a_point_is_told_once():
    """A second value for the same trial is refused, and the first one stands."""
    searcher = Searcher(SPACE, goal="maximize")
    point = searcher.ask()
    searcher.tell(point, 0.1)
    with pytest.raises(InputError, match="Point 0 is not pending"):
        searcher.tell(point, 0.9)
    assert searcher.best.value == 0.1


@pytest.mark.parametrize("strategy", ["random", "sobol", "grid"])
def test_the_plain_strategies_keep_the_whole_space(strategy):
    """What learns nothing from results has one round, and says what it does."""
    searcher = searched(30, strategy=strategy)
    assert [r.kind for r in searcher.rounds] == ["start"]
    assert searcher.round.reason


def test_a_grid_ends():
    """A grid within a budget of 30 has 27 points: 3 values of each of 3 parameters, each proposed once."""
    searcher = Searcher(SPACE, goal="maximize", strategy="grid", budget=30)
    points = [searcher.ask() for _ in range(27)]
    assert len({tuple(point.params.values()) for point in points}) == 27
    with pytest.raises(Exhausted, match="All 27 points"):
        searcher.ask()


def test_an_unknown_strategy_is_refused_with_a_suggestion():
    """All that is wrong in the settings is said at once."""
    with pytest.raises(InputError) as caught:
        Searcher(SPACE, goal="maximise", strategy="zooom", seed=-1, budget=0)
    assert "Did you mean zoom?" in str(caught.value)
    assert "Did you mean maximize?" in str(caught.value)
    assert [p.path for p in caught.value.problems] == [
        ("goal",),
        ("strategy",),
        ("seed",),
        ("budget",),
    ]


def test_the_first_trial_is_the_default():
    """Where a study has defaults, zoom begins with them."""
    space = Space.parse(
        {
            "lr": {"type": "float", "low": 1e-4, "high": 1.0, "scale": "log", "default": 0.01},
            "units": {"type": "int", "low": 16, "high": 256, "default": 64},
        }
    )
    assert Searcher(space, goal="minimize").ask().params == pytest.approx({"lr": 0.01, "units": 64})
