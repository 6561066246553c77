"""What a scale is for: where on a range the trials land."""

import pytest

from caviar.space import Space


def unit_values(entry: dict, count: int = 1000) -> list:
    """The values at evenly spaced places of the unit interval, as a uniform sampler would draw them."""
    (parameter,) = Space.parse({"x": entry})
    return [parameter.from_unit((i + 0.5) / count) for i in range(count)]


def share_within(values: list, low: float, high: float) -> float:
    return sum(low <= value <= high for value in values) / len(values)


def test_a_linear_learning_rate_spends_nine_trials_in_ten_on_the_last_decade():
    """Sampling [0.0001, 1] evenly puts 90% of the trials in [0.1, 1]."""
    values = unit_values({"type": "float", "low": 1e-4, "high": 1.0})
    assert share_within(values, 0.1, 1.0) == pytest.approx(0.9, abs=0.002)


def test_a_log_scale_gives_every_decade_the_same_share():
    """Sampling the exponent puts a quarter of the trials in each of the four decades."""
    values = unit_values({"type": "float", "low": 1e-4, "high": 1.0, "scale": "log"})
    for low in (1e-4, 1e-3, 1e-2, 1e-1):
        assert share_within(values, low, 10 * low) == pytest.approx(0.25, abs=0.002)


def test_a_reverse_log_scale_samples_the_distance_to_one():
    """Of a momentum in [0.9, 0.999], half of the trials lie in [0.9, 0.99] and half in [0.99, 0.999]."""
    values = unit_values({"type": "float", "low": 0.9, "high": 0.999, "scale": "reverse_log"})
    assert share_within(values, 0.9, 0.99) == pytest.approx(0.5, abs=0.002)


def test_every_whole_number_is_equally_likely():
    """Both ends of an int range get as many trials as the numbers between them."""
    values = unit_values({"type": "int", "low": 2, "high": 6})
    assert [values.count(k) for k in range(2, 7)] == [200] * 5


def test_a_category_owns_an_equal_part_of_the_unit_interval():
    """Three choices share the unit interval in thirds, in the order in which they were written."""
    values = unit_values({"type": "categorical", "choices": ["sgd", "adam", "lion"]}, 300)
    assert values == ["sgd"] * 100 + ["adam"] * 100 + ["lion"] * 100
