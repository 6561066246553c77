"""The search's state is built again from stored rows: a restarted service goes on as if nothing had happened."""

import json

import numpy as np

from caviar.search import History, Result, Round, Searcher, propose, refine
from caviar.space import Space

SPACE = Space.parse(
    {
        "lr": {"type": "float", "low": 1e-4, "high": 1.0, "scale": "log"},
        "units": {"type": "int", "low": 1, "high": 64},
        "solver": {"type": "categorical", "choices": ["sgd", "adam", "lion"]},
        "decay": {"type": "float", "low": 0.0, "high": 1.0, "when": {"solver": ["sgd"]}},
    }
)


def loss(params) -> float:
    return float(((SPACE.to_unit(params) - 0.4) ** 2).sum())


def test_a_rebuilt_search_goes_on_alike():
    """Results in another order and rounds from their JSON: the same points, and the same rounds after them."""
    searcher = Searcher(SPACE, goal="minimize", seed=3)
    for _ in range(150):
        point = searcher.ask()
        searcher.tell(point, loss(point.params))
    rows = [json.loads(json.dumps(round_.to_json())) for round_ in searcher.rounds]
    rounds = [Round.from_json(SPACE, row) for row in rows]
    order = np.random.default_rng(0).permutation(len(searcher.results))
    history = History(SPACE, "minimize", [searcher.results[place] for place in order])
    for _ in range(12):
        point = searcher.ask()
        again = propose(SPACE, searcher.settings, rounds[-1], history, [], point.number)
        assert again == point.params
        searcher.tell(point, loss(point.params))
        history.add(Result(point.number, again, loss(again)))
        new = refine(SPACE, searcher.settings, rounds, history)
        rounds += [new] if new else []
    assert tuple(rounds) == searcher.rounds


def test_a_history_grows_to_what_it_is_at_once():
    """Ten thousand results one by one, in pieces or together are the same arrays: room is made as it is needed."""
    rng = np.random.default_rng(0)
    points = [SPACE.from_unit(vector) for vector in rng.random((10_000, len(SPACE)))]
    results = [Result(i, point, loss(point)) for i, point in enumerate(points)]
    together, pieces = History(SPACE, "minimize", results), History(SPACE, "minimize")
    for result in results[:100]:
        pieces.add(result)
    for first in range(100, 10_000, 900):
        pieces.extend(results[first : first + 900])
    assert list(pieces) == results
    assert np.array_equal(pieces.units, together.units)
    assert np.array_equal(pieces.losses, together.losses)
    assert pieces.keys == together.keys
