"""A SageMaker tuning job as a study: its scales, its limits, and what only SageMaker has."""

from __future__ import annotations

import json
from typing import Any

import pytest

from caviar.errors import InputError
from caviar.moving.reading import read_data
from caviar.moving.report import Moved
from caviar.moving.sagemaker import from_sagemaker
from tests.support.moved import data_of, fates, said, study_of

RANGES: dict[str, Any] = {
    "ContinuousParameterRanges": [
        {"Name": "eta", "MinValue": "0.001", "MaxValue": "0.5", "ScalingType": "Logarithmic"},
        {
            "Name": "mom",
            "MinValue": "0.9",
            "MaxValue": "0.999",
            "ScalingType": "ReverseLogarithmic",
        },
    ],
    "IntegerParameterRanges": [
        {"Name": "max_depth", "MinValue": "1", "MaxValue": "10", "ScalingType": "Linear"}
    ],
    "CategoricalParameterRanges": [{"Name": "tree_method", "Values": ["auto", "exact"]}],
}
CONFIG: dict[str, Any] = {
    "Strategy": "Bayesian",
    "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "auc"},
    "ResourceLimits": {
        "MaxNumberOfTrainingJobs": 20,
        "MaxParallelTrainingJobs": 3,
        "MaxRuntimeInSeconds": 7200,
    },
    "ParameterRanges": RANGES,
    "TrainingJobEarlyStoppingType": "Off",
}
JOB = {"HyperParameterTuningJobName": "xgb-1", "HyperParameterTuningJobConfig": CONFIG}


def moved(data: dict[str, Any]) -> Moved:
    return from_sagemaker(read_data(json.dumps(data), "a job"), "job")


def test_every_scale_with_a_name_is_carried_exactly() -> None:
    """SageMaker's reverse logarithm is Caviar's: the log of 1 - x."""
    found = moved(JOB)
    assert data_of(found)["space"] == {
        "max_depth": {"type": "int", "low": 1, "high": 10},
        "eta": {"type": "float", "low": 0.001, "high": 0.5, "scale": "log"},
        "mom": {"type": "float", "low": 0.9, "high": 0.999, "scale": "reverse_log"},
        "tree_method": {"type": "categorical", "choices": ["auto", "exact"]},
    }
    assert {fates(found)[name] for name in ("max_depth", "eta", "mom", "tree_method")} == {
        "carried"
    }


@pytest.mark.parametrize("job", [JOB, CONFIG, {"ParameterRanges": RANGES}, RANGES])
def test_the_request_its_config_and_the_ranges_alone_are_read(job: dict[str, Any]) -> None:
    """Whichever a person has at hand."""
    assert len(study_of(moved(job)).space) == 4


def test_limits_become_the_budget() -> None:
    """Jobs are trials, seconds hours."""
    criteria = {"TargetObjectiveMetricValue": 0.9, "ConvergenceDetected": {}}
    found = moved({**CONFIG, "TuningJobCompletionCriteria": criteria})
    study = study_of(found)
    assert (study.budget.trials, study.budget.hours, study.budget.target) == (20, 2.0, 0.9)
    assert (study.metric.name, study.metric.goal) == ("auc", "maximize")
    assert study.stopping.rule == "none"
    assert fates(found)["MaxParallelTrainingJobs"] == "left out"
    assert fates(found)["ConvergenceDetected"] == "left out"


@pytest.mark.parametrize(
    "bounds, scale",
    [(("0.00001", "0.5"), "log"), (("0.1", "0.5"), None), (("0", "1000"), None)],
)
def test_auto_is_log_from_three_decades_on_and_says_so(
    bounds: tuple[str, str], scale: str | None
) -> None:
    """What SageMaker chose is not in the file; also where the type is left out."""
    for extra in ({"ScalingType": "Auto"}, {}):
        entry = {"Name": "x", "MinValue": bounds[0], "MaxValue": bounds[1], **extra}
        found = moved({"ContinuousParameterRanges": [entry]})
        assert data_of(found)["space"]["x"].get("scale") == scale
        assert "Auto lets SageMaker choose" in said(found, "x")


def test_hyperband_is_early_stopping_here() -> None:
    """Its least resource is the first step at which a trial can end."""
    config = {
        **CONFIG,
        "Strategy": "Hyperband",
        "StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 5, "MaxResource": 100}},
    }
    study = study_of(moved(config))
    assert (study.strategy, study.stopping.rule, study.stopping.min_steps) == ("zoom", "asha", 5)


def test_a_metric_of_a_built_in_algorithm_is_renamed_as_mlflow_takes_it() -> None:
    """`validation:auc` is no name there."""
    objective = {"Type": "Maximize", "MetricName": "validation:auc"}
    found = moved({**CONFIG, "HyperParameterTuningJobObjective": objective})
    assert study_of(found).metric.name == "validation_auc"
    assert fates(found)["HyperParameterTuningJobObjective"] == "changed"


def test_the_definition_of_the_job_is_read_for_what_is_fixed_and_tuned() -> None:
    """A job of one definition may have its ranges and its objective there."""
    definition = {
        "HyperParameterRanges": RANGES,
        "StaticHyperParameters": {"objective": "binary:logistic"},
        "TuningObjective": {"Type": "Minimize", "MetricName": "loss"},
    }
    config = {"Strategy": "Random"}
    job = {"HyperParameterTuningJobConfig": config, "TrainingJobDefinitions": [definition]}
    found = moved(job)
    assert study_of(found).metric.name == "loss"
    assert "binary:logistic" in said(found, "StaticHyperParameters.objective")
    with pytest.raises(InputError, match="2 algorithms are tuned at once"):
        moved({**job, "TrainingJobDefinitions": [definition, definition]})


def test_what_is_wrong_is_told_with_its_place() -> None:
    """Also numbers, which SageMaker writes as text."""
    wrong = [
        {"Name": "a", "MinValue": "one", "MaxValue": "2"},
        {"Name": "b", "MinValue": "3", "MaxValue": "2", "ScalingType": "Log"},
        {"MinValue": "3", "MaxValue": "2"},
    ]
    with pytest.raises(InputError) as raised:
        moved({"ContinuousParameterRanges": wrong})
    told = str(raised.value)
    assert "ContinuousParameterRanges.0.MinValue: 'one' is not a number" in told
    assert "ContinuousParameterRanges.1.MinValue: 3 is above MaxValue 2" in told
    assert "ScalingType: 'Log' is not known" in told
    assert "ContinuousParameterRanges.2.Name: this is missing" in told
