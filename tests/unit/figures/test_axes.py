"""What is written beside an axis: both ends, and round values of the parameter's own scale between them."""

from __future__ import annotations

import pytest

from caviar.figures.axes import ticks
from caviar.space import Categorical, Numeric


@pytest.mark.parametrize(
    ("parameter", "words"),
    [
        (Numeric("x", "float", 1e-4, 1.0, "log"), ["0.0001", "0.001", "0.01", "0.1", "1"]),
        (
            Numeric("x", "float", 1e-12, 1.0, "log"),
            ["1e-12", "1e-10", "1e-08", "1e-06", "0.0001", "0.01", "1"],
        ),
        (Numeric("x", "float", 2e-3, 7e-3, "log"), ["0.002", "0.00374", "0.007"]),
        (Numeric("x", "float", 0.9, 0.999, "reverse_log"), ["0.9", "0.99", "0.999"]),
        (Numeric("x", "float", 0.0, 0.9, "reverse_log"), ["0", "0.68", "0.9"]),
        (Numeric("x", "float", 0.0, 1.0), ["0", "0.25", "0.5", "0.75", "1"]),
        (Numeric("x", "float", -0.37, 0.37), ["-0.37", "-0.2", "0", "0.2", "0.37"]),
        (Numeric("x", "int", 1, 12), ["1", "5", "10", "12"]),
        (Numeric("x", "int", 3, 4), ["3", "4"]),
        (Numeric("x", "int", 16, 1024, "log"), ["16", "100", "1,024"]),
    ],
)
def test_the_ticks_of_numbers(parameter: Numeric, words: list[str]) -> None:
    """Powers of ten on a logarithm's scale, round steps on a linear one, the middle where nothing round fits."""
    found = ticks(parameter)
    assert [text for _, text in found] == words
    places = [place for place, _ in found]
    assert places == sorted(places)
    assert all(0.0 <= place <= 1.0 for place in places)


def test_every_category_is_in_the_middle_of_its_part() -> None:
    """Truth too, as a word."""
    found = ticks(Categorical("x", ("sgd", True, 3, "adam")))
    assert found == [(0.125, "sgd"), (0.375, "True"), (0.625, "3"), (0.875, "adam")]
