"""Laws of moving: whatever comes out can be loaded, and no value that the source can draw lies outside of it."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from hyperopt import hp
from hyperopt.pyll import scope
from hyperopt.pyll.stochastic import sample
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
)

from caviar.errors import InputError
from caviar.moving import from_hyperopt
from caviar.moving.importing import READERS, guessed
from caviar.moving.optuna import from_distributions
from caviar.moving.reading import read_data
from caviar.moving.report import FATES, Moved
from caviar.moving.sagemaker import from_sagemaker
from caviar.moving.vizier import from_vizier
from caviar.moving.wandb import from_wandb
from caviar.space import Space
from caviar.studies.spec import load_study
from tests.support.moved import WHOLE

law = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])

NUMBERS = st.one_of(
    st.integers(-50, 50),
    st.floats(-1e3, 1e3, allow_nan=False).map(lambda x: float(f"{x:.6g}")),
)
POSITIVE = st.floats(1e-6, 1e3).map(lambda x: float(f"{x:.6g}"))
STEPS = st.sampled_from([1, 2, 0.5, 0.1, 3, 32])
TEXT = st.text(max_size=8)
NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=6)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXT)
KEYS = """parameters method metric name goal min max values value distribution probabilities q mu sigma command program
early_terminate type studySpec parameterId doubleValueSpec minValue maxValue conditionalParameterSpecs metrics metricId
ParameterRanges ContinuousParameterRanges Name MinValue MaxValue ScalingType uniform log_uniform random maximize
hyperband min_iter attributes low high step log choices FloatDistribution categoricalValueSpec"""
WORDS = st.sampled_from(KEYS.split())
ANYTHING = st.recursive(
    st.one_of(SCALARS, WORDS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(WORDS, TEXT), inner, max_size=4)
    ),
    max_leaves=12,
)


@st.composite
def damaged(draw: st.DrawFn, value: Any) -> Any:
    """``value`` with something else at one place of it."""
    if not isinstance(value, (dict, list)) or not value or draw(st.integers(0, 7)) == 0:
        return draw(ANYTHING)
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = draw(st.sampled_from(keys))
    copied = dict(value) if isinstance(value, dict) else list(value)
    if draw(st.integers(0, 7)) == 0:
        del copied[key]
    else:
        copied[key] = draw(damaged(value[key]))
    return copied


def space_of(moved: Moved) -> Space:
    """The text can be loaded, and every line of the report has a known fate and a reason."""
    assert {line.fate for line in moved.lines} <= set(FATES)
    assert all(line.place and line.said for line in moved.lines)
    return load_study(moved.text).space


def inside(space: Space, name: str, value: Any) -> bool:
    """Up to the rounding of the fifteenth digit."""
    parameter = space[name]
    if parameter.type == "categorical":
        return parameter.check(value)[1] == ""
    slack = 1e-12 * max(abs(parameter.low), abs(parameter.high), 1.0)
    return bool(parameter.low - slack <= value <= parameter.high + slack)


@law
@given(
    st.sampled_from(sorted(READERS)), st.dictionaries(st.one_of(WORDS, TEXT), ANYTHING, max_size=5)
)
def test_anything_at_all_is_either_refused_or_a_study(kind: str, data: dict[str, Any]) -> None:
    """No other error, whatever a file says."""
    guessed(data)
    try:
        moved = READERS[kind](read_data(json.dumps(data), "a file"), "s")
    except InputError:
        return
    space_of(moved)


@law
@given(st.data())
def test_a_file_that_is_wrong_in_one_place_is_either_refused_or_a_study(
    data: st.DataObject,
) -> None:
    """What a slip or an attacker makes of a file that was right."""
    kind = data.draw(st.sampled_from(sorted(WHOLE)))
    broken = data.draw(damaged(WHOLE[kind]).filter(lambda value: isinstance(value, dict)))
    try:
        moved = READERS[kind](read_data(json.dumps(broken), "a file"), "s")
    except InputError:
        return
    space_of(moved)


@st.composite
def sweeps(draw: st.DrawFn) -> tuple[dict[str, Any], Any]:
    """A parameter of a sweep, and how W&B draws it from a number in [0, 1]."""
    kind = draw(
        st.sampled_from(
            ["uniform", "int_uniform", "log_uniform", "log_uniform_values", "inv_log_uniform"]
        )
    )
    q = draw(st.one_of(st.none(), STEPS))
    if kind in ("log_uniform", "inv_log_uniform"):
        low, high = sorted(draw(st.tuples(*[st.floats(-12, 7)] * 2)))
    elif kind == "log_uniform_values":
        low, high = sorted((draw(POSITIVE), draw(POSITIVE)))
    else:
        low, high = sorted((draw(NUMBERS), draw(NUMBERS)))
    if kind == "int_uniform":
        low, high = math.floor(low), math.ceil(high)
        return {"min": low, "max": high}, lambda u: math.floor(low + u * (high - low))
    entry: dict[str, Any] = {"distribution": kind, "min": low, "max": high}
    draws = {
        "uniform": lambda u: low + u * (high - low),
        "log_uniform": lambda u: math.exp(low + u * (high - low)),
        "inv_log_uniform": lambda u: math.exp(-low - u * (high - low)),
        "log_uniform_values": lambda u: low * (high / low) ** u,
    }[kind]
    if q is None or kind == "inv_log_uniform":
        return entry, draws
    entry |= {"distribution": f"q_{kind}", "q": q}
    return entry, lambda u: float(np.round(draws(u) / q) * q)


@law
@given(sweeps(), st.floats(0, 1))
def test_no_value_that_a_sweep_can_draw_lies_outside_of_the_study(
    given_: tuple[dict[str, Any], Any], place: float
) -> None:
    """Also at the bounds and with steps; values that W&B rounds to 0 on a log scale are told instead."""
    entry, drawn = given_
    data = {"method": "random", "parameters": {"x": entry, "y": {"min": 0.0, "max": 1.0}}}
    moved = from_wandb(read_data(json.dumps(data), "a sweep"), "s")
    space = space_of(moved)
    line = next(line for line in moved.lines if line.place == "parameters.x")
    if line.fate == "left out":
        return
    for u in (0.0, place, 1.0):
        value = drawn(u)
        if value > 0 or "rounds values below" not in line.said:
            assert inside(space, "x", value), (value, moved.text)


@law
@given(st.data())
def test_no_value_that_hyperopt_draws_lies_outside_of_the_study(data: st.DataObject) -> None:
    """Drawn by Hyperopt itself, from nested spaces; what has no bounds is near them."""
    low, high = sorted(data.draw(st.tuples(*[st.floats(-6, 6).map(lambda x: round(x, 3))] * 2)))
    high = max(high, low + 0.1)
    q = data.draw(st.sampled_from([1, 0.5, 2]))
    ranges = {
        "u": hp.uniform("u", low, high),
        "qu": hp.quniform("qu", low, high, q),
        "lu": hp.loguniform("lu", low, high),
        "qlu": hp.qloguniform("qlu", low, high, q),
        "ui": hp.uniformint("ui", math.floor(low), math.ceil(high)),
        "r": hp.randint("r", 2, 9),
        "i": scope.int(hp.quniform("i", math.floor(low), math.ceil(high), 1)),
        "c": hp.choice("c", ["a", "b", 3]),
    }
    space = hp.choice("m", [{"t": "a", **ranges}, {"t": "b", "v": hp.randint("v", 1, 4)}])
    moved = from_hyperopt(space)
    found = space_of(moved)
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    for _ in range(5):
        drawn = sample(space, rng)
        assert inside(found, "m", drawn["t"])
        for name, value in drawn.items():
            if name not in found:
                continue  # its key in the options, or a constant
            assert found.active({"m": drawn["t"]} | {name: value})
            if name == "qlu" and value <= 0:
                assert any("rounded to 0" in line.said for line in moved.lines)
            else:
                assert inside(found, name, value), (name, value, moved.text)


@st.composite
def distributions(draw: st.DrawFn) -> Any:
    """Any of Optuna's."""
    log = draw(st.booleans())
    kind = draw(st.sampled_from(["float", "int", "categorical"]))
    if kind == "categorical":
        values = st.one_of(st.integers(2, 99), st.sampled_from("abc"), st.none())
        return CategoricalDistribution(draw(st.lists(values, min_size=2, max_size=4, unique=True)))
    numbers = POSITIVE if log else NUMBERS
    low, high = sorted((draw(numbers), draw(numbers)))
    if kind == "float":
        return FloatDistribution(low, high if high > low else low + 1, log=log)
    low, high = math.floor(low) + (1 if log else 0), math.ceil(high) + 2
    step = 1 if log else draw(st.sampled_from([1, 2]))
    return IntDistribution(low, low + (high - low) // step * step, log=log, step=step)


@law
@given(st.dictionaries(NAMES, distributions(), min_size=1, max_size=5))
def test_optunas_distributions_keep_their_bounds_and_scales(given_: dict[str, Any]) -> None:
    """Whatever their names are: MLflow's rules change a name, never a range."""
    written = {name: distribution_to_json(each) for name, each in given_.items()}
    source = read_data(json.dumps(written), "distributions")
    space = space_of(from_distributions(source, "s"))
    assert len(space) == len(given_)
    for parameter, distribution in zip(space, given_.values(), strict=True):
        if isinstance(distribution, CategoricalDistribution):
            assert len(parameter.choices) == len(distribution.choices)
            continue
        assert parameter.low == distribution.low
        assert parameter.high == distribution.high
        assert parameter.scale == ("log" if distribution.log else "linear")


@law
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Linear", "Logarithmic", "ReverseLogarithmic", "Auto"]),
            st.booleans(),
            st.floats(0, 0.9).map(lambda x: round(x, 4)),
            st.floats(0.91, 50).map(lambda x: round(x, 4)),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_bounds_of_sagemaker_and_vizier_are_those_of_the_study(rows: list[Any]) -> None:
    """Whatever the scale becomes."""
    names = [f"p{place}" for place in range(len(rows))]
    bounds = [
        (math.floor(low), math.ceil(high) + 1) if whole else (low, high)
        for _, whole, low, high in rows
    ]
    job: dict[str, Any] = {"IntegerParameterRanges": [], "ContinuousParameterRanges": []}
    parameters = []
    scales = {
        "Linear": "UNIT_LINEAR_SCALE",
        "Logarithmic": "UNIT_LOG_SCALE",
        "ReverseLogarithmic": "UNIT_REVERSE_LOG_SCALE",
        "Auto": "SCALE_TYPE_UNSPECIFIED",
    }
    for name, (scale, whole, _, _), (low, high) in zip(names, rows, bounds, strict=True):
        kind = "IntegerParameterRanges" if whole else "ContinuousParameterRanges"
        entry = {"Name": name, "MinValue": str(low), "MaxValue": str(high), "ScalingType": scale}
        job[kind].append(entry)
        key = "integerValueSpec" if whole else "doubleValueSpec"
        spec = {"minValue": low, "maxValue": high}
        parameters.append({"parameterId": name, key: spec, "scaleType": scales[scale]})
    study = {"parameters": parameters, "metrics": [{"metricId": "m", "goal": "MINIMIZE"}]}
    for space in (
        space_of(from_sagemaker(read_data(json.dumps(job), "a job"), "s")),
        space_of(from_vizier(read_data(json.dumps(study), "a study"), "s")),
    ):
        for name, (low, high) in zip(names, bounds, strict=True):
            assert (space[name].low, space[name].high) == (low, high)
