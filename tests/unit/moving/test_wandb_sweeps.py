"""A W&B sweep as a study: every distribution of its schema, the search, early stopping and the command."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from caviar.errors import InputError
from caviar.moving.reading import read_data
from caviar.moving.report import Moved
from caviar.moving.wandb import from_wandb
from tests.support.moved import data_of, fates, said, study_of

SWEEP = {
    "method": "random",
    "metric": {"name": "val_loss", "goal": "minimize"},
    "parameters": {"lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 0.1}},
}


def moved(sweep: dict[str, Any]) -> Moved:
    return from_wandb(read_data(json.dumps(sweep), "a W&B sweep"), "sweep")


def with_parameter(**entry: Any) -> Moved:
    """A sweep of ``x`` alone."""
    return moved({**SWEEP, "parameters": {"x": entry}})


def problems(sweep: dict[str, Any]) -> str:
    with pytest.raises(InputError) as raised:
        moved(sweep)
    return str(raised.value)


EXACT = [
    ({"min": 1, "max": 5}, {"type": "int", "low": 1, "high": 5}),
    ({"min": 0.0, "max": 0.5}, {"type": "float", "low": 0.0, "high": 0.5}),
    ({"min": 0, "max": 0.5}, {"type": "float", "low": 0.0, "high": 0.5}),
    ({"values": ["adam", "sgd"]}, {"type": "categorical", "choices": ["adam", "sgd"]}),
    ({"values": [16, 32]}, {"type": "categorical", "choices": [16, 32]}),
    ({"values": [True, False]}, {"type": "categorical", "choices": [True, False]}),
    (
        {"distribution": "int_uniform", "min": -3, "max": 3},
        {"type": "int", "low": -3, "high": 3},
    ),
    (
        {"distribution": "q_uniform", "min": 2, "max": 9},
        {"type": "int", "low": 2, "high": 9},
    ),
    (
        {"distribution": "log_uniform", "min": math.log(1e-4), "max": 0.0},
        {"type": "float", "low": pytest.approx(1e-4), "high": 1.0, "scale": "log"},
    ),
    (
        {"distribution": "log_uniform_values", "min": 1e-4, "max": 1.0},
        {"type": "float", "low": 1e-4, "high": 1.0, "scale": "log"},
    ),
    (
        {"distribution": "q_log_uniform_values", "min": 1, "max": 64, "q": 1},
        {"type": "int", "low": 1, "high": 64, "scale": "log"},
    ),
    (
        {"distribution": "inv_log_uniform", "min": 0.0, "max": math.log(1000)},
        {"type": "float", "low": pytest.approx(1e-3), "high": 1.0, "scale": "log"},
    ),
    (
        {"distribution": "inv_log_uniform_values", "min": 1e-3, "max": 0.1},
        {"type": "float", "low": 1e-3, "high": 0.1, "scale": "log"},
    ),
    ({"distribution": "beta", "a": 1, "b": 1}, {"type": "float", "low": 0.0, "high": 1.0}),
]


@pytest.mark.parametrize("entry, expected", EXACT)
def test_what_a_study_file_can_say_is_carried_without_a_change(
    entry: dict[str, Any], expected: dict[str, Any]
) -> None:
    """The same values on the same scale."""
    found = with_parameter(**entry)
    assert fates(found)["parameters.x"] == "carried"
    assert data_of(found)["space"]["x"] == expected
    study_of(found)


NEAR = [
    (
        {"distribution": "normal", "mu": 0.9, "sigma": 0.02},
        {"type": "float", "low": 0.84, "high": 0.96},
        "no bounds: mean ± 3 sd",
    ),
    (
        {"distribution": "log_normal", "mu": 0, "sigma": 1},
        {"type": "float", "low": math.exp(-3), "high": math.exp(3), "scale": "log"},
        "exp(mean ± 3 sd)",
    ),
    (
        {"distribution": "q_normal", "mu": 10, "sigma": 2},
        {"type": "int", "low": 4, "high": 16},
        "no bounds",
    ),
    (
        {"distribution": "q_log_normal", "mu": 3, "sigma": 1},
        {"type": "int", "low": 1, "high": 403, "scale": "log"},
        "no bounds",
    ),
    (
        {"distribution": "beta", "a": 2, "b": 5},
        {"type": "float", "low": 0.0, "high": 1.0},
        "beta(2, 5)",
    ),
    (
        {"distribution": "q_beta", "a": 2, "b": 5, "q": 0.25},
        {"type": "float", "low": 0.0, "high": 1.0},
        "choices: [0, 0.25, 0.5, 0.75, 1]",
    ),
    (
        {"distribution": "q_uniform", "min": 0.1, "max": 0.52, "q": 0.1},
        {"type": "float", "low": 0.1, "high": 0.5},
        "choices: [0.1, 0.2, 0.3, 0.4, 0.5]",
    ),
    (
        {"distribution": "q_log_uniform", "min": math.log(32), "max": math.log(256), "q": 32},
        {"type": "int", "low": 32, "high": 256, "scale": "log"},
        "steps of 32 are not kept",
    ),
    (
        {"distribution": "q_log_uniform_values", "min": 0.1, "max": 9},
        {"type": "int", "low": 1, "high": 9, "scale": "log"},
        "rounds values below 0.5 to 0",
    ),
    (
        {"values": ["a", "b"], "probabilities": [0.9, 0.1]},
        {"type": "categorical", "choices": ["a", "b"]},
        "probabilities are not kept",
    ),
    (
        {"values": [None, [64, 64]]},
        {"type": "categorical", "choices": ["None", "[64, 64]"]},
        "json.loads",
    ),
    (
        {"values": ["yes", "no"]},
        {"type": "categorical", "choices": ["yes", "no"]},
        "W&B reads true and false",
    ),
    (
        {"values": [1, 2, 2]},
        {"type": "categorical", "choices": [1, 2]},
        "there twice",
    ),
]


@pytest.mark.parametrize("entry, expected, why", NEAR)
def test_what_is_only_near_says_how_it_differs(
    entry: dict[str, Any], expected: dict[str, Any], why: str
) -> None:
    """A person can decide from the report alone."""
    found = with_parameter(**entry)
    assert fates(found)["parameters.x"] == "changed"
    assert why in said(found, "parameters.x")
    shown = data_of(found)["space"]["x"]
    assert shown == {
        key: pytest.approx(value) if isinstance(value, float) else value
        for key, value in expected.items()
    }
    study_of(found)


@pytest.mark.parametrize(
    "entry, why",
    [
        ({"value": 27}, "always '27'"),
        ({"values": ["adam"]}, "always 'adam'"),
        ({"min": 3, "max": 3}, "always '3'"),
        ({"distribution": "normal", "mu": 1, "sigma": 0}, "always '1'"),
        ({"distribution": "log_uniform", "min": 1, "max": 800}, "larger than any number"),
        ({"distribution": "log_uniform_values", "min": 0, "max": 1}, "cannot reach 0"),
        ({"values": [1, "1"]}, "the same in MLflow"),
    ],
)
def test_what_is_no_parameter_here_is_left_out_with_the_reason(
    entry: dict[str, Any], why: str
) -> None:
    """The rest of the sweep is carried."""
    found = moved({**SWEEP, "parameters": {**SWEEP["parameters"], "x": entry}})
    assert fates(found)["parameters.x"] == "left out"
    assert why in said(found, "parameters.x")
    assert list(data_of(found)["space"]) == ["lr"]


def test_nested_parameters_become_one_each() -> None:
    """Named by their way down."""
    inner = {"wd": {"min": 0.0, "max": 0.1}, "sub": {"parameters": {"m": {"min": 1, "max": 2}}}}
    found = moved({**SWEEP, "parameters": {"opt": {"parameters": inner}}})
    assert list(data_of(found)["space"]) == ["opt.wd", "opt.sub.m"]


def test_the_search_the_budget_and_the_target() -> None:
    """What W&B calls otherwise is found under Caviar's name."""
    metric = {"name": "acc", "goal": "maximize", "target": 0.9, "impute": "worst"}
    found = moved({**SWEEP, "method": "bayes", "metric": metric, "run_cap": 40, "name": "A b!"})
    study = study_of(found)
    assert (study.name, study.strategy, study.metric.goal) == ("A-b", "zoom", "maximize")
    assert (study.budget.trials, study.budget.target) == (40, 0.9)
    assert study.stopping.rule == "none", "a sweep without early_terminate trains every run whole"
    told = fates(found)
    assert told["metric.impute"] == "left out"
    assert told["name"] == told["method"] == "changed"


def test_a_grid_ends_with_its_last_point() -> None:
    """As W&B does, without a run_cap."""
    parameters = {"a": {"values": [1, 2, 3]}, "b": {"min": 1, "max": 4}, "c": {"value": 1}}
    found = moved({**SWEEP, "method": "grid", "parameters": parameters})
    assert study_of(found).budget.trials == 12


@pytest.mark.parametrize(
    "given, expected",
    [
        ({"min_iter": 4}, {"rule": "asha", "reduction": 3, "min_steps": 4}),
        ({"min_iter": 4, "eta": 2}, {"rule": "asha", "reduction": 2, "min_steps": 4}),
        ({"max_iter": 27, "s": 2}, {"rule": "asha", "reduction": 3, "min_steps": 3}),
    ],
)
def test_hyperband_is_asha_from_the_same_first_step_on(
    given: dict[str, Any], expected: dict[str, Any]
) -> None:
    """With the same factor."""
    found = moved({**SWEEP, "early_terminate": {"type": "hyperband", **given}})
    assert data_of(found)["stop"] == expected
    assert fates(found)["early_terminate"] == "changed"


COMMANDS = [
    (None, ["python", "train.py", "--lr={lr}", "--amp={amp}", "--epochs=27"]),
    (
        ["${env}", "python3", "-u", "${program}", "${args_no_equals}"],
        ["python3", "-u", "train.py", "--lr", "{lr}", "--amp", "{amp}", "--epochs", "27"],
    ),
    (
        ["${interpreter}", "${program}", "${args_no_hyphens}"],
        ["python", "train.py", "lr={lr}", "amp={amp}", "epochs=27"],
    ),
    (
        ["${interpreter}", "${program}", "${args_append_hydra}"],
        ["python", "train.py", "+lr={lr}", "+amp={amp}", "+epochs=27"],
    ),
    (
        ["${interpreter}", "${program}", "--home", "${envvar:HOME}", "${args_json}"],
        ["python", "train.py", "--home"],
    ),
]


@pytest.mark.parametrize("given, expected", COMMANDS)
def test_a_command_keeps_its_words(given: list[str] | None, expected: list[str]) -> None:
    """Placeholders stand for the parameters, constants are words; what a trial cannot have is told."""
    parameters = {**SWEEP["parameters"], "amp": {"values": [True, False]}, "epochs": {"value": 27}}
    sweep = {**SWEEP, "program": "train.py", "parameters": parameters}
    found = moved(sweep if given is None else {**sweep, "command": given})
    assert list(study_of(found).trainer.command or ()) == expected
    if "${args_json}" in (given or ()):
        assert "CAVIAR_PARAMS" in said(found, "command")
        assert "which variables a trial sees" in said(found, "command")
    else:
        assert fates(found)["parameters.epochs"] == "carried"
        assert "W&B writes True" in said(found, "program" if given is None else "command")


def test_a_name_that_no_placeholder_can_have_is_changed_but_not_its_argument() -> None:
    """The program sees what it knows."""
    parameters = {"opt": {"parameters": {"weight-decay": {"min": 0.0, "max": 0.1}}}}
    found = moved({**SWEEP, "program": "t.py", "parameters": parameters})
    command = study_of(found).trainer.command or ()
    assert command[-1] == "--opt.weight-decay={opt_weight_decay}"


def test_a_constant_does_not_become_a_placeholder() -> None:
    """`{lr}` in a constant of the sweep is text there."""
    parameters = {**SWEEP["parameters"], "fmt": {"value": "{lr}"}}
    found = moved({**SWEEP, "program": "t.py", "parameters": parameters})
    assert list(study_of(found).trainer.command or ()) == ["python", "t.py", "--lr={lr}"]
    assert fates(found)["parameters.fmt"] == "left out"


def test_all_that_is_wrong_is_told_at_once_with_its_line() -> None:
    """Nothing is guessed where W&B itself would refuse."""
    text = """method: anneal
metric: {name: loss, goal: down}
parameters:
  a: {min: 3, max: 1}
  b: {distribution: log_unifrom, min: 1, max: 2}
  c: {min: low, max: 2}
  d: {}
"""
    with pytest.raises(InputError) as raised:
        from_wandb(read_data(text, "a W&B sweep"), "s")
    told = str(raised.value)
    for expected in (
        "line 1, method: 'anneal' is not known",
        "line 2, metric.goal: 'down' is not known",
        "line 4, parameters.a.min: 3 is above max 1",
        "line 5, parameters.b.distribution: 'log_unifrom' is not known. Did you mean log_uniform",
        "line 6, parameters.c.min: 'low' is not a number",
        "line 7, parameters.d: nothing says which values it takes",
    ):
        assert expected in told


def test_a_sweep_without_anything_to_tune_is_refused() -> None:
    """With what became of each parameter."""
    assert "always '1'" in problems({**SWEEP, "parameters": {"x": {"value": 1}}})
    assert "parameters: this section is missing" in problems({"method": "grid"})


def test_keys_that_mean_nothing_here_are_told() -> None:
    """Known ones with what stands for them, unknown ones too."""
    found = moved({**SWEEP, "entity": "team", "job": "j", "colour": "red"})
    told = fates(found)
    assert told["entity"] == told["job"] == told["colour"] == "left out"
