"""How the box follows the results, told by the rounds themselves."""

import math

import numpy as np
import pytest

from caviar.search import Result, Round, Searcher, Settings, first_round, propose, refine
from caviar.space import Box, Interval, Kept, Space

SPACE = Space.parse(
    {
        "learning_rate": {"type": "float", "low": 1e-4, "high": 1.0, "scale": "log"},
        "solver": {"type": "categorical", "choices": ["sgd", "adam", "lion"]},
    }
)
SETTINGS = Settings(goal="maximize")


def result(number: int, unit: float, value: float | None, solver: str = "sgd") -> Result:
    rate = SPACE["learning_rate"].from_unit(unit)
    return Result(number, {"learning_rate": rate, "solver": solver}, value)


def around(unit: float, spread: float, count: int, first: int = 0) -> list[Result]:
    """Results that are the better the nearer they are to a place on the learning rate's scale."""
    places = [unit + spread * (i / (count - 1) - 0.5) for i in range(count)]
    return [result(first + i, p, 1 - abs(p - unit)) for i, p in enumerate(places)]


def start(results: list[Result]) -> Round:
    """The first round that results give."""
    new = refine(SPACE, SETTINGS, [first_round(SPACE, SETTINGS)], results)
    assert new is not None
    return new


def after(round_: Round, results: list[Result]) -> Round | None:
    return refine(SPACE, SETTINGS, [round_], results)


def test_a_round_waits_for_its_trials():
    """Six trials start the first box; five do not."""
    rounds = [first_round(SPACE, SETTINGS)]
    assert refine(SPACE, SETTINGS, rounds, around(0.5, 1.0, 5)) is None
    assert refine(SPACE, SETTINGS, rounds, around(0.5, 1.0, 6)).index == 1


def test_the_box_narrows_around_the_best():
    """The sentence says what was seen, and what the box does on the parameter's own scale."""
    new = start(around(0.4, 0.7, 9))
    assert new.kind == "shrink"
    assert new.reason == (
        "Of the first 9 trials, trial 4 (1) is the best; "
        "the box narrows around it, most in learning_rate to [0.00054, 0.0294]."
    )
    assert new.changes["learning_rate"] == "narrowed to [0.00054, 0.0294], 43% of before"


def test_the_box_shrinks_after_trials_that_bring_nothing():
    """Four trials that are no better: six tenths of the length."""
    first = start(around(0.5, 0.5, 9))
    worse = [result(9 + i, 0.1 + 0.2 * i, 0.2) for i in range(4)]
    second = after(first, around(0.5, 0.5, 9) + worse)
    assert second.memory["length"] == pytest.approx(0.6 * first.memory["length"])
    assert second.reason.startswith("4 trials brought nothing better than trial 4 (1); ")


def test_the_box_grows_again_after_two_better_trials():
    """Two trials beat the best: the box was too small, half as much again, and at once."""
    known = around(0.5, 0.5, 9)
    first = start(known)
    known += [result(9 + i, 0.1 + 0.2 * i, 0.2) for i in range(4)]
    second = after(first, known)
    known += [result(13, 0.55, 2.0)]
    assert after(second, known) is None
    third = after(second, [*known, result(14, 0.6, 3.0)])
    assert third.memory["length"] == pytest.approx(1.5 * second.memory["length"])
    assert third.reason.startswith("2 trials beat the best one before, trial 14 (3) most; the box")


def test_the_box_goes_to_a_better_trial_outside_at_once():
    """A better region beyond the box takes the box along, and the sentence says where it lay."""
    known = around(0.2, 0.3, 9)
    now = start(known)
    for fruitless in range(2):
        known += [result(len(known) + i, 0.1 + 0.02 * i + 0.001 * fruitless, 0.1) for i in range(4)]
        now = after(now, known)
    far = result(len(known), 0.95, 5.0)
    assert not now.box.contains(far.params)
    new = after(now, [*known, far])
    assert new.box.contains(far.params)
    assert f"Trial {far.number} (5) is the best now; the box " in new.reason
    assert "(it lay above the box, at 0.631)" in new.reason
    assert new.edges["learning_rate"] == "above the box"


def test_the_studys_own_bound_is_named_and_never_passed():
    """Where the best trial sits at the study's bound the sentence says so, as only a person can widen that."""
    new = start([result(i, 1.0 - 0.03 * i, float(-i)) for i in range(12)])
    assert new.box.to_views()["learning_rate"].high == 1.0
    assert "the best one (0) sits at the study's own upper bound 1" in new.reason
    assert new.edges == {"learning_rate": "at the study's own upper bound"}


def test_a_plateau_widens_the_steps():
    """Trials exactly as good as the best say that the box is too small to see a difference, not that it is done."""
    known = around(0.5, 0.5, 9)
    first = start(known)
    known += [result(9 + i, 0.1 + 0.2 * i, 0.2) for i in range(4)]
    second = after(first, known)
    equal = [result(13 + i, 0.49 + 0.005 * i, 1.0) for i in range(4)]
    third = after(second, known + equal)
    assert third.memory["length"] > second.memory["length"]
    assert "4 more trials brought values exactly like the best, trial 4 (1)" in third.reason


def test_a_clearly_worse_category_is_dropped_and_may_come_back():
    """lion lost ten times and goes; when a trial outside the box wins with it, it returns."""
    known = around(0.5, 0.2, 10) + [result(10 + i, 0.5, -1.0, "lion") for i in range(10)]
    first = start(known)
    assert first.box.side("solver") == Kept(("sgd", "adam"))
    assert first.changes["solver"] == "narrowed to sgd, adam"
    won = [result(20 + i, 0.5, 2.0 + i, "lion") for i in range(4)]
    second = after(first, known + won)
    assert "lion" in second.box.side("solver").choices


def test_a_collapsed_box_starts_over():
    """Nothing left to zoom into: the box opens wide again, visibly, around the best trial."""
    known = around(0.5, 0.5, 9)
    now, kinds = start(known), []
    while "restart" not in kinds and len(known) < 100:
        known += [result(len(known) + i, 0.1 + 0.07 * i, 0.1) for i in range(4)]
        now = after(now, known)
        kinds.append(now.kind)
    assert now.kind == "restart"
    assert now.memory["length"] == 0.8
    assert now.reason.endswith("so it opens wide around it again.")


def test_most_proposals_lie_inside_the_box_and_some_outside():
    """Two in five also look elsewhere, so that a better region is never out of reach."""
    known = around(0.5, 0.6, 30)
    now = start(known)
    for _ in range(4):
        known += [result(len(known) + i, 0.1 + 0.2 * i, 0.1) for i in range(4)]
        now = after(now, known)
    inside = [
        now.box.contains(propose(SPACE, SETTINGS, now, known, [], number))
        for number in range(50, 150)
    ]
    assert 0.3 < sum(inside) / len(inside) < 0.9


def test_a_pending_trial_pushes_the_next_one_away():
    """Sixteen workers that ask at once get points apart from each other, not sixteen times the same idea."""
    searcher = Searcher(SPACE, goal="maximize", seed=1)
    for _ in range(20):
        point = searcher.ask()
        place = SPACE.to_unit(point.params)[0]
        searcher.tell(point, -((place - 0.6) ** 2))
    places = sorted(SPACE.to_unit(searcher.ask().params)[0] for _ in range(16))
    assert np.diff(places).max() > 0.02
    assert len({round(place, 3) for place in places}) >= 6


def test_a_constant_metric_is_survived():
    """Every trial the same value: nothing to learn, nothing to divide by."""
    searcher = Searcher(SPACE, goal="minimize")
    for _ in range(25):
        searcher.tell(searcher.ask(), 1.0)
    assert searcher.round.index >= 1


def test_trials_beyond_the_bounds_are_never_the_best_and_lead_back_to_them():
    """Where every trial breaks the bounds the search follows the smallest violation."""
    rounds = [first_round(SPACE, SETTINGS)]
    good = around(0.5, 0.6, 12)
    beyond = [
        Result(20 + i, {"learning_rate": 0.5, "solver": "sgd"}, 9.0, violation=1.0)
        for i in range(4)
    ]
    new = refine(SPACE, SETTINGS, rounds, good + beyond)
    assert new.incumbent < 20
    assert math.isclose(new.best, max(r.value for r in good))


def test_a_box_of_whole_numbers_keeps_the_neighbours_of_the_best():
    """However short its side, the numbers next to the best stay in reach."""
    space = Space.parse(
        {
            "layers": {"type": "int", "low": 1, "high": 9},
            "x": {"type": "float", "low": 0, "high": 1},
        }
    )
    searcher = Searcher(space, goal="minimize")
    for _ in range(60):
        point = searcher.ask()
        searcher.tell(point, abs(point.params["layers"] - 4) + point.params["x"])
    side = searcher.round.box.to_views()["layers"]
    assert side.low <= 3
    assert side.high >= 5
    assert isinstance(Box.whole(space).side("x"), Interval)
