"""A box drawn on its parameter's own scale."""

from __future__ import annotations

import pytest

from caviar.cli.strips import bar, position, strip
from caviar.contract.views import ParameterView, SideView

RATE = ParameterView(name="lr", type="float", scale="log", low=0.0001, high=1.0)
SOLVER = ParameterView(name="solver", type="categorical", choices=["sgd", "adam", "1", 1])


@pytest.mark.parametrize(
    "value, low, high, scale, place",
    [
        (0.01, 0.0001, 1.0, "log", 0.5),
        (0.99, 0.9, 0.999, "reverse_log", 0.5),
        (50, 0, 100, "linear", 0.5),
        (5.0, 0.0001, 1.0, "log", 1.0),
        (-1, 0, 100, "linear", 0.0),
        (3, 3, 3, "linear", 0.0),
    ],
)
def test_a_value_has_a_place_on_its_scale(
    value: float, low: float, high: float, scale: str, place: float
) -> None:
    """Halfway in the exponent is halfway on a log strip; values outside stick to the end."""
    assert position(value, low, high, scale) == pytest.approx(place)


def test_a_strip_shows_range_box_and_best() -> None:
    """Four decades, the box over the middle two, the best in the middle."""
    drawn = strip(RATE, SideView(low=0.001, high=0.1), 0.01, width=9)
    assert drawn.plain == "··━━●━━··"


def test_a_strip_of_the_whole_range_has_no_outside() -> None:
    """The first round."""
    assert strip(RATE, SideView(low=0.0001, high=1.0), None, width=9).plain == "━" * 9


def test_a_very_small_box_is_still_seen() -> None:
    """One character at least."""
    assert strip(RATE, SideView(low=0.01, high=0.0101), None, width=9).plain == "····━····"


def test_categories_are_named_and_those_that_left_are_in_brackets() -> None:
    """Text and number stay apart, as they do in the search."""
    drawn = strip(SOLVER, SideView(choices=["sgd", 1]), "sgd", width=9)
    assert drawn.plain == "● sgd  (adam)  (1)  1"


@pytest.mark.parametrize(
    "share, text", [(0.0, "    "), (0.5, "██  "), (0.53, "██▏ "), (1.0, "████"), (2.0, "████")]
)
def test_a_bar_is_as_long_as_its_share(share: float, text: str) -> None:
    """To an eighth of a character."""
    assert bar(share, 4).plain == text
