"""Start from what you know: a history saves trials where it is right, and costs little where it misleads."""

import math

from caviar.search import Searcher
from caviar.space import Space
from caviar.studies.mapping import mapped

SPACE = Space.parse(
    {
        "learning_rate": {"type": "float", "low": 1e-4, "high": 1.0, "scale": "log"},
        "hidden_units": {"type": "int", "low": 16, "high": 256},
        "solver": {"type": "categorical", "choices": ["sgd", "adam"]},
    }
)


def loss(params) -> float:
    """Best at learning rate 0.003, 100 units and adam, where it is 0."""
    rate = math.log10(params["learning_rate"] / 0.003)
    return rate**2 + (params["hidden_units"] - 100) ** 2 / 1e4 + (params["solver"] == "sgd")


def searched(trials: int, prior=()) -> Searcher:
    searcher = Searcher(SPACE, goal="minimize", seed=1, prior=prior)
    for _ in range(trials):
        point = searcher.ask()
        searcher.tell(point, loss(point.params))
    return searcher


def test_a_search_goes_on_where_another_ended():
    """Its second trial repeats the best point that is known, and eight trials are worth more than eight cold ones."""
    earlier = searched(16)
    warm = searched(8, prior=earlier.results)
    assert warm.results[1].params == earlier.best.params
    assert warm.best.value < searched(8).best.value / 4


def test_a_misleading_history_is_left_alone():
    """It says that the worst is the best. The search notices in its own first trials, and finds the best."""
    told = [type(r)(r.number, r.params, -r.value) for r in searched(30).results]
    assert searched(40, prior=told).best.value < 0.01


def test_runs_of_anybody_are_mapped_by_their_names():
    """MLflow keeps text, and everybody has their own names for a learning rate."""
    runs = [
        ({"optimizer.lr": "0.01", "hidden_dim": "64", "solver": "Adam", "seed": "7"}, 0.4),
        ({"optimizer.lr": "3.0", "hidden_dim": "64", "solver": "sgd"}, 0.9),
    ]
    found = mapped(SPACE, runs)
    assert found.taken == (({"learning_rate": 0.01, "hidden_units": 64, "solver": "adam"}, 0.4),)
    assert dict(found.left_out) == {"learning_rate outside [0.0001, 1]": 1}
