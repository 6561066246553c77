"""What the picture of a training leaves out of a long curve, and what not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from caviar.web.training import Point, thinned

VALUES = st.one_of(st.none(), st.floats(-1e6, 1e6))


@given(st.lists(VALUES, max_size=400), st.integers(5, 60))
def test_no_spike_is_lost(values: list[float | None], most: int) -> None:
    """However few points are kept: the ends, the lowest and the highest stay, in their order."""
    points: list[Point] = list(enumerate(values))
    kept = thinned(points, most)
    assert len(kept) <= most
    assert kept == sorted(set(kept) & set(points))
    finite = [value for value in values if value is not None]
    if points:
        assert (kept[0], kept[-1]) == (points[0], points[-1])
    if finite:
        left = [value for _, value in kept if value is not None]
        assert (min(left), max(left)) == (min(finite), max(finite))


def test_a_gap_stays_a_gap() -> None:
    """A part whose reports were no finite numbers has a point that is none."""
    points: list[Point] = [(step, None if 300 <= step < 700 else 1.0) for step in range(1000)]
    assert any(value is None for _, value in thinned(points, 100))
