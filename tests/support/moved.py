"""What tests of moving look at: the study that came out, and the report by place."""

from __future__ import annotations

from typing import Any

from caviar.moving.report import Moved
from caviar.studies.source import read_source
from caviar.studies.spec import Study, load_study

WHOLE: dict[str, Any] = {
    "wandb": {
        "method": "bayes",
        "program": "train.py",
        "command": ["${env}", "python", "${program}", "${args}", "${envvar:X}"],
        "metric": {"name": "loss", "goal": "minimize", "target": 0.1},
        "run_cap": 10,
        "early_terminate": {"type": "hyperband", "max_iter": 27, "s": 2, "eta": 3},
        "parameters": {
            "a": {"values": [1, 2], "probabilities": [0.5, 0.5]},
            "b": {"distribution": "q_log_normal", "mu": 0, "sigma": 1, "q": 2},
            "c": {"parameters": {"d": {"min": 0.0, "max": 1.0}, "e": {"value": 3}}},
            "f": {"distribution": "q_log_uniform_values", "min": 1, "max": 9, "q": 1},
        },
    },
    "sagemaker": {
        "HyperParameterTuningJobName": "job",
        "HyperParameterTuningJobConfig": {
            "Strategy": "Hyperband",
            "StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 3}},
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "m"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 9, "MaxRuntimeInSeconds": 60},
            "RandomSeed": 3,
            "TuningJobCompletionCriteria": {"TargetObjectiveMetricValue": 1.5},
            "ParameterRanges": {
                "ContinuousParameterRanges": [{"Name": "a", "MinValue": "1", "MaxValue": "2"}],
                "IntegerParameterRanges": [{"Name": "b", "MinValue": "1", "MaxValue": "2"}],
                "CategoricalParameterRanges": [{"Name": "c", "Values": ["x", "y"]}],
                "AutoParameters": [{"Name": "d", "ValueHint": "3"}],
            },
        },
        "TrainingJobDefinition": {"StaticHyperParameters": {"e": "1"}},
    },
    "vizier": {
        "displayName": "study",
        "maxTrialCount": 5,
        "studySpec": {
            "algorithm": "RANDOM_SEARCH",
            "metrics": [
                {"metricId": "m", "goal": "MAXIMIZE"},
                {"metricId": "n", "goal": "MINIMIZE", "safetyConfig": {"safetyThreshold": 1}},
            ],
            "studyStoppingConfig": {"maximumRuntimeConstraint": {"maxDuration": "60s"}},
            "parameters": [
                {
                    "parameterId": "a",
                    "doubleValueSpec": {"minValue": 1, "defaultValue": 1.5, "maxValue": 2},
                },
                {
                    "parameterId": "b",
                    "discreteValueSpec": {"values": [1, 2, 4]},
                    "conditionalParameterSpecs": [
                        {
                            "parentDiscreteValues": {"values": [2]},
                            "parameterSpec": {
                                "parameterId": "c",
                                "integerValueSpec": {"minValue": "1", "maxValue": "9"},
                                "scaleType": "UNIT_LOG_SCALE",
                            },
                        }
                    ],
                },
            ],
        },
    },
    "optuna": {
        "a": {"name": "FloatDistribution", "attributes": {"low": 0.1, "high": 1.0, "log": True}},
        "b": {"name": "IntDistribution", "attributes": {"low": 1, "high": 9, "step": 2}},
        "c": {"name": "CategoricalDistribution", "attributes": {"choices": ["x", None, 1]}},
    },
}
"""One of each, with all that is read."""


def study_of(moved: Moved) -> Study:
    """The text can be loaded, whatever came in."""
    return load_study(moved.text)


def data_of(moved: Moved) -> dict[str, Any]:
    """The study file as plain data."""
    return read_source(moved.text).data


def fates(moved: Moved) -> dict[str, str]:
    """By place: carried, changed, left out or to fill in."""
    return {line.place: line.fate for line in moved.lines}


def said(moved: Moved, place: str) -> str:
    """What the report says of a place."""
    return next(line.said for line in moved.lines if line.place == place)
