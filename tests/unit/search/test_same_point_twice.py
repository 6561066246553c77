"""Two results at one point: a person's point that the search had tried, or a metric that is noisy."""

from __future__ import annotations

import pytest

from caviar.search import Result, Settings, first_round, propose, refine
from caviar.search.confirming import leaders
from caviar.space import Space

SPACE = Space.parse(
    {
        "x": {"type": "float", "low": 0.0, "high": 1.0},
        "kind": {"type": "categorical", "choices": ["a", "b", "c"]},
    }
)


@pytest.mark.parametrize("apart", [0.0, 0.3])
def test_rounds_and_proposals_take_a_point_that_was_trained_twice(apart: float) -> None:
    """Each value counts, equal or not; the point is still not proposed a third time."""
    settings = Settings("minimize", "zoom", 0)
    rounds = [first_round(SPACE, settings)]
    results: list[Result] = []
    for number in range(24):
        if number % 3 == 2:
            params = dict(results[number - 1].params)
        else:
            params = propose(SPACE, settings, rounds[-1], results, [], number)
            assert SPACE.key(params) not in {SPACE.key(result.params) for result in results}
        loss = (float(params["x"]) - 0.4) ** 2 + (params["kind"] != "b") + apart * (number % 3 == 2)
        results.append(Result(number, params, loss))
        new = refine(SPACE, settings, rounds, results)
        rounds += [] if new is None else [new]
    assert len(rounds) >= 3
    chosen = leaders(SPACE, settings, rounds[-1], results, 3)
    points = {SPACE.key(results[number].params) for number in chosen}
    assert len(points) == len(chosen) == 3
    assert leaders(SPACE, settings, rounds[-1], results[::-1], 3) == chosen
