"""Laws of rounds and proposals, whatever the space and the results."""

import itertools
import json
import math

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from caviar.search import (
    Exhausted,
    Result,
    Round,
    Searcher,
    Settings,
    first_round,
    propose,
    refine,
)
from caviar.space import Box, Space

SPACES = [
    Space.parse(mapping)
    for mapping in (
        {"x": {"type": "float", "low": 0.0, "high": 1.0}},
        {
            "lr": {"type": "float", "low": 1e-5, "high": 1.0, "scale": "log"},
            "momentum": {"type": "float", "low": 0.9, "high": 0.999, "scale": "reverse_log"},
            "units": {"type": "int", "low": 4, "high": 512, "scale": "log"},
            "layers": {"type": "int", "low": 1, "high": 4},
            "solver": {"type": "categorical", "choices": ["sgd", "adam", "lion"]},
            "decay": {"type": "float", "low": 0.0, "high": 1.0, "when": {"solver": ["sgd"]}},
        },
        {
            "depth": {"type": "int", "low": 1, "high": 3},
            "leaf": {"type": "categorical", "choices": [1, 2], "when": {"depth": [2, 3]}},
            "bag": {"type": "categorical", "choices": [True, False]},
        },
    )
]
law = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
VALUES = st.one_of(
    st.none(),
    st.sampled_from([0.0, 1.0, math.inf, math.nan]),
    st.floats(-1e3, 1e3),
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Space, Settings, list[Result]]:
    """A space, settings and up to 60 results; clustered ones, so that boxes collapse and start over."""
    space = draw(st.sampled_from(SPACES))
    config = Settings(
        draw(st.sampled_from(["minimize", "maximize"])), "zoom", draw(st.integers(0, 9))
    )
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    centre, spread = rng.random(len(space)), draw(st.sampled_from([0.001, 0.1, 1.0]))
    values = draw(st.lists(VALUES, max_size=60))
    vectors = centre + spread * (rng.random((len(values), len(space))) - 0.5)
    points = [space.from_unit(np.clip(vector, 0, 1)) for vector in vectors]
    results = [Result(i, p, v) for i, (p, v) in enumerate(zip(points, values, strict=True))]
    return space, config, results


def ledger(space: Space, config: Settings, results: list[Result]) -> list[Round]:
    """The rounds as they come when results are told one by one."""
    rounds = [first_round(space, config)]
    for count in range(1, len(results) + 1):
        new = refine(space, config, rounds, results[:count])
        if new is not None:
            rounds.append(new)
    return rounds


@law
@given(histories())
def test_every_round_holds_the_best_trial_and_stays_in_the_study(history):
    """Boxes lie in the space and hold the incumbent; a shrunk one lies in the one before."""
    space, config, results = history
    rounds = ledger(space, config, results)
    for before, now in itertools.pairwise(rounds):
        assert now.box.inside(Box.whole(space))
        assert now.box.contains(results[now.incumbent].params)
        assert now.incumbent in now.support
        assert now.reason.endswith(".")
        if now.kind == "shrink":
            assert now.box.inside(before.box)
            assert now.box != before.box
        if now.kind == "keep":
            assert now.box == before.box
        if now.kind == "widen":
            assert before.box.inside(now.box)


@law
@given(histories(), st.randoms(use_true_random=False))
def test_the_order_of_results_does_not_matter(history, random):
    """The same set of results gives the same round and the same next point."""
    space, config, results = history
    rounds = [first_round(space, config)]
    shuffled = random.sample(results, len(results))
    first, second = refine(space, config, rounds, results), refine(space, config, rounds, shuffled)
    assert first == second
    now = first or rounds[0]
    number = len(results)
    one = propose(space, config, now, results, [], number)
    assert propose(space, config, now, shuffled, [], number) == one
    assert space.check_point(one) == one


@law
@given(histories())
def test_a_round_survives_json(history):
    """The ledger's row gives the same round back."""
    space, config, results = history
    for entry in ledger(space, config, results):
        assert Round.from_json(space, json.loads(json.dumps(entry.to_json()))) == entry
        assert entry.to_view().box == entry.box.to_views()


@law
@given(
    st.sampled_from(SPACES),
    st.sampled_from(["zoom", "random", "grid", "sobol"]),
    st.integers(0, 5),
    st.lists(st.booleans(), min_size=30, max_size=30),
)
def test_nothing_is_proposed_twice_while_there_is_something_else(space, strategy, seed, tells):
    """Told or pending, no point comes again before all of a finite space were tried."""
    searcher = Searcher(space, goal="minimize", strategy=strategy, seed=seed)
    points = 10 if space is SPACES[2] else math.inf
    seen, open_ = set(), []
    try:
        for tell in tells:
            open_.append(searcher.ask())
            key = space.key(open_[-1].params)
            assert key not in seen or len(seen) == points
            seen.add(key)
            if tell:
                point = open_.pop(0)
                searcher.tell(point, float(len(seen) % 7))
    except Exhausted:
        assert strategy == "grid"


@law
@given(st.sampled_from(SPACES), st.sampled_from(["zoom", "random", "sobol"]), st.integers(0, 9))
def test_a_search_replays_from_its_seed(space, strategy, seed):
    """The ledger and the results are all that a proposal depends on: no state is hidden in the searcher."""
    searcher = Searcher(space, goal="minimize", strategy=strategy, seed=seed)
    for _ in range(25):
        now, results = searcher.round, searcher.results
        point = searcher.ask()
        again = propose(space, searcher.settings, now, results, [], point.number)
        assert again == point.params
        searcher.tell(point, float(point.number % 5))
