"""How an attempt ended: a pure function of what is known when its process is gone."""

from __future__ import annotations

import math
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from caviar.contract.bounds import missing
from caviar.contract.messages import Outcome
from caviar_worker.folders import StopReason

EXIT_NO_ROOM = 75
"""Exit status of a trial that could not write its result down (EX_TEMPFAIL of sysexits.h)."""
_ASKED: dict[StopReason, Outcome] = {"stop": "stopped", "release": "released", "early": "stopped"}


@dataclass(frozen=True, slots=True)
class Exit:
    """How the process ended: an exit status, or the signal that killed it, or why it never ran.

    With a signal, ``error`` says more of it: the process that was to start the trial, or had started it, died.
    """

    code: int | None = None
    signal: int | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Ending:
    """An attempt's end as it is reported. ``value`` is finite exactly when ``outcome`` is done."""

    outcome: Outcome
    value: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    steps: int = 0
    error: str = ""


def judge(
    exit: Exit, result: dict[str, Any] | None, asked: StopReason | None, last: float | None
) -> Ending:
    """The end of a function's attempt.

    ``result`` is what the child wrote (user code shares its process: nothing in it is trusted),
    ``asked`` whether and why it was told to end, ``last`` the newest finite value that it reported.
    """
    steps = _count(result)
    if exit.error and exit.signal is None:
        return Ending("failed", steps=steps, error=exit.error)
    if result is None:
        if asked is not None:
            return Ending(_ASKED[asked], value=last, steps=steps)
        return Ending("crashed", steps=steps, error=describe(exit))
    if result.get("outcome") == "done":
        value = _finite(result.get("value"))
        if value is None:
            return Ending(
                "failed", steps=steps, error="The trial left no finite value of its metric."
            )
        metrics = result.get("metrics")
        others = {
            str(name): number
            for name, item in (metrics.items() if isinstance(metrics, dict) else ())
            if (number := _finite(item)) is not None
        }
        # It ended because it was asked to only if it heard: otherwise it was simply done.
        early = asked is not None and result.get("stop_seen") is True
        return Ending(_ASKED[asked] if early and asked else "done", value, others, steps)
    if asked is not None:
        return Ending(_ASKED[asked], value=last, steps=steps)
    if result.get("outcome") == "crashed":  # for want of room on the worker's disk
        return Ending("crashed", steps=steps, error=str(result.get("error", "")))
    return Ending("failed", steps=steps, error=str(result.get("error", "")) or describe(exit))


def judge_command(
    exit: Exit,
    result: dict[str, Any] | None,
    asked: StopReason | None,
    metric: str,
    value: float | None,
) -> Ending:
    """The end of a command's attempt. ``value`` is the run's newest ``metric`` in MLflow."""
    if exit.error and exit.signal is None:
        return Ending("failed", error=exit.error)
    if asked is not None:
        return Ending(_ASKED[asked], value=value)
    if result is not None:  # only written where the command did not start
        return Ending("failed", error=str(result.get("error", "")))
    if exit.signal is not None:
        return Ending("crashed", error=describe(exit))
    if exit.code != 0:
        return Ending("failed", error=f"The command ended with exit status {exit.code}.")
    if value is None or not math.isfinite(value):
        error = (
            f"The command ended, but its MLflow run has no finite metric {metric!r}. "
            f"Log it in the script: mlflow.log_metric({metric!r}, value)."
        )
        return Ending("failed", error=error)
    return Ending("done", value)


def with_bounded(ending: Ending, bounded: Sequence[str], reported: Mapping[str, Any]) -> Ending:
    """The end with the last reported values of the metrics that the study bounds; what was returned wins.

    A trial that is done without one of them has failed: nobody could say whether it keeps the bound.
    """
    if ending.outcome not in ("done", "stopped"):
        return ending
    finite = {
        name: value for name, item in reported.items() if (value := _finite(item)) is not None
    }
    ending = replace(ending, metrics=finite | ending.metrics)
    reason = missing(bounded, ending.metrics) if ending.outcome == "done" else ""
    return replace(ending, outcome="failed", value=None, error=reason) if reason else ending


def describe(exit: Exit) -> str:
    """A sentence or two on a process that died."""
    if exit.error:
        return exit.error
    if exit.code == EXIT_NO_ROOM:
        return "The worker's disk was full: how the trial ended could not be written down."
    if exit.signal is None:
        return f"The process ended at once with exit status {exit.code} (os._exit)."
    try:
        name = signal.Signals(exit.signal).name
    except ValueError:
        name = f"signal {exit.signal}"
    hint = " Often the machine ran out of memory." if exit.signal == signal.SIGKILL else ""
    return f"The process was killed by {name}.{hint}"


def _finite(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None


def _count(result: dict[str, Any] | None) -> int:
    steps = (result or {}).get("steps")
    return steps if isinstance(steps, int) and 0 <= steps < 2**31 else 0
