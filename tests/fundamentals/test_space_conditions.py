"""A parameter may apply only where another one has a certain value."""

import pytest

from caviar.errors import InputError
from caviar.space import Space

SPACE = Space.parse(
    {
        "momentum": {"type": "float", "low": 0.5, "high": 0.9, "when": {"solver": ["sgd"]}},
        "solver": {"type": "categorical", "choices": ["sgd", "adam"]},
        "lr": {"type": "float", "low": 1e-4, "high": 1.0, "scale": "log"},
    }
)


def test_a_point_holds_only_what_applies():
    """With adam there is no momentum to choose; the order stays that of the study file."""
    assert list(SPACE.from_unit([0.5, 0.2, 0.5])) == ["momentum", "solver", "lr"]
    assert list(SPACE.from_unit([0.5, 0.8, 0.5])) == ["solver", "lr"]


def test_an_inactive_parameter_lies_in_the_middle_of_the_unit_cube():
    """A point without momentum still has a place in the cube, the neutral one."""
    assert SPACE.to_unit({"solver": "adam", "lr": 0.01}) == pytest.approx([0.5, 0.75, 0.5])


def test_a_value_for_what_does_not_apply_is_refused_with_the_condition():
    """The error says when momentum applies and what to do."""
    with pytest.raises(InputError, match=r"applies when solver is sgd. Leave momentum out"):
        SPACE.check_point({"momentum": 0.7, "solver": "adam", "lr": 0.01})


def test_a_point_is_checked_as_a_whole():
    """Unknown, missing and impossible values are all named, in one error."""
    with pytest.raises(InputError) as caught:
        SPACE.check_point({"solver": "adagrad", "lr": 2, "momentun": 0.6})
    assert [problem.path for problem in caught.value.problems] == [
        ("solver",),
        ("lr",),
        ("momentun",),
    ]
    assert "Did you mean momentum?" in str(caught.value)
    with pytest.raises(InputError, match="lr: the value is missing"):
        SPACE.check_point({"solver": "adam"})


def test_a_checked_point_comes_back_in_its_own_types_and_order():
    """A client may send 1 for a float and any order of names."""
    checked = SPACE.check_point({"lr": 1, "solver": "adam"})
    assert list(checked.items()) == [("solver", "adam"), ("lr", 1.0)]
    assert isinstance(checked["lr"], float)
