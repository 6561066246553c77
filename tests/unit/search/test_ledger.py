"""Taking rounds back, and branching from one: what the new entry of the ledger says and does."""

import pytest

from caviar.errors import InputError, NotAllowed
from caviar.search import (
    History,
    Result,
    Round,
    Searcher,
    branched,
    in_force,
    propose,
    refine,
    undone,
)
from caviar.space import Space

SPACE = Space.parse(
    {
        "learning_rate": {"type": "float", "low": 1e-4, "high": 1.0, "scale": "log"},
        "units": {"type": "int", "low": 1, "high": 64},
        "solver": {"type": "categorical", "choices": ["sgd", "adam", "lion"]},
    }
)


def searched(trials: int) -> Searcher:
    """A search whose best is a learning rate near 0.01 with adam."""
    searcher = Searcher(SPACE, goal="maximize")
    for _ in range(trials):
        point = searcher.ask()
        place = SPACE.to_unit(point.params)[0]
        searcher.tell(point, -abs(place - 0.5) + (point.params["solver"] == "adam"))
    return searcher


@pytest.fixture(scope="module")
def searcher() -> Searcher:
    found = searched(30)
    assert len(found.rounds) > 4
    return found


def history(searcher: Searcher) -> History:
    return History(SPACE, "maximize", searcher.results)


def test_an_undo_brings_the_earlier_box_and_model_back(searcher):
    """A new round with the box and the model of the one before; nothing is deleted, and the sentence tells."""
    rounds = searcher.rounds
    new = undone(rounds, 2, history(searcher), "ada")
    assert new.index == len(rounds)
    assert (new.kind, new.parent) == ("undo", 1)
    assert new.box == rounds[1].box
    assert new.memory["kernels"] == rounds[1].memory["kernels"]
    assert new.reason.startswith(f"Rounds 2 to {len(rounds) - 1} were taken back by ada; the box ")
    assert "the box is that of round 1 again" in new.reason
    assert any("widened back to [" in change for change in new.changes.values())


def test_an_undo_counts_all_results_as_seen(searcher):
    """The box that a person asked for holds for a whole rhythm, wherever the best trial lies."""
    known = list(searcher.results)
    rounds = [*searcher.rounds, undone(searcher.rounds, 2, history(searcher))]
    assert (rounds[-1].results, rounds[-1].incumbent) == (30, searcher.best.number)
    for _ in range(3):
        outside = {"learning_rate": 1.0, "units": 64, "solver": "lion"}
        known.append(Result(len(known), outside, -9.0))
        assert refine(SPACE, searcher.settings, rounds, known) is None
    known.append(Result(len(known), outside, -9.0))
    following = refine(SPACE, searcher.settings, rounds, known)
    assert (following.index, following.parent) == (rounds[-1].index + 1, rounds[-1].index)
    assert following.box.contains(searcher.best.params)
    assert following.memory["length"] < rounds[1].memory["length"]


def test_an_undo_is_ended_early_by_something_better(searcher):
    """Two trials that beat the best are news that no rhythm waits for."""
    known = list(searcher.results)
    rounds = [*searcher.rounds, undone(searcher.rounds, 2, history(searcher))]
    known += [Result(30, known[0].params, 5.0), Result(31, known[1].params, 6.0)]
    assert refine(SPACE, searcher.settings, rounds, known) is not None


def test_an_undo_says_when_the_best_trial_lies_outside(searcher):
    """The box is exactly the earlier one: a person asked for it. The next round takes the best trial in again."""
    beyond = Result(30, {"learning_rate": 1.0, "units": 64, "solver": "lion"}, 9.0)
    results = [*searcher.results, beyond]
    last = refine(SPACE, searcher.settings, searcher.rounds, results)
    assert last.box.contains(beyond.params)
    new = undone([*searcher.rounds, last], last.index, History(SPACE, "maximize", results))
    assert not new.box.contains(beyond.params)
    assert new.reason == (
        f"Round {last.index} was taken back by hand; the box is that of round "
        f"{last.index - 1} again, and the best trial (30) lies outside of it."
    )


def test_undoing_the_first_box_searches_the_whole_space_again(searcher):
    """Round 0 has no model: the trials spread evenly again until enough new ones have come."""
    new = undone(searcher.rounds, 1, history(searcher))
    assert new.memory == {}
    drawn = [propose(SPACE, searcher.settings, new, searcher.results, [], n) for n in range(30, 60)]
    assert {point["solver"] for point in drawn} == {"sgd", "adam", "lion"}
    assert refine(SPACE, searcher.settings, [*searcher.rounds, new], searcher.results) is None


def test_an_undo_is_undone(searcher):
    """The rounds that it took are in force again."""
    rounds = list(searcher.rounds)
    last = rounds[-1]
    rounds.append(undone(rounds, 2, history(searcher)))
    assert in_force(rounds) == {0, 1, rounds[-1].index}
    rounds.append(undone(rounds, rounds[-1].index, history(searcher)))
    assert rounds[-1].box == last.box
    assert in_force(rounds) == {*range(last.index + 1), rounds[-1].index}


@pytest.mark.parametrize("number", [-1, 0, 99])
def test_what_cannot_be_undone_is_refused(searcher, number):
    """There is nothing before the first round, and nothing at a number that no round has."""
    with pytest.raises(InputError, match="round"):
        undone(searcher.rounds, number, history(searcher))


def test_the_same_undo_twice_is_refused(searcher):
    """A command that was given twice does not fill the ledger."""
    rounds = [*searcher.rounds, undone(searcher.rounds, 2, history(searcher))]
    with pytest.raises(NotAllowed, match="taken back already"):
        undone(rounds, 2, history(searcher))


def test_an_undo_survives_json(searcher):
    """It is a row of the ledger like every other."""
    new = undone(searcher.rounds, 2, history(searcher))
    assert Round.from_json(SPACE, new.to_json()) == new


def test_a_branch_starts_in_the_box(searcher):
    """Its first trials, before there is a result of its own, spread over the round's box and not over the space."""
    last = searcher.rounds[-1]
    first = branched(last, "digits (1a2b3c4d)", 30, "ada")
    assert (first.index, first.kind, first.parent, first.box) == (0, "branch", None, last.box)
    assert first.reason == (
        f"ada branched from round {last.index} of digits (1a2b3c4d): "
        "the search starts in its box, which rests on 30 results from there."
    )
    drawn: list[dict] = []
    for number in range(8):
        point = propose(SPACE, searcher.settings, first, [], drawn, number, searcher.results)
        assert last.box.contains(point)
        assert point not in drawn
        drawn.append(point)


def test_a_branch_goes_on_with_what_was_known(searcher):
    """With results of its own it proposes by the model over the earlier ones, and its first round is due as ever."""
    first = branched(searcher.rounds[-1], "digits (1a2b3c4d)", 30)
    prior, own = History(SPACE, "maximize", searcher.results), History(SPACE, "maximize")
    rounds = [first]
    while len(rounds) == 1:
        number = len(own)
        point = propose(SPACE, searcher.settings, first, own, [], number, prior)
        own.add(Result(number, point, -abs(SPACE.to_unit(point)[0] - 0.5)))
        new = refine(SPACE, searcher.settings, rounds, own, prior)
        rounds += [new] if new else []
        assert len(own) <= 6
    assert rounds[-1].parent == 0


def test_a_branch_from_the_first_round_is_a_new_search(searcher):
    """No results, no model: the whole space, and the same first point as ever."""
    first = branched(searcher.rounds[0], "digits (1a2b3c4d)", 0)
    assert first.reason.endswith("of digits (1a2b3c4d): the search starts in its box.")
    fresh = Searcher(SPACE, goal="maximize")
    assert propose(SPACE, fresh.settings, first, [], [], 0) == fresh.ask().params
