"""Runs that Caviar never started, as points of a study's space: by the names of their parameters."""

from __future__ import annotations

from typing import Any

import pytest

from caviar.errors import InputError
from caviar.space import Space
from caviar.space.tiers import usual_name
from caviar.studies.mapping import completed, mapped, typed

SPACE = Space.parse(
    {
        "learning_rate": {"type": "float", "low": 1e-4, "high": 1.0, "scale": "log"},
        "hidden_units": {"type": "int", "low": 16, "high": 256, "default": 64},
        "solver": {"type": "categorical", "choices": ["sgd", "adam"]},
        "momentum": {"type": "float", "low": 0.5, "high": 0.99, "when": {"solver": ["sgd"]}},
        "amsgrad": {
            "type": "categorical",
            "choices": [True, False],
            "default": False,
            "when": {"solver": ["adam"]},
        },
    }
)
RUN = {"learning_rate": "0.01", "hidden_units": "128", "solver": "adam", "amsgrad": "True"}
POINT = {"learning_rate": 0.01, "hidden_units": 128, "solver": "adam", "amsgrad": True}


def point(run: dict[str, Any]) -> dict[str, Any] | None:
    """What the run is in SPACE; None where it is left out."""
    taken = mapped(SPACE, [(run, 0.5)]).taken
    return taken[0][0] if taken else None


def reason(run: dict[str, Any], value: float | None = 0.5) -> str:
    (only,) = mapped(SPACE, [(run, value)]).left_out
    return only


def test_text_is_read_as_the_parameters_types() -> None:
    """MLflow keeps every parameter as text."""
    assert point(RUN) == POINT
    assert point(RUN | {"hidden_units": "128.0", "amsgrad": "true"}) == POINT


def test_what_the_space_does_not_have_is_passed_over() -> None:
    """A run has many parameters that are not tuned; one of them may be inactive in this point."""
    assert point(RUN | {"seed": "3", "momentum": "0.9", "dataset": "cifar"}) == POINT


@pytest.mark.parametrize("name", ["optimizer.learning_rate", "opt/learning-rate", "Learning_Rate"])
def test_a_prefix_or_another_spelling_is_the_same_name(name: str) -> None:
    """Frameworks put a section before the name."""
    run = {name: "0.01", **{k: v for k, v in RUN.items() if k != "learning_rate"}}
    assert point(run) == POINT


def test_usual_names_of_one_quantity_are_the_same() -> None:
    """A learning rate is often called lr, hidden units hidden_dim."""
    run = {"optimizer.lr": "0.01", "hidden_dim": "128", "solver": "adam", "amsgrad": "True"}
    assert point(run) == POINT


def test_the_same_name_is_preferred() -> None:
    """An exact match is taken whatever else there is."""
    assert point(RUN | {"lr": "0.5", "optimizer.learning_rate": "0.7"}) == POINT


def test_two_names_that_fit_alike_are_not_guessed_between() -> None:
    """Nobody knows which of the two learning rates is meant."""
    run = {k: v for k, v in RUN.items() if k != "learning_rate"}
    run |= {"encoder.lr": "0.1", "decoder.lr": "0.01"}
    assert reason(run) == "with two values for learning_rate: decoder.lr, encoder.lr"


def test_two_parameters_do_not_share_a_value() -> None:
    """The space tunes two learning rates: a bare lr is neither of them."""
    space = Space.parse(
        {
            "encoder.lr": {"type": "float", "low": 0.0, "high": 1.0},
            "decoder.lr": {"type": "float", "low": 0.0, "high": 1.0},
        }
    )
    found = mapped(space, [({"lr": "0.1"}, 1.0), ({"encoder.lr": "0.1", "decoder.lr": "1"}, 2.0)])
    assert [value for _, value in found.taken] == [2.0]


@pytest.mark.parametrize("name", ["beta", "decay", "alpha", "depth"])
def test_names_with_two_meanings_are_no_synonyms(name: str) -> None:
    """beta is a momentum here and Adam's there: only the very name counts."""
    assert usual_name(name) is None


def test_what_is_missing_takes_its_default() -> None:
    """Without one the run is left out, and the reason names the parameter."""
    run = {k: v for k, v in RUN.items() if k != "hidden_units"}
    assert point(run) == POINT | {"hidden_units": 64}
    assert reason({"solver": "adam"}) == "without learning_rate"


@pytest.mark.parametrize(
    "change, why",
    [
        ({"learning_rate": "3"}, "learning_rate outside [0.0001, 1]"),
        ({"learning_rate": "fast"}, "learning_rate is not a number"),
        ({"learning_rate": "nan"}, "learning_rate is not a number"),
        ({"learning_rate": True}, "learning_rate is not a number"),
        ({"hidden_units": "64.5"}, "hidden_units is not a whole number"),
        ({"solver": "lbfgs"}, "solver is not one of its choices"),
    ],
)
def test_a_value_without_a_place_in_the_space_leaves_the_run_out(
    change: dict[str, Any], why: str
) -> None:
    """It is not moved to the nearest one: its result is another point's."""
    assert reason(RUN | change) == why


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_a_run_without_a_finite_value_tells_nothing(value: float | None) -> None:
    """It may not have logged the study's metric at all."""
    assert mapped(SPACE, [(RUN, value)]).taken == ()


def test_one_sentence_says_what_was_taken() -> None:
    """With the commonest reasons for the rest."""
    outside = RUN | {"learning_rate": "7"}
    assert mapped(SPACE, [(RUN, 1.0)] * 23).sentence("runs", "experiment cnn", "loss") == (
        "23 runs read from experiment cnn"
    )
    assert mapped(SPACE, [(RUN, 1.0)]).sentence("runs", "experiment cnn", "loss") == (
        "1 run read from experiment cnn"
    )
    found = mapped(SPACE, [(RUN, 1.0)] * 23 + [(outside, 1.0)] * 4)
    assert found.sentence("runs", "experiment cnn", "loss") == (
        "23 runs read from experiment cnn, 4 left out: learning_rate outside [0.0001, 1]"
    )
    found = mapped(SPACE, [(RUN, None), (outside, 1.0), (outside, 2.0)])
    assert found.sentence("runs", "experiment cnn", "loss") == (
        "0 runs read from experiment cnn, 3 left out: "
        "2 learning_rate outside [0.0001, 1], 1 without loss"
    )


def test_a_point_given_by_hand_takes_defaults_too() -> None:
    """Conditions hold: amsgrad is only there with adam."""
    assert completed(SPACE, {"learning_rate": 0.01, "solver": "adam"}) == POINT | {
        "hidden_units": 64,
        "amsgrad": False,
    }
    assert typed(SPACE, {"learning_rate": "1e-2", "solver": "sgd", "momentum": "0.9"}) == {
        "learning_rate": 0.01,
        "hidden_units": 64,
        "solver": "sgd",
        "momentum": 0.9,
    }


def test_all_that_is_wrong_with_a_point_is_told_at_once() -> None:
    """Unknown, missing and impossible values together."""
    with pytest.raises(InputError) as raised:
        typed(SPACE, {"learing_rate": "0.1", "hidden_units": "few", "solver": "adam"})
    told = {problem.path[0]: str(problem) for problem in raised.value.problems}
    assert set(told) == {"learing_rate", "hidden_units"}
    assert "learning_rate" in told["learing_rate"]
    with pytest.raises(InputError, match="learning_rate: the value is missing"):
        typed(SPACE, {"solver": "adam"})
