"""Laws of rounds and proposals, whatever the space and the results."""

import itertools
import json
import math

from hypothesis import given
from hypothesis import strategies as st

from caviar.search import (
    Exhausted,
    History,
    Round,
    Searcher,
    first_round,
    propose,
    refine,
)
from caviar.space import Box, Interval
from tests.support.searches import SPACES, histories, law, ledger


@law
@given(histories())
def test_every_round_holds_the_best_trial_and_stays_in_the_study(history):
    """Boxes lie in the space and hold the incumbent; a shrunk one lies in the one before."""
    space, config, results = history
    rounds = ledger(space, config, results)
    for before, now in itertools.pairwise(rounds):
        assert now.box.inside(Box.whole(space))
        assert all(s.lo < s.hi if isinstance(s, Interval) else s.choices for s in now.box.sides)
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
@given(histories(), st.data())
def test_results_that_arrive_together_may_come_in_any_order(history, data):
    """Batch by batch, as from many workers: the whole ledger is the same, whatever the order within a batch."""
    space, config, results = history
    straight, shuffled = [first_round(space, config)], [first_round(space, config)]
    seen, known = History(space, config.goal), []
    place = 0
    while place < len(results):
        batch = results[place : place + data.draw(st.integers(1, 12))]
        place += len(batch)
        seen.extend(data.draw(st.permutations(batch)))
        known += batch
        for rounds, so_far in ((straight, known), (shuffled, seen)):
            while new := refine(space, config, rounds, so_far):
                rounds.append(new)
    assert shuffled == straight


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
    st.lists(st.integers(0, 3), min_size=40, max_size=40),
)
def test_nothing_is_proposed_twice_while_there_is_something_else(space, strategy, seed, tells):
    """Told or pending, in whatever order they are told, no point comes again before all of a finite space came."""
    searcher = Searcher(space, goal="minimize", strategy=strategy, seed=seed)
    points = 10 if space is SPACES[2] else math.inf
    seen, pending = set(), []
    try:
        for tell in tells:
            pending.append(searcher.ask())
            key = space.key(pending[-1].params)
            assert key not in seen or len(seen) == points
            seen.add(key)
            for _ in range(min(tell, len(pending))):
                point = pending.pop(len(pending) // 2)
                searcher.tell(point, None if len(seen) % 5 == 4 else float(len(seen) % 7))
    except Exhausted:
        assert strategy == "grid"


@law
@given(
    st.sampled_from(SPACES),
    st.sampled_from(["zoom", "random"]),
    st.integers(0, 9),
    st.integers(1, 8),
)
def test_a_search_replays_from_its_ledger(space, strategy, seed, workers):
    """However many workers there were: from the stored round, the results and what was pending, each in the order
    of the numbers, another process proposes the same point. No state is hidden in the searcher."""
    searcher = Searcher(space, goal="minimize", strategy=strategy, seed=seed)
    pending = []
    for turn in range(32):
        row = json.loads(json.dumps(searcher.round.to_json()))
        known = sorted(searcher.results, key=lambda result: result.number)
        waiting = [asked.params for asked in pending]
        point = searcher.ask()
        now = Round.from_json(space, row)
        again = propose(space, searcher.settings, now, known, waiting, point.number)
        assert again == point.params
        pending.append(point)
        if len(pending) == workers:
            told = pending.pop(turn * 7 % workers)
            searcher.tell(told, float(told.number % 5))


@law
@given(st.sampled_from(SPACES), st.integers(0, 9), st.integers(1, 6))
def test_the_same_events_give_the_same_search(space, seed, workers):
    """Asked and told in the same order, two searches have the same points and the same ledger."""
    searchers = [Searcher(space, goal="maximize", seed=seed) for _ in range(2)]
    pending = []
    for _ in range(24):
        one, other = (searcher.ask() for searcher in searchers)
        assert one == other
        pending.append(one)
        if len(pending) == workers:
            told = pending.pop(0)
            for searcher in searchers:
                searcher.tell(told, float(told.number % 7))
    assert searchers[0].rounds == searchers[1].rounds
