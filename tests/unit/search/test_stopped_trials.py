"""What the search makes of trials that a stopping rule ended."""

from __future__ import annotations

import numpy as np

from caviar.search import History, Result
from caviar.search.zoom.observed import learnt
from caviar.space import Space

SPACE = Space.parse({"x": {"type": "float", "low": 0.0, "high": 1.0}})


def whole(number: int, at_rung: float, at_end: float) -> Result:
    return Result(
        number, {"x": number / 20}, at_end, curve=((3, at_rung), (27, at_end)), stopped=False
    )


def stopped(number: int, at_rung: float) -> Result:
    return Result(number, {"x": number / 20}, at_rung, curve=((3, at_rung),), stopped=True)


WHOLE = [whole(i, at_rung=1.0 + i, at_end=0.1 * (1.0 + i)) for i in range(5)]


def test_a_stopped_trial_counts_as_what_trials_like_it_became() -> None:
    """Where the order at the rung held until the end, the line through the whole trainings is read off."""
    losses = learnt(History(SPACE, "minimize", [*WHOLE, stopped(5, 4.0), stopped(6, 9.0)]))
    assert np.isclose(losses[5], 0.4)
    assert np.isclose(losses[6], 0.9)


def test_a_stopped_trial_is_never_credited_beyond_the_best() -> None:
    """It was stopped: whatever the line says, it did not win."""
    losses = learnt(History(SPACE, "minimize", [*WHOLE, stopped(5, -50.0)]))
    assert losses[5] == 0.1


def test_where_the_rung_says_nothing_a_stopped_trial_counts_as_the_median() -> None:
    """The order at the end is the reverse of that at the rung: nothing is read into it."""
    reverse = [whole(i, at_rung=5.0 - i, at_end=0.1 * (1.0 + i)) for i in range(5)]
    losses = learnt(History(SPACE, "minimize", [*reverse, stopped(5, 4.0)]))
    assert np.isclose(losses[5], 0.3)


def test_with_few_whole_trainings_a_stopped_trial_is_no_better_than_their_median() -> None:
    """Two trainings make no line."""
    losses = learnt(History(SPACE, "minimize", [*WHOLE[:2], stopped(5, 0.0)]))
    assert np.isclose(losses[2], 0.15)


def test_a_metric_to_be_maximised_is_read_the_same_way() -> None:
    """Signs are turned once, where results are taken in."""
    turned = [
        Result(r.number, r.params, -(r.value or 0.0), r.stopped, tuple((s, -v) for s, v in r.curve))
        for r in [*WHOLE, stopped(5, 4.0)]
    ]
    losses = learnt(History(SPACE, "maximize", turned))
    assert np.isclose(losses[5], 0.4)


def test_the_order_of_arrival_changes_nothing() -> None:
    """Results that arrive together are a set."""
    results = [*WHOLE, stopped(5, 4.0), stopped(6, 9.0)]
    there = learnt(History(SPACE, "minimize", results))
    back = learnt(History(SPACE, "minimize", results[::-1]))
    assert np.array_equal(there, back[::-1])
