"""A study file says what is tuned, how it trains, and what may be spent."""

from __future__ import annotations

import pytest

from caviar.errors import InputError
from caviar.studies.spec import load_study

STUDY = """
name: my-first
metric: {name: accuracy, goal: maximize}
trainer: {function: "train:main"}
space:
  learning_rate: {type: float, low: 0.0001, high: 1.0, scale: log}
  momentum: {type: float, low: 0.9, high: 0.999, scale: reverse_log}
budget: {trials: 40}
"""


def test_a_file_becomes_one_value() -> None:
    """Reading a study starts nothing; it gives a frozen value."""
    study = load_study(STUDY)
    assert study.name == "my-first"
    assert study.metric.goal == "maximize"
    assert study.budget.trials == 40
    assert [view.name for view in study.space.to_views()] == ["learning_rate", "momentum"]


def test_a_parameter_has_a_tier_from_its_usual_name() -> None:
    """The learning rate matters most; momentum comes after it."""
    study = load_study(STUDY)
    assert {view.name: view.tier for view in study.space.to_views()} == {
        "learning_rate": 1,
        "momentum": 2,
    }


def test_a_mistake_is_told_with_its_line_its_place_and_a_way_out() -> None:
    """As a person would tell it."""
    with pytest.raises(InputError) as raised:
        load_study(STUDY.replace("maximize", "maximise"))
    assert str(raised.value) == (
        "line 3, metric.goal: 'maximise' is not known. Did you mean maximize?"
    )


def test_a_range_that_wastes_trials_is_warned_of() -> None:
    """Sampled linearly, nine trials of ten would be spent on the largest decade."""
    study = load_study(STUDY.replace(", scale: log", ""))
    (warning,) = study.warnings
    assert "learning_rate" in warning
    assert "90% of trials" in warning
    assert "scale: log" in warning
