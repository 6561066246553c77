"""Curves of braille dots."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caviar.cli.plot import Axis, Line, Mark, plot

FALLING = [(step, 10.0 - step) for step in range(11)]


def rows(lines: list[Line], marks: list[Mark] | None = None, width: int = 40) -> list[str]:
    return plot(lines, marks or [], width, 8).plain.split("\n")


def inked(row: str) -> list[int]:
    """The columns in which a row has dots."""
    return [place for place, character in enumerate(row) if 0x2800 < ord(character) < 0x2900]


def test_a_falling_curve_goes_from_the_upper_left_to_the_lower_right() -> None:
    """With the greatest and the least value beside it, the first and the last step below."""
    shown = rows([Line(FALLING)])
    assert shown[0].lstrip().startswith("10 ┤")
    assert shown[7].lstrip().startswith("0 ┤")
    assert inked(shown[0])[0] == shown[0].index("┤") + 1
    assert inked(shown[7])[-1] == 39
    assert shown[9].split() == ["0", "10"]


def test_positive_values_over_more_than_a_decade_are_on_a_log_axis() -> None:
    """An exponential decay is a straight line there."""
    decay = [(step, math.exp(-step)) for step in range(11)]
    assert Axis.of([1.0, 0.05]).log
    assert not Axis.of([1.0, 0.2]).log
    assert not Axis.of([100.0, 0.0]).log
    places = [Axis.of([1.0, math.exp(-10)]).place(value) for _, value in decay]
    assert places == pytest.approx([1 - step / 10 for step in range(11)])


def test_marks_stand_where_changes_took_effect() -> None:
    """On the axis, with a line above them."""
    shown = rows([Line(FALLING)], [Mark(5, "▲"), Mark(99, "◀")])
    axis = shown[8]
    assert axis.count("▲") == 1
    assert "◀" not in axis
    assert shown[0][axis.index("▲")] == "┊"


def test_what_diverged_leaves_the_picture() -> None:
    """The axis is that of the curves that fit; one that does not ends at its edge."""
    wild = [(step, 10.0**step) for step in range(11)]
    shown = rows([Line(wild, fits=False), Line(FALLING)])
    assert shown[0].lstrip().startswith("10 ┤")
    assert inked(shown[0])[-1] < 20
    assert rows([Line(wild, fits=False)])[0].lstrip().startswith("1e+10 ┤")


def test_no_finite_value_leaves_a_gap() -> None:
    """And a curve of nothing else is no picture."""
    gap: list[tuple[int, float | None]] = [(s, None if 3 < s < 8 else 1.0 + s) for s in range(11)]
    whole = rows([Line([(step, 1.0 + step) for step in range(11)])])
    assert sum(len(inked(row)) for row in rows([Line(gap)])) < sum(len(inked(r)) for r in whole)
    assert plot([Line([(0, None), (1, math.nan)])], [], 40, 8).plain == ""


VALUES = st.none() | st.floats()


@given(
    st.lists(st.lists(VALUES, max_size=30), max_size=3),
    st.lists(st.integers(0, 40), max_size=3),
    st.integers(20, 90),
    st.integers(4, 16),
    st.booleans(),
)
def test_whatever_is_drawn_fits(
    curves: list[list[float | None]], steps: list[int], width: int, height: int, fits: bool
) -> None:
    """Any values, also the largest that there are: as many rows as asked for, and none too wide."""
    lines = [Line(list(enumerate(curve)), fits=fits) for curve in curves]
    shown = plot(lines, [Mark(step, "▲") for step in steps], width, height).plain
    if shown:
        assert len(shown.split("\n")) == height + 2
        assert max(map(len, shown.split("\n"))) <= width
