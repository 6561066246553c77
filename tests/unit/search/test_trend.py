"""Results from elsewhere: what the first trials take from them, and that a misleading history is left alone."""

from __future__ import annotations

import numpy as np
import pytest

from caviar.search import Result, Settings, first_round, propose, refine
from caviar.space import Space

SPACE = Space.parse({name: {"type": "float", "low": 0.0, "high": 1.0} for name in "abc"})
SETTINGS = Settings("minimize", seed=3)
BEST = np.array([0.3, 0.8, 0.55])


def loss(params: dict) -> float:
    return float(((np.array([params[name] for name in "abc"]) - BEST) ** 2).sum())


def history(sign: float = 1.0, count: int = 40) -> list[Result]:
    """Random points and their losses; ``sign`` -1 tells that the worst are the best."""
    points = np.random.default_rng(0).random((count, 3)).round(3)
    params = [dict(zip("abc", map(float, point), strict=True)) for point in points]
    return [Result(n, point, sign * loss(point)) for n, point in enumerate(params)]


def searched(prior: list[Result], count: int) -> tuple[list[Result], list]:
    rounds, results = [first_round(SPACE, SETTINGS)], []
    for number in range(count):
        params = propose(SPACE, SETTINGS, rounds[-1], results, [], number, prior)
        results.append(Result(number, params, loss(params)))
        new = refine(SPACE, SETTINGS, rounds, results, prior)
        if new is not None:
            rounds.append(new)
    return results, rounds


def test_a_right_history_saves_the_first_trials() -> None:
    """The second trial is already as good as the best that is known."""
    prior = history()
    results, _ = searched(prior, 2)
    assert results[1].value == min(result.value for result in prior)


def test_a_right_history_is_trusted_and_an_inverted_one_is_not() -> None:
    """By the study's own results: only a trend that explains them lies under the model."""
    _, right = searched(history(), 12)
    _, inverted = searched(history(sign=-1.0), 12)
    assert right[-1].memory["trend"]["weight"] > 0.3
    assert "trend" not in inverted[-1].memory


def test_every_open_slot_gets_another_of_the_best_points() -> None:
    """Several workers ask before anything is told; results that come late are tried late."""
    start = first_round(SPACE, SETTINGS)
    cold = [propose(SPACE, SETTINGS, start, [], [], number) for number in range(4)]
    prior = history()
    late = propose(SPACE, SETTINGS, start, [], cold, 4, prior)
    assert loss(late) == min(result.value for result in prior)
    following = propose(SPACE, SETTINGS, start, [], [*cold, late], 5, prior)
    assert following != late
    assert following in [result.params for result in prior]


def test_a_contradicted_history_is_tried_no_further() -> None:
    """Its first point is worse than the study's own first trial: the other ones are not tried."""
    results, _ = searched(history(sign=-1.0), 6)
    known = [result.params for result in history()]
    assert [result.params in known for result in results] == [
        False,
        True,
        False,
        False,
        False,
        False,
    ]


def test_a_study_of_the_same_seed_does_not_begin_with_the_same_points() -> None:
    """The evenly spread points go on behind those that are known from the earlier one."""
    earlier, _ = searched([], 6)
    later, _ = searched(earlier, 6)
    again = [result.params for result in later if result.params in [r.params for r in earlier]]
    assert len(again) <= 3


def test_a_round_keeps_to_what_it_knew() -> None:
    """Results from elsewhere that come after a round do not change what it proposes."""
    prior = history()
    results, rounds = searched(prior, 12)
    assert rounds[-1].memory["trend"]["results"] == len(prior)
    more = [*prior, *(Result(len(prior) + n, r.params, 9.0) for n, r in enumerate(prior[:5]))]
    for number in (12, 13, 14):
        ask = (SPACE, SETTINGS, rounds[-1], results, [], number)
        assert propose(*ask, more) == propose(*ask, prior) == propose(*ask, prior[::-1])


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_few_results_are_no_trend(count: int) -> None:
    """They are tried, and then they are the study's own."""
    results, rounds = searched(history(count=count), 12)
    assert len(results) == 12
    assert "trend" not in rounds[-1].memory
