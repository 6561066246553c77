"""What a training function may return, and how a command's words are filled."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caviar_worker import Trial
from caviar_worker.child import CommandError, fill_command, train

ANY_VALUE = st.one_of(
    st.text(),
    st.sampled_from(["--evil", "-rf", "a b", "'\"", "$(id)", "`id`", "{x}", "a\nb", ";", "*"]),
)


@given(value=ANY_VALUE, other=ANY_VALUE)
def test_a_value_stays_within_its_word_whatever_it_holds(value: str, other: str) -> None:
    """Blanks, quotes, line ends, dashes, braces: no shell reads them, and no value is filled twice."""
    command = ("python", "train.py", "--x", "{x}", "--y={y}", "{{x}}", "{")
    assert fill_command(command, {"x": value, "y": other}) == [
        *("python", "train.py", "--x", value, f"--y={other}", f"{{{value}}}", "{")
    ]


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    return Trial(
        params={"x": 1},
        number=0,
        seed=0,
        round=0,
        attempt=1,
        metric="score",
        home=tmp_path,
        checkpoints=tmp_path / "checkpoints",
    )


def reports(trial: Trial) -> None:
    trial.report(0, score=0.25)


@pytest.mark.parametrize(
    ("function", "value", "metrics"),
    [
        (lambda _: 0.5, 0.5, {}),
        (lambda _: {"score": 0.5, "test": 0.4}, 0.5, {"test": 0.4}),
        (reports, 0.25, {}),
        (lambda trial: reports(trial) or {"test": 0.4}, 0.25, {"test": 0.4}),
        (lambda trial: reports(trial) or sys.exit(0), 0.25, {}),
    ],
)
def test_the_metric_is_returned_or_was_reported(
    trial: Trial, function: Callable[[Trial], object], value: float, metrics: dict[str, float]
) -> None:
    """A number, a dict that holds the metric, or nothing where the metric was reported."""
    result = train(trial, function)
    assert (result["outcome"], result["value"], result["metrics"]) == ("done", value, metrics)


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda _: None, "ended without a value of the metric 'score'. Return it"),
        (lambda _: {"test": 1.0}, "without a value of the metric 'score'"),
        (lambda _: math.nan, "returned nan for 'score'"),
        (lambda trial: trial.report(0, score=math.inf), "'score' is inf"),
        (lambda _: "0.5", "returned str for 'score': return a number"),
        (lambda _: sys.exit(3), r"called sys.exit(3)"),
        (lambda _: 1 / 0, "ZeroDivisionError: division by zero"),
    ],
)
def test_anything_else_fails_with_its_reason(
    trial: Trial, function: Callable[[Trial], object], says: str
) -> None:
    """A failed trial says what was wrong and, where it can, what to do."""
    result = train(trial, function)
    assert result["outcome"] == "failed"
    assert says in result["error"]


def test_the_traceback_starts_with_the_users_code(trial: Trial) -> None:
    """Frames of the worker say nothing to the person who reads the error."""

    def broken(trial: Trial) -> None:
        raise KeyError("momentum")

    error = train(trial, broken)["error"]
    assert "KeyError: 'momentum'" in error
    assert "in broken" in error
    assert "caviar_worker/child.py" not in error


def test_a_command_gets_its_parameters() -> None:
    """Each {name} is one parameter's value, inside a word too."""
    command = ["train.py", "--lr={lr}", "{units}", "{flag}"]
    filled = fill_command(command, {"lr": 0.001, "units": 64, "flag": True})
    assert filled == ["train.py", "--lr=0.001", "64", "true"]


def test_a_value_is_never_read_as_a_pattern() -> None:
    """One pass, no attributes, no items, no format: a value with braces stays what it is."""
    filled = fill_command(
        ["{a}", "{a.__class__}", "{a[0]}", "{}", "{{a}}"], {"a": "{b}", "b": "no"}
    )
    assert filled == ["{b}", "{a.__class__}", "{a[0]}", "{}", "{{b}}"]


def test_an_unknown_name_in_a_command_is_refused_with_what_there_is() -> None:
    """A misspelt parameter must not reach the script as a pair of braces."""
    with pytest.raises(CommandError, match=r"names \{lrr\}.*there is: lr"):
        fill_command(["--lr", "{lrr}"], {"lr": 1})
