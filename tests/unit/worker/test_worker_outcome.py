"""How an attempt ended, from what is left of it."""

from __future__ import annotations

import math
import signal

import pytest

from caviar_worker.outcome import Ending, Exit, judge, judge_command

DONE = {"outcome": "done", "value": 0.5, "metrics": {"test": 0.4}, "steps": 3, "stop_seen": False}
HEARD = {**DONE, "stop_seen": True}
FAILED = {"outcome": "failed", "error": "KeyError: 'x'", "steps": 2}


def test_a_result_makes_a_trial_done() -> None:
    """The ordinary end."""
    ending = judge(Exit(code=0), DONE, None, None)
    assert ending == Ending("done", 0.5, {"test": 0.4}, 3)


def test_it_was_stopped_only_if_it_heard() -> None:
    """A trial that ended by itself while it was being asked to stop is done all the same."""
    assert judge(Exit(code=0), DONE, "stop", None).outcome == "done"
    assert judge(Exit(code=0), HEARD, "stop", None).outcome == "stopped"
    assert judge(Exit(code=0), HEARD, "release", None).outcome == "released"
    assert judge(Exit(code=0), HEARD, "early", None).outcome == "stopped"


@pytest.mark.parametrize(
    ("asked", "outcome"), [("stop", "stopped"), ("release", "released"), ("early", "stopped")]
)
def test_a_kill_that_was_meant_is_no_crash(asked: str, outcome: str) -> None:
    """A trial that does not listen is killed; that charges no crash budget."""
    ending = judge(Exit(signal=9), None, asked, 0.25)  # type: ignore[arg-type]
    assert (ending.outcome, ending.value) == (outcome, 0.25)


def test_a_process_that_dies_has_crashed() -> None:
    """A signal or os._exit leaves no result: the trial is tried again within its budget."""
    crashed = judge(Exit(signal=signal.SIGSEGV), None, None, 0.25)
    assert (crashed.outcome, crashed.value) == ("crashed", None)
    assert "SIGSEGV" in crashed.error
    assert "out of memory" in judge(Exit(signal=signal.SIGKILL), None, None, None).error
    assert judge(Exit(code=0), None, None, None).outcome == "crashed"


def test_a_trial_whose_zygote_died_has_crashed() -> None:
    """Even before it had a process: only an import that raises is the trainer's own fault."""
    exit = Exit(signal=signal.SIGKILL, error="The process that imported it was killed by SIGKILL.")
    for crashed in (judge(exit, None, None, None), judge_command(exit, None, None, "score", None)):
        assert (crashed.outcome, crashed.error) == ("crashed", exit.error)
    assert judge(exit, None, "release", None).outcome == "released"
    assert judge(exit, DONE, None, None).outcome == "done"


def test_an_error_fails_the_trial() -> None:
    """What the user's code raised is what is reported."""
    assert judge(Exit(code=0), FAILED, None, None) == Ending(
        "failed", steps=2, error="KeyError: 'x'"
    )
    assert judge(Exit(error="No module named 'x'"), None, None, None).error == "No module named 'x'"


@pytest.mark.parametrize("value", [None, "0.5", math.nan, math.inf, True, [1]])
def test_a_result_that_user_code_forged_is_not_trusted(value: object) -> None:
    """The result file is written where user code runs: only a finite number counts."""
    assert judge(Exit(code=0), {**DONE, "value": value}, None, None).outcome == "failed"


@pytest.mark.parametrize(
    ("exit", "result", "asked", "value", "outcome"),
    [
        (Exit(code=0), None, None, 0.5, "done"),
        (Exit(code=0), None, None, None, "failed"),
        (Exit(code=0), None, None, math.nan, "failed"),
        (Exit(code=2), None, None, 0.5, "failed"),
        (Exit(signal=11), None, None, 0.5, "crashed"),
        (Exit(code=1), {"error": "did not start"}, None, None, "failed"),
        (Exit(signal=15), None, "stop", None, "stopped"),
        (Exit(signal=15), None, "release", None, "released"),
    ],
)
def test_a_commands_end(
    exit: Exit, result: dict[str, object] | None, asked: str, value: float | None, outcome: str
) -> None:
    """A command has no result but its exit status and what its run in MLflow holds."""
    ending = judge_command(exit, result, asked, "score", value)  # type: ignore[arg-type]
    assert ending.outcome == outcome
    assert (outcome in ("failed", "crashed")) == bool(ending.error)
