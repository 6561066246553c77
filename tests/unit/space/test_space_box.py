"""Boxes refuse what they cannot be, and show themselves on the parameters' own scales."""

import pytest

from caviar.errors import InputError
from caviar.space import Box, Interval, Kept, Space

SPACE = Space.parse(
    {
        "lr": {"type": "float", "low": 1e-4, "high": 1.0, "scale": "log"},
        "layers": {"type": "int", "low": 1, "high": 5},
        "solver": {"type": "categorical", "choices": ["sgd", "adam", "lion"]},
    }
)


def test_a_box_shows_its_sides_in_the_units_of_the_parameters():
    """The middle half of a log scale, three whole numbers out of five, two of three categories."""
    box = Box(SPACE, (Interval(0.25, 0.75), Interval(0.2, 0.8), Kept(("lion", "sgd"))))
    views = box.to_views()
    assert (views["lr"].low, views["lr"].high) == pytest.approx((1e-3, 1e-1))
    assert (views["layers"].low, views["layers"].high) == (2, 4)
    assert views["solver"].choices == ["sgd", "lion"]


@pytest.mark.parametrize(
    "sides",
    [
        {"lr": Interval(0.5, 0.5)},
        {"lr": Interval(-0.1, 0.5)},
        {"lr": Interval(0.5, 1.1)},
        {"lr": Interval(float("nan"), 1.0)},
        {"lr": Kept(("sgd",))},
        {"solver": Kept(())},
        {"solver": Kept(("adagrad",))},
        {"solver": Interval(0.0, 1.0)},
    ],
)
def test_an_empty_or_impossible_side_is_refused(sides):
    """No box is empty, leaves the study's bounds or lists what the parameter does not have."""
    with pytest.raises(InputError):
        Box.whole(SPACE).replaced(sides)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"lr": [0, 1], "layers": [0, 1], "solver": "sgd"},
        {"lr": [0, 1], "layers": 3, "solver": [0]},
    ],
)
def test_a_stored_box_that_does_not_fit_the_space_is_refused(data):
    """A ledger row of another space is not read as if it were this one's."""
    with pytest.raises(InputError, match="box"):
        Box.from_json(SPACE, data)


def test_a_point_is_inside_when_every_active_value_is():
    """One value beyond one side puts the point outside."""
    box = Box.whole(SPACE).replaced({"layers": Interval(0.0, 0.5), "solver": Kept(("adam",))})
    assert box.contains({"lr": 0.5, "layers": 3, "solver": "adam"})
    assert not box.contains({"lr": 0.5, "layers": 4, "solver": "adam"})
    assert not box.contains({"lr": 0.5, "layers": 3, "solver": "sgd"})
