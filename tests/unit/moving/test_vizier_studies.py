"""A Vizier study: both spellings, its scales, conditions, metrics with bounds, and its algorithms."""

from __future__ import annotations

import json
from typing import Any

import pytest

from caviar.errors import InputError
from caviar.moving.reading import read_data
from caviar.moving.report import Moved
from caviar.moving.vizier import from_vizier, spelled
from tests.support.moved import data_of, fates, said, study_of

MOMENTUM = {
    "parameterId": "momentum",
    "doubleValueSpec": {"minValue": 0.9, "maxValue": 0.999},
    "scaleType": "UNIT_REVERSE_LOG_SCALE",
}
SPEC: dict[str, Any] = {
    "metrics": [{"metricId": "acc", "goal": "MAXIMIZE"}],
    "parameters": [
        {
            "parameterId": "lr",
            "doubleValueSpec": {"minValue": 1e-05, "maxValue": 0.1, "defaultValue": 0.01},
            "scaleType": "UNIT_LOG_SCALE",
        },
        {"parameterId": "layers", "integerValueSpec": {"minValue": "1", "maxValue": "5"}},
        {
            "parameterId": "opt",
            "categoricalValueSpec": {"values": ["sgd", "adam"], "defaultValue": "adam"},
            "conditionalParameterSpecs": [
                {"parentCategoricalValues": {"values": ["sgd"]}, "parameterSpec": MOMENTUM}
            ],
        },
    ],
}


def moved(data: dict[str, Any]) -> Moved:
    return from_vizier(read_data(json.dumps(data), "a study"), "vizier")


def snake(value: Any) -> Any:
    """The same in protobuf's own spelling."""
    if isinstance(value, dict):
        return {spelled(key): snake(inner) for key, inner in value.items()}
    return [snake(inner) for inner in value] if isinstance(value, list) else value


def with_parameter(**entry: Any) -> Moved:
    """A study of ``x`` alone."""
    return moved({**SPEC, "parameters": [{"parameterId": "x", **entry}]})


@pytest.mark.parametrize("spec", [SPEC, snake(SPEC)])
def test_both_spellings_give_the_same_study(spec: dict[str, Any]) -> None:
    """With defaults, and a condition as `when`."""
    found = moved({"displayName": "mine", "studySpec": spec})
    assert data_of(found)["space"] == {
        "lr": {"type": "float", "low": 1e-05, "high": 0.1, "scale": "log", "default": 0.01},
        "layers": {"type": "int", "low": 1, "high": 5},
        "opt": {"type": "categorical", "choices": ["sgd", "adam"], "default": "adam"},
        "momentum": {
            "type": "float",
            "low": 0.9,
            "high": 0.999,
            "scale": "reverse_log",
            "when": {"opt": ["sgd"]},
        },
    }
    assert study_of(found).name == "mine"
    assert study_of(found).stopping.rule == "none"


def test_the_reverse_scale_is_near_and_says_what_differs() -> None:
    """Vizier mirrors the range, Caviar looks at 1 - x: the same only where both bounds sum to 1."""
    found = moved(SPEC)
    assert "the log of 1.899 - x is even there" in said(found, "momentum (opt ['sgd'])")
    exact = with_parameter(
        doubleValueSpec={"minValue": 0.001, "maxValue": 0.999}, scaleType="UNIT_REVERSE_LOG_SCALE"
    )
    assert fates(exact)["x"] == "carried"
    above = with_parameter(
        doubleValueSpec={"minValue": 1, "maxValue": 9}, scaleType="UNIT_REVERSE_LOG_SCALE"
    )
    assert "cannot reach 9: linear" in said(above, "x")


def test_discrete_values_are_whole_numbers_where_none_is_left_out() -> None:
    """Otherwise choices, whose order is lost."""
    assert data_of(with_parameter(discreteValueSpec={"values": [2, 3, 4]}))["space"]["x"] == {
        "type": "int",
        "low": 2,
        "high": 4,
    }
    found = with_parameter(discreteValueSpec={"values": [16, 32, 64], "defaultValue": 32})
    assert data_of(found)["space"]["x"] == {
        "type": "categorical",
        "choices": [16, 32, 64],
        "default": 32,
    }
    assert "the order of discrete values is not kept" in said(found, "x")


def test_zeros_that_protobuf_leaves_out_are_zeros() -> None:
    """JSON of a message has no field that is 0."""
    found = with_parameter(doubleValueSpec={"maxValue": 0.5})
    assert data_of(found)["space"]["x"] == {"type": "float", "low": 0.0, "high": 0.5}


def test_conditions_on_numbers_and_on_conditional_parameters() -> None:
    """Whole numbers are written as text; a condition holds where its parent is there."""
    deepest = {"parameterId": "c", "doubleValueSpec": {"minValue": 0, "maxValue": 1}}
    inner = {
        "parameterId": "b",
        "discreteValueSpec": {"values": [0.5, 1.5]},
        "conditionalParameterSpecs": [
            {"parentDiscreteValues": {"values": [1.5]}, "parameterSpec": deepest}
        ],
    }
    found = with_parameter(
        integerValueSpec={"minValue": "1", "maxValue": "4"},
        conditionalParameterSpecs=[
            {"parentIntValues": {"values": ["2", "3", "9"]}, "parameterSpec": inner}
        ],
    )
    space = data_of(found)["space"]
    assert space["b"]["when"] == {"x": [2, 3]}
    assert space["c"]["when"] == {"b": [1.5]}
    study_of(found)


def test_what_depends_on_a_constant_is_there_always_or_never() -> None:
    """A categorical parameter with one value is no parameter here."""
    children = [
        {
            "parentCategoricalValues": {"values": [value]},
            "parameterSpec": {"parameterId": name, "doubleValueSpec": {"maxValue": 1}},
        }
        for name, value in (("always", "sgd"), ("never", "adam"))
    ]
    found = with_parameter(
        categoricalValueSpec={"values": ["sgd"]}, conditionalParameterSpecs=children
    )
    assert data_of(found)["space"] == {"always": {"type": "float", "low": 0, "high": 1}}
    assert said(found, "never (x ['adam'])") == "its condition never holds: x is always 'sgd'"


def test_a_second_range_of_the_same_name_is_left_out() -> None:
    """A study has one for each name."""
    twice = [
        {
            "parentCategoricalValues": {"values": [value]},
            "parameterSpec": {"parameterId": "m", "doubleValueSpec": {"maxValue": high}},
        }
        for value, high in (("a", 1), ("b", 2))
    ]
    found = with_parameter(
        categoricalValueSpec={"values": ["a", "b"]}, conditionalParameterSpecs=twice
    )
    assert data_of(found)["space"]["m"] == {
        "type": "float",
        "low": 0,
        "high": 1,
        "when": {"x": ["a"]},
    }
    assert fates(found)["m (x ['b'])"] == "left out"


def test_safety_metrics_become_constraints_and_other_metrics_are_left_out() -> None:
    """A threshold bounds from the side that the goal says."""
    metrics = [
        {"metricId": "acc", "goal": "MAXIMIZE"},
        {"metricId": "ms", "goal": "MINIMIZE", "safetyConfig": {"safetyThreshold": 50}},
        {"metricId": "recall", "goal": "MAXIMIZE", "safetyConfig": {"safetyThreshold": 0.8}},
        {"metricId": "size", "goal": "MINIMIZE"},
    ]
    found = moved({**SPEC, "metrics": metrics})
    assert data_of(found)["constraints"] == {"ms": {"max": 50.0}, "recall": {"min": 0.8}}
    assert fates(found)["metrics.size"] == "left out"


def test_limits_algorithms_and_stopping() -> None:
    """Of a tuning job of Vertex AI and of a study that stops by itself."""
    stopping = {"maxNumTrials": 30, "maximumRuntimeConstraint": {"maxDuration": "5400s"}}
    spec = {
        **SPEC,
        "algorithm": "RANDOM_SEARCH",
        "medianAutomatedStoppingSpec": {},
        "studyStoppingConfig": stopping,
        "observationNoise": "HIGH",
    }
    found = moved({"studySpec": spec})
    study = study_of(found)
    assert (study.strategy, study.budget.trials, study.budget.hours) == ("random", 30, 1.5)
    assert study.stopping.rule == "asha"
    assert fates(found)["observationNoise"] == "left out"
    job = moved({"studySpec": SPEC, "maxTrialCount": "12", "parallelTrialCount": 3})
    assert study_of(job).budget.trials == 12
    assert fates(job)["algorithm"] == "changed"


def test_what_is_wrong_is_told_with_its_place() -> None:
    """All of it at once."""
    parameters = [
        {"doubleValueSpec": {"maxValue": 1}},
        {"parameterId": "a"},
        {"parameterId": "b", "doubleValueSpec": {"minValue": 2, "maxValue": 1}},
        {"parameterId": "c", "doubleValueSpec": {"maxValue": 1}, "scaleType": "LOG"},
        {
            "parameterId": "d",
            "categoricalValueSpec": {"values": ["x", "y"]},
            "conditionalParameterSpecs": [{"parameterSpec": MOMENTUM}],
        },
    ]
    with pytest.raises(InputError) as raised:
        moved({"metrics": [{"metricId": "m", "goal": "UP"}], "parameters": parameters})
    told = str(raised.value)
    for expected in (
        "parameters.0: it has no parameterId",
        "parameters.1: a has 0 value specs",
        "parameters.2.doubleValueSpec.minValue: 2 is above maxValue 1",
        "parameters.3.scaleType: 'LOG' is not known",
        "parameters.4.conditionalParameterSpecs.0: it has no parent values",
        "metrics.0.goal: 'UP' is not known",
    ):
        assert expected in told
