"""Numbers for people: short, with every digit that matters."""

from __future__ import annotations

import pytest

from caviar.contract.messages import ParameterValue
from caviar.contract.numbers import count, duration, interval, number, percent


@pytest.mark.parametrize(
    "value, scale, text",
    [
        (0.00021, "log", "0.00021"),
        (1.2e-05, "log", "1.2e-05"),
        (0.123456, None, "0.1235"),
        (123456.7, None, "123457"),
        (3e12, None, "3e+12"),
        (1.0, "log", "1"),
        (128, "linear", "128"),
        (1_000_000, "linear", "1000000"),
        (0.9991, "reverse_log", "0.9991"),
        (0.999912, "reverse_log", "0.999912"),
        (0.99999912345, "reverse_log", "0.99999912"),
        (0.9, "reverse_log", "0.9"),
        (0.99, "reverse_log", "0.99"),
        (0.5123456, "reverse_log", "0.5123"),
        (1 - 2**-53, "reverse_log", "0.99999999999999989"),
        (True, None, "true"),
        ("adam", None, "adam"),
        (None, None, "–"),
        (float("nan"), None, "nan"),
        (-0.98765, None, "-0.9877"),
    ],
)
def test_numbers(value: ParameterValue | None, scale: str | None, text: str) -> None:
    """Four significant digits; close to 1 on a reverse_log scale, those of 1 - value."""
    assert number(value, scale) == text


def test_an_interval_of_one_value_is_that_value() -> None:
    """`3 … 3` would say nothing more."""
    assert interval(0.0021, 0.045) == "0.0021 … 0.045"
    assert interval(3, 3) == "3"


@pytest.mark.parametrize(
    "seconds, text",
    [
        (None, "–"),
        (0.84, "0.8 s"),
        (9.97, "10 s"),
        (59.4, "59 s"),
        (59.9, "1 min 00 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 05 min"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    """In the two largest units."""
    assert duration(seconds) == text


def test_shares_and_counts() -> None:
    """A share that rounds to nothing still says that it is something."""
    assert [percent(share) for share in (0.0, 0.001, 0.62, 1.0)] == ["0%", "<1%", "62%", "100%"]
    assert [count(n, "trial") for n in (0, 1, 1200)] == ["0 trials", "1 trial", "1,200 trials"]
