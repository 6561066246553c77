"""Laws of the verdict on a change: it depends on nothing but the shape of the curve."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from caviar.panda.verdict import compare, effect

SEEDS = st.integers(0, 10_000)
AT = st.integers(12, 60)
ANY = st.floats() | st.sampled_from([math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324, 0.0])
POINTS = st.lists(st.tuples(st.integers(0, 200) | st.integers(0, 2**60), ANY), max_size=60)
Points = list[tuple[int, float]]


def rising(points: Points) -> Points:
    return sorted(dict(points).items())


def wander(seed: int, jump: float, at: int) -> Points:
    """A curve that slows down, with noise that has a memory, and a jump after ``at``."""
    rng = np.random.default_rng(seed)
    noise, points = 0.0, []
    for step in range(1, 90):
        noise = 0.8 * noise + 0.01 * float(rng.normal())
        points.append((step, step**-0.5 + noise + jump * (step > at)))
    return points


@settings(max_examples=60)
@given(SEEDS, AT, st.floats(-0.5, 0.5), st.integers(-40, 40))
def test_the_unit_of_the_metric_does_not_matter(
    seed: int, at: int, jump: float, power: int
) -> None:
    """By a power of two, which rounds nothing away: all figures are the same, not only the word."""
    points = wander(seed, jump, at)
    scaled = [(s, v * 2.0**power) for s, v in points]
    one, other = effect(points, at, "minimize"), effect(scaled, at, "minimize")
    assert one.word == other.word
    assert one.look_again == other.look_again
    if one.ratio is not None:
        assert other.ratio is not None
        assert math.isclose(one.ratio, other.ratio, rel_tol=1e-6)


@settings(max_examples=60)
@given(SEEDS, AT, st.floats(-0.5, 0.5))
def test_to_minimize_a_metric_is_to_maximize_its_negative(seed: int, at: int, jump: float) -> None:
    """For a change of one curve, and for two side by side."""
    points = wander(seed, jump, at)
    turned = [(s, -v) for s, v in points]
    one, other = effect(points, at, "minimize"), effect(turned, at, "maximize")
    assert (one.word, one.ratio, one.low, one.high) == (
        *(other.word, other.ratio, other.low, other.high),
    )
    twin = wander(seed + 1, 0.0, at)
    turned_twin = [(s, -v) for s, v in twin]
    assert (
        compare(points, twin, at, "minimize").word
        == compare(turned, turned_twin, at, "maximize").word
    )


@settings(max_examples=60)
@given(SEEDS, AT, st.floats(-0.5, 0.5))
def test_two_curves_that_change_places_change_their_words(seed: int, at: int, jump: float) -> None:
    """Without a history, which is the first one's alone."""
    a, b = wander(seed, 0.0, at)[at:], wander(seed + 1, jump, at)[at:]
    opposite = {"helped": "hurt", "hurt": "helped"}
    word = compare(a, b, at, "minimize").word
    assert compare(b, a, at, "minimize").word == opposite.get(word, word)


@settings(max_examples=100)
@given(POINTS, st.integers(-5, 250), st.sampled_from(["minimize", "maximize"]))
def test_no_values_are_too_odd(
    points: Points, at: int, goal: Literal["minimize", "maximize"]
) -> None:
    """NaN, infinite, huge, tiny, constant, far apart, hardly any: there is always a word."""
    curve = rising(points)
    found = effect(curve, at, goal)
    assert found.sentence
    assert found.look_again is None or found.look_again > 0
    assert effect(curve, at, goal, until=at + 50, since=at - 50).look_again is None
    assert compare(curve, rising(points[::2]), at, goal).sentence


@settings(max_examples=60)
@given(st.floats(-10.0, 10.0), st.floats(-10.0, 10.0), AT, st.integers(4, 100))
def test_a_straight_line_is_no_effect(level: float, slope: float, at: int, after: int) -> None:
    """Nothing happens on it, at no place and over no window."""
    points = [(s, level + slope * s) for s in range(1, at + after + 1)]
    assert effect(points, at, "minimize").word == "no effect yet"


@settings(max_examples=60)
@given(st.floats(0.01, 10.0), st.floats(0.1, 2.0), st.floats(-5.0, 5.0), AT, st.integers(4, 100))
def test_an_exact_power_law_is_no_effect(
    size: float, power: float, end: float, at: int, after: int
) -> None:
    """The curve that slows down by itself."""
    points = [(s, end + size * s**-power) for s in range(1, at + after + 1)]
    assert effect(points, at, "minimize").word not in ("helped", "hurt")


@settings(max_examples=60)
@given(SEEDS, AT, st.floats(-0.5, 0.5))
def test_a_curve_beside_itself_is_no_effect(seed: int, at: int, jump: float) -> None:
    """The fork that changed nothing, to the last digit."""
    points = wander(seed, jump, at)
    assert compare(points, points, at, "minimize").word not in ("helped", "hurt")
