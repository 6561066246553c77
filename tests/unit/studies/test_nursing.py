"""The sections ``mode`` and ``nurse`` of a study file."""

from __future__ import annotations

import pytest

from caviar.errors import InputError
from caviar.studies.spec import load_study

PANDA = """
name: one
mode: panda
metric: {name: loss, goal: minimize}
trainer: {function: "one:train"}
space:
  learning_rate: {type: float, low: 1.0e-4, high: 1.0, scale: log, live: true}
  layers: {type: int, low: 1, high: 8}
  solver: {type: categorical, choices: [sgd, adam]}
"""


def refused(more: str, text: str = PANDA) -> str:
    with pytest.raises(InputError) as error:
        load_study(text + more)
    return str(error.value)


def test_one_model_needs_no_budget_and_is_not_stopped_early() -> None:
    """The search chooses its first point; the others of the hundred trials are forks."""
    study = load_study(PANDA)
    assert (study.mode, study.budget.trials, study.search_trials) == ("panda", 100, 1)
    assert (study.stopping.rule, study.checkpoints.keep) == ("none", 20)
    assert study.space["learning_rate"].live
    assert not study.space["layers"].live


def test_a_nurse_acts_within_the_parameters_range_unless_told_otherwise() -> None:
    """Her limits are the user's."""
    nurse = load_study(PANDA + "nurse: {parameter: learning_rate, steps: 300, low: 0.001}").nurse
    assert nurse is not None
    assert (nurse.low, nurse.high, nurse.steps, nurse.waste) == (0.001, 1.0, 300, 0.3)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("nurse: {parameter: solver, steps: 300}", "solver is no number of the space"),
        ("nurse: {parameter: layers, steps: 300}", "layers is not live"),
        ("nurse: {parameter: learning_rate}", "steps"),
        ("nurse: {parameter: learning_rate, steps: 300, low: 2.0}", "2 lies outside"),
        ("nurse: {parameter: learning_rate, steps: 300, low: 0.5, high: 0.1}", "0 < low < high"),
        ("nurse: {parameter: learning_rate, steps: 300, waste: 99}", "ten times the training"),
        ("confirm: 3", "one model has no rivals"),
    ],
)
def test_what_cannot_be_is_said_with_the_way_out(more: str, said: str) -> None:
    """Before anything runs."""
    assert said in refused(more)


def test_a_nurse_is_for_one_model() -> None:
    """A search has many."""
    text = PANDA.replace("mode: panda\n", "") + "budget: {trials: 9}\n"
    assert "she babysits one model" in refused("nurse: {parameter: learning_rate, steps: 9}", text)


def test_live_is_true_or_false() -> None:
    """Anything else is a mistake."""
    assert "neither true nor false" in refused("", PANDA.replace("live: true", "live: 3"))
