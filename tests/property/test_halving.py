"""Laws of successive halving: of the rule at a rung, and of where the rungs are."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from caviar.contract import halving
from caviar.contract.halving import goes_on, rungs, thinned, value_at

REDUCTIONS = st.integers(2, 16)
GOALS = st.sampled_from(["minimize", "maximize"])
FINITE = st.floats(-1e6, 1e6)
VALUES = st.one_of(FINITE, st.none(), st.sampled_from([math.nan, math.inf, -math.inf]))


@given(st.data(), REDUCTIONS, GOALS, VALUES)
def test_nobody_is_stopped_among_fewer_values_than_the_reduction(
    data: st.DataObject, reduction: int, goal: str, value: float | None
) -> None:
    """The first ones at a rung have nothing to be compared with, not even where they are NaN."""
    others = data.draw(st.lists(VALUES, max_size=reduction - 2))
    assert goes_on(value, others, reduction, goal)


@given(st.lists(FINITE, min_size=1), REDUCTIONS, GOALS)
def test_the_best_value_at_a_rung_goes_on(values: list[float], reduction: int, goal: str) -> None:
    """Whoever else is there, and also where another one is as good."""
    best = max(values) if goal == "maximize" else min(values)
    others = list(values)
    others.remove(best)
    assert goes_on(best, others, reduction, goal)


@given(st.lists(FINITE, unique=True), REDUCTIONS, GOALS)
def test_of_distinct_values_that_are_all_there_the_best_share_goes_on(
    values: list[float], reduction: int, goal: str
) -> None:
    """One in ``reduction`` at least, behind them only who is nearly as good; all where they are too few."""
    values.sort(reverse=goal == "maximize")
    on = [v for v in values if goes_on(v, [o for o in values if o != v], reduction, goal)]
    few = len(values) < reduction
    assert len(on) >= (len(values) if few else len(values) // reduction)
    assert on == values[: len(on)]


def test_who_is_nearly_as_good_goes_on() -> None:
    """Of nine losses the best three, and who is within half the way from the best to the median of the others."""
    others = [1.0, 2.0, 3.0, 5.0, 6.0, 7.0, 8.0, 9.0]
    assert goes_on(2.9, others, 3, "minimize")
    assert goes_on(3.0 + 0.5 * (5.5 - 1.0), others, 3, "minimize")
    assert not goes_on(3.1 + 0.5 * (5.5 - 1.0), others, 3, "minimize")


@given(st.lists(VALUES), FINITE, st.floats(0, 1e6), REDUCTIONS, GOALS)
def test_a_better_value_never_fares_worse(
    others: list[float | None], value: float, better_by: float, reduction: int, goal: str
) -> None:
    """In the same company."""
    better = value + better_by if goal == "maximize" else value - better_by
    if goes_on(value, others, reduction, goal):
        assert goes_on(better, others, reduction, goal)


@given(st.lists(VALUES), VALUES, REDUCTIONS, GOALS, st.randoms(use_true_random=False))
def test_the_order_in_which_others_came_does_not_matter(
    others: list[float | None], value: float | None, reduction: int, goal: str, random: object
) -> None:
    """Only what is there counts, not since when."""
    shuffled = list(others)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert goes_on(value, others, reduction, goal) == goes_on(value, shuffled, reduction, goal)


@given(st.lists(FINITE), FINITE, REDUCTIONS)
def test_maximizing_is_minimizing_the_negative(
    others: list[float], value: float, reduction: int
) -> None:
    """The goal changes nothing else."""
    negative = [-other for other in others]
    assert goes_on(value, others, reduction, "maximize") == goes_on(
        -value, negative, reduction, "minimize"
    )


@given(st.data(), REDUCTIONS, GOALS)
def test_what_is_no_finite_number_is_never_good(
    data: st.DataObject, reduction: int, goal: str
) -> None:
    """Among enough values it is stopped, and a number beside it is not held back by it."""
    others = data.draw(st.lists(VALUES, min_size=reduction - 1))
    for value in (None, math.nan, math.inf, -math.inf):
        assert not goes_on(value, others, reduction, goal)
    assert goes_on(0.0, [math.nan] * len(others), reduction, goal)


@given(st.integers(0, 10), st.integers(1, 10**7), REDUCTIONS, st.none() | st.integers(1, 1000))
def test_rungs_rise_and_lie_before_the_end(
    first: int, length: int, reduction: int, min_steps: int | None
) -> None:
    """None is the last step: a trial that reports once only is never stopped."""
    last = first + length - 1
    found = rungs(reduction, first, last, min_steps)
    assert list(found) == sorted(set(found))
    assert all(first + (min_steps or 1) - 1 <= rung < last for rung in found)
    assert min_steps is not None or len(found) <= halving.MOST
    assert (found == ()) or length > 1


@given(st.integers(0, 10), st.integers(1, 10**6), REDUCTIONS, st.none() | st.integers(1, 1000))
def test_trainers_may_count_from_where_they_like(
    first: int, length: int, reduction: int, min_steps: int | None
) -> None:
    """Steps 0..E-1 and 1..E are compared after the same numbers of steps trained."""
    zero = rungs(reduction, 0, length - 1, min_steps)
    moved = rungs(reduction, first, first + length - 1, min_steps)
    assert moved == tuple(rung + first for rung in zero)


@given(st.integers(1, 10**6), st.integers(1, 10**6), REDUCTIONS)
def test_rungs_stay_where_they_are_when_a_longer_training_comes(
    one: int, other: int, reduction: int
) -> None:
    """Every rung is one of the same marks, so what was written down before can be compared."""
    steps = set(halving.marks(0, reduction))
    assert set(rungs(reduction, 0, one)) | set(rungs(reduction, 0, other)) <= steps


@given(st.lists(FINITE), st.integers(1, 50))
def test_a_thinned_list_has_the_shares_of_the_whole_one(values: list[float], most: int) -> None:
    """By rank: what is better than a quarter of all is better than about a quarter of what is left."""
    values.sort()
    left = thinned(values, most)
    assert len(left) == min(most, len(values))
    assert left == sorted(left)
    for pivot in values:
        share = sum(v < pivot for v in values) / len(values)
        assert abs(sum(v < pivot for v in left) / len(left) - share) <= 1 / len(left)


def test_a_digits_training_is_compared_after_three_and_nine_epochs() -> None:
    """40 epochs: 27 is beyond the half, and of 1, 3 and 9 the two highest count."""
    assert rungs(3, 0, 39) == (2, 8)
    assert rungs(3, 1, 40) == (3, 9)
    assert rungs(3, 0, 39, min_steps=5) == (4, 14)
    assert rungs(3, 0, 39, min_steps=30) == (29,)
    assert rungs(3, 0, 39, min_steps=40) == ()
    assert rungs(3, 0, None) == ()
    assert rungs(3, 0, None, min_steps=5) == (4,)


def test_the_value_at_a_rung_is_the_first_one_from_there_on() -> None:
    """Who reports every tenth step is compared with whom reports each."""
    curve = [(0, 0.1), (10, 0.2), (20, None)]
    assert value_at(curve, 0) == 0.1
    assert value_at(curve, 8) == 0.2
    assert math.isnan(value_at(curve, 11) or 0.0)
    assert value_at(curve, 21) is None
