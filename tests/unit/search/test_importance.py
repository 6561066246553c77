"""Importance finds what was planted, beside the declared tiers."""

import numpy as np
import pytest

from caviar.search import Result, importance
from caviar.space import Space

SPACE = Space.parse(
    {
        "lr": {"type": "float", "low": 1e-4, "high": 1.0, "scale": "log"},
        "solver": {"type": "categorical", "choices": ["sgd", "adam"]},
        "noise": {"type": "float", "low": 0.0, "high": 1.0},
    }
)


def results(count: int, value) -> list[Result]:
    rng = np.random.default_rng(0)
    points = [SPACE.from_unit(rng.random(3)) for _ in range(count)]
    return [Result(i, params, value(params)) for i, params in enumerate(points)]


def planted(params) -> float:
    """Additive, with variances 16/12 along lr's exponent and 1/4 along the solver, a ratio of 16 to 3."""
    return np.log10(params["lr"]) + (params["solver"] == "adam")


def test_planted_shares_are_found():
    """Two parameters act with variances 16 to 3 and one does not: 84%, 16% and nothing."""
    found = importance(SPACE, results(200, planted))
    assert [item.name for item in found] == ["lr", "solver", "noise"]
    assert [item.share for item in found] == pytest.approx([16 / 19, 3 / 19, 0.0], abs=0.05)
    assert sum(item.share for item in found) == pytest.approx(1.0)
    assert [item.tier for item in found] == [1, None, None]


def test_it_is_the_same_every_time_and_in_any_order():
    """Neither chance nor the order of results changes a share."""
    known = results(40, planted)
    assert importance(SPACE, known) == importance(SPACE, known[::-1])


def test_one_diverged_training_does_not_drown_the_rest():
    """A single loss of 10^9 leaves the order as it was."""
    known = results(100, planted)
    known[7] = Result(7, known[7].params, 1e9)
    assert importance(SPACE, known)[0].name == "lr"


@pytest.mark.parametrize(
    "known",
    [results(7, planted), results(30, lambda _: 0.5), results(30, lambda _: None)],
    ids=["too few", "constant", "failed"],
)
def test_nothing_is_claimed_without_evidence(known):
    """Too few results, or results that do not differ, have no importance to show."""
    assert importance(SPACE, known) == []
