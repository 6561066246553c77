"""Laws of scales, boxes and spaces, whatever the space."""

import math

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from caviar.errors import InputError
from caviar.space import Box, Interval, Kept, Numeric, Parameter, Space

UNITS = st.floats(0.0, 1.0)
law = settings(max_examples=60)


@st.composite
def entries(draw: st.DrawFn) -> dict:
    """One parameter as in a study file; ranges that floats cannot divide are drawn again."""
    kind = draw(st.sampled_from(["float", "int", "categorical"]))
    if kind == "categorical":
        names = st.lists(st.sampled_from(["sgd", "adam", "lion", 16, 0.5, True]), unique_by=str)
        return {"type": kind, "choices": draw(names.filter(lambda n: len(n) > 1))}
    if kind == "int":
        scale = draw(st.sampled_from(["linear", "log"]))
        low = draw(st.integers(1 if scale == "log" else -(10**6), 10**6))
        high = draw(st.integers(low + 1, low + 10**6))
        return {"type": kind, "low": low, "high": high, "scale": scale}
    scale = draw(st.sampled_from(["linear", "log", "reverse_log"]))
    ends = {
        "linear": st.floats(-1e6, 1e6),
        "log": st.floats(1e-12, 1e6),
        "reverse_log": st.floats(-10.0, 1 - 1e-9),
    }[scale]
    low, high = sorted((draw(ends), draw(ends)))
    gap = {"linear": high - low, "log": low and high / low - 1, "reverse_log": high - low}[scale]
    assume(gap > 1e-6)
    return {"type": kind, "low": low, "high": high, "scale": scale}


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    """Up to six parameters, some of which apply only under a value of an earlier one."""
    mapping: dict[str, dict] = {}
    for place in range(draw(st.integers(1, 6))):
        entry = draw(entries())
        parents = {n: e for n, e in mapping.items() if e["type"] != "float"}
        if parents and draw(st.booleans()):
            name = draw(st.sampled_from(sorted(parents)))
            parent = parents[name]
            values = parent.get("choices") or [parent["low"], parent["high"]]
            kept = draw(st.lists(st.sampled_from(values), min_size=1, unique_by=str))
            entry["when"] = {name: kept}
        if draw(st.booleans()):
            entry["tier"] = draw(st.integers(1, 4))
        mapping[f"p{place}"] = entry
    return Space.parse(mapping)


@st.composite
def boxes(draw: st.DrawFn, space: Space) -> Box:
    sides: list[Interval | Kept] = []
    for parameter in space:
        if isinstance(parameter, Numeric):
            lo, hi = sorted((draw(UNITS), draw(UNITS)))
            assume(hi - lo > 1e-9)
            sides.append(Interval(lo, hi))
        else:
            choices = st.lists(st.sampled_from(parameter.choices), min_size=1, unique_by=str)
            sides.append(Kept(tuple(draw(choices))))
    return Box(space, tuple(sides))


def points(space: Space) -> st.SearchStrategy[dict]:
    vectors = st.lists(UNITS, min_size=len(space), max_size=len(space))
    return vectors.map(space.from_unit)


def first(entry: dict) -> Parameter:
    return Space.parse({"x": entry}).parameters[0]


@law
@given(entries(), UNITS)
def test_a_value_drawn_from_the_unit_interval_never_leaves_the_bounds(entry, unit):
    """Whatever the place, the parameter itself accepts the value that lies there."""
    parameter = first(entry)
    value = parameter.from_unit(unit)
    assert parameter.check(value) == (value, "")


@law
@given(entries(), UNITS)
def test_scales_are_bijections(entry, unit):
    """A value survives the way to the unit interval and back; a float up to its rounding."""
    parameter = first(entry)
    value = parameter.from_unit(unit)
    place = parameter.to_unit(value)
    assert 0.0 <= place <= 1.0
    if parameter.type == "float":
        assert math.isclose(place, unit, abs_tol=1e-6)
        assert math.isclose(parameter.from_unit(place), value, rel_tol=1e-9, abs_tol=1e-9)
    else:
        assert parameter.from_unit(place) == value


@law
@given(entries(), UNITS, UNITS)
def test_scales_are_monotone(entry, one, other):
    """A larger place never has a smaller value."""
    parameter = first(entry)
    low, high = (parameter.from_unit(unit) for unit in sorted((one, other)))
    if isinstance(parameter, Numeric):
        assert low <= high
    else:
        assert parameter.choices.index(low) <= parameter.choices.index(high)


@law
@given(spaces())
def test_a_space_survives_json(space):
    """What to_json writes, parse reads back to an equal space."""
    assert Space.parse(space.to_json()) == space


@law
@given(st.data())
def test_a_drawn_point_is_a_point(data):
    """Points drawn from the cube pass the check, and keep their values on the way there and back."""
    space = data.draw(spaces())
    point = data.draw(points(space))
    assert space.check_point(point) == point
    assert tuple(point) == space.active(point)
    places, active = space.encode([point])
    assert np.all(places[~active] == 0.5)
    again = space.from_unit(space.to_unit(point))
    assert list(again) == list(point)
    for name, value in point.items():
        if space[name].type == "float":
            assert math.isclose(again[name], value, rel_tol=1e-9, abs_tol=1e-9)
        else:
            assert again[name] == value


@law
@given(st.data())
def test_boxes_are_never_empty_and_within_the_bounds(data):
    """Every side has a value, every box holds some point, lies in the whole box and survives JSON."""
    space = data.draw(spaces())
    box = data.draw(boxes(space))
    assert box.inside(Box.whole(space))
    assert Box.from_json(space, box.to_json()) == box
    for name, view in box.to_views().items():
        for value in view.choices or [view.low, view.high]:
            assert space[name].check(value) == (value, "")
            assert box.contains({name: value})


@law
@given(st.data())
def test_a_point_in_an_inner_box_is_in_the_outer_one(data):
    """``inside`` means what it says, point by point."""
    space = data.draw(spaces())
    inner, outer = data.draw(boxes(space)), data.draw(boxes(space))
    point = data.draw(points(space))
    if inner.inside(outer) and inner.contains(point):
        assert outer.contains(point)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "low", "high", "scale", "choices", "when", "tier", "x"]),
            inner | st.sampled_from(["float", "int", "categorical", "log", "reverse_log"]),
            max_size=5,
        )
    ),
    max_leaves=12,
)


@law
@given(st.dictionaries(st.text(max_size=6) | st.sampled_from(["lr", "x"]), JUNK, max_size=3))
def test_any_data_is_a_space_or_an_input_error(mapping):
    """Nothing that YAML can hold makes the reader fail in another way, or pass an unusable space."""
    try:
        space = Space.parse(mapping)
    except InputError:
        return
    point = space.from_unit([0.5] * len(space))
    assert space.check_point(point) == point
