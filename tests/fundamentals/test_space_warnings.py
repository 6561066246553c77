"""What a study is warned of before it spends a trial."""

import pytest

from caviar.space import Space, usual_tier, warnings


def space(**entry: object) -> Space:
    return Space.parse({"learning_rate": {"type": "float", **entry}})


def test_a_linear_range_over_decades_is_warned_of():
    """The warning counts the trials that would land in the last decade of that very range."""
    assert warnings(space(low=1e-4, high=1.0)) == [
        "learning_rate is linear over 4 decades: 90% of trials would land in [0.1, 1]. "
        "Sample the exponent: scale: log."
    ]
    assert warnings(space(low=1e-4, high=1.0, scale="log")) == []
    assert warnings(space(low=0.01, high=1.0)) == []


def test_a_linear_range_close_to_one_is_warned_of():
    """Of a linear momentum in [0.9, 0.999] only one trial in eleven looks at the larger half of its effect."""
    linear = {"momentum": {"type": "float", "low": 0.9, "high": 0.999}}
    (text,) = warnings(Space.parse(linear))
    assert "only 9% of trials would land in [0.99, 0.999]" in text
    assert text.endswith("scale: reverse_log.")
    linear["momentum"]["scale"] = "reverse_log"
    assert warnings(Space.parse(linear)) == []


def test_a_grid_is_warned_of_with_what_it_costs():
    """Seven parameters with four values each are 16,384 trials that try four learning rates."""
    names = ["learning_rate", "b", "c", "d", "e", "f", "g"]
    cube = Space.parse({name: {"type": "float", "low": 0.0, "high": 1.0} for name in names})
    (text,) = warnings(cube, "grid")
    assert text.startswith(
        "grid: 4 values of each of 7 parameters: 16,384 trials, 4 distinct values of learning_rate."
    )
    (text,) = warnings(cube, "grid", budget_trials=60)
    assert "128 trials" in text
    assert "the budget covers 60 of them" in text


@pytest.mark.parametrize(
    ("name", "tier"),
    [
        ("learning_rate", 1),
        ("optimizer.lr", 1),
        ("Momentum", 2),
        ("hidden-units", 2),
        ("batch_size", 2),
        ("num_layers", 3),
        ("lr_decay", 3),
        ("beta_1", 4),
        ("adam_epsilon", 4),
        ("weight_decay", None),
        ("alpha", None),
    ],
)
def test_usual_names_have_a_tier(name, tier):
    """A parameter's importance is known by its usual name, however it is written."""
    assert usual_tier(name) == tier


def test_a_given_tier_wins():
    """The study's own word on what matters stands, and is told apart from a guess by name."""
    (by_name,) = space(low=0.1, high=1.0)
    (given,) = space(low=0.1, high=1.0, tier=3)
    assert (by_name.tier, by_name.tier_given) == (1, False)
    assert (given.tier, given.tier_given) == (3, True)
