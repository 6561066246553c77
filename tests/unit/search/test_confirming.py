"""Which trials are confirmed, in which order, and what their new runs say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from caviar.search import Result, Settings, first_round, refine
from caviar.search.confirming import (
    MOST,
    QUANTILES,
    candidates,
    confirmed,
    interval,
    leaders,
    next_leader,
    reserved,
)
from caviar.space import Space

SPACE = Space.parse(
    {
        "x": {"type": "float", "low": 0.0, "high": 1.0},
        "y": {"type": "float", "low": 0.0, "high": 1.0},
    }
)
SETTINGS = Settings("minimize", "zoom", 0)


def bowl(x: float, y: float) -> float:
    return (x - 0.3) ** 2 + (y - 0.6) ** 2


def results_with_one_lucky() -> list[Result]:
    """A bowl on 40 points, and trial 40 far from its bottom, whose value is the best by luck."""
    rng = np.random.default_rng(3)
    points = [{"x": float(x), "y": float(y)} for x, y in rng.random((40, 2))]
    results = [Result(number, point, bowl(**point)) for number, point in enumerate(points)]
    beside = [{"x": 0.9 + dx, "y": 0.1} for dx in (-0.02, 0.01, 0.03)]
    results += [Result(41 + i, point, bowl(**point)) for i, point in enumerate(beside)]
    return [*results, Result(40, {"x": 0.9, "y": 0.1}, -0.01)]


def test_the_model_names_the_leaders_not_the_luckiest_value() -> None:
    """Trial 40 has the best value of all; its neighbours say that it is not worth it."""
    results = results_with_one_lucky()
    rounds = [first_round(SPACE, SETTINGS)]
    while new := refine(SPACE, SETTINGS, rounds, results):
        rounds.append(new)
    assert min(results, key=lambda result: result.value or 0.0).number == 40
    assert 40 not in leaders(SPACE, SETTINGS, rounds[-1], results, 3)


def test_without_a_model_the_values_name_them() -> None:
    """Random search has no model: the best values lead, the earlier one of equals."""
    plain = Settings("minimize", "random", 0)
    results = [Result(n, {"x": n / 10, "y": 0.5}, abs(n - 4) / 4) for n in range(9)]
    assert leaders(SPACE, plain, first_round(SPACE, plain), results, 4) == [4, 3, 5, 2]


def test_only_what_can_be_the_best_leads_and_no_point_twice() -> None:
    """Failed, stopped and trials beyond a bound are not confirmed, nor is the same point a second time."""
    same = {"x": 0.1, "y": 0.1}
    results = [
        Result(0, {"x": 0.2, "y": 0.2}, None),
        Result(1, {"x": 0.3, "y": 0.2}, 0.1, stopped=True),
        Result(2, {"x": 0.4, "y": 0.2}, 0.1, violation=0.5),
        Result(3, same, 0.4),
        Result(4, same, 0.3),
        Result(5, {"x": 0.5, "y": 0.2}, 0.9),
    ]
    assert leaders(SPACE, SETTINGS, first_round(SPACE, SETTINGS), results, 3) == [4, 5]
    assert leaders(SPACE, SETTINGS, first_round(SPACE, SETTINGS), results[:3], 3) == []


def test_every_leader_has_its_turn_before_one_has_a_second() -> None:
    """What is cut off leaves the leaders with equal chances."""
    runs: list[int] = []
    while (leader := next_leader([7, 3, 5], runs, 2)) is not None:
        runs.append(leader)
    assert runs == [7, 3, 5, 7, 3, 5]
    assert next_leader([], [], 3) is None


@pytest.mark.parametrize(
    "trials, confirm, leading",
    [(60, 3, 3), (27, 3, 3), (26, 3, 2), (9, 3, 1), (8, 3, 0), (60, 0, 0), (3, 1, 1), (60, 20, 1)],
)
def test_confirmation_takes_a_third_of_the_budget_at_most(
    trials: int, confirm: int, leading: int
) -> None:
    """Three leaders where the budget carries them, fewer where it does not, none where it cannot."""
    assert candidates(trials, confirm) == leading
    assert reserved(trials, confirm) == leading * confirm <= trials / 3


def test_the_best_mean_of_new_runs_wins() -> None:
    """Mean and interval are of the winner's new runs; the others are named, the better ones first."""
    verdict = confirmed({4: [0.5, 0.7, 0.6], 9: [0.3, 0.4, 0.2], 2: [0.45, 0.5, 0.4]}, "minimize")
    assert verdict is not None
    assert (verdict.trial, verdict.runs, verdict.rivals) == (9, 3, (2, 4))
    assert verdict.mean == pytest.approx(0.3)
    expected = stats.t.interval(0.95, 2, 0.3, 0.1 / 3**0.5)
    assert (verdict.low, verdict.high) == pytest.approx(expected, rel=1e-4)


def test_a_leader_that_fails_on_a_new_seed_comes_behind_one_that_does_not() -> None:
    """A setting that diverges now and then is not what to use, however good it is in between."""
    verdict = confirmed({1: [0.99, None], 2: [0.5, 0.6]}, "maximize")
    assert verdict is not None
    assert (verdict.trial, verdict.rivals) == (2, (1,))
    only = confirmed({1: [None, 0.9], 2: [None, None]}, "maximize")
    assert only is not None
    assert (only.trial, only.runs, only.mean, only.low) == (1, 1, 0.9, None)
    assert confirmed({1: [None]}, "maximize") is None
    assert confirmed({}, "maximize") is None


def test_the_quantiles_are_those_of_students_t() -> None:
    """Typed in, so that nobody waits a second for scipy.stats; held against it here."""
    expected = [float(stats.t.ppf(0.975, degrees)) for degrees in range(1, MOST)]
    assert pytest.approx(expected, abs=5e-5) == QUANTILES
    low, high = interval([1.0] * MOST)
    assert (low, high) == (1.0, 1.0)
    assert interval([1.0]) == (None, None)
