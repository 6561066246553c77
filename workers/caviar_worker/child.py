"""The trial's own process, just forked: runs the user's function or becomes the user's command.

It ends with ``os._exit``: exit handlers that were registered before the fork are the zygote's, not
the trial's. What the function started and left running is killed with the group.
"""

from __future__ import annotations

import json
import math
import os
import random
import re
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

from caviar_worker import room
from caviar_worker.folders import AttemptFolder
from caviar_worker.outcome import EXIT_NO_ROOM
from caviar_worker.rungs import Climb
from caviar_worker.trial import Trial

_ERROR_LIMIT = 4000
_HERE = str(Path(__file__).parent)
_TOKEN = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


class CommandError(ValueError):
    """The command of a study cannot be built or started. The trial fails with this message."""


def main(folder: Path, request: dict[str, Any], function: Callable[[Trial], object] | None) -> None:
    """Train in ``folder`` and leave ``result.json``. Never returns.

    ``function`` is None where the trainer is a command: then this process becomes it, and there is no
    result but the exit status.
    """
    code = 1
    try:
        _own_output(folder)
        assignment = request["assignment"]
        os.environ["CAVIAR_TRIAL_FOLDER"] = str(folder)
        trainer = request["trainer"]
        if trainer.get("bundle"):
            os.chdir(_own_copy(Path(trainer["folder"]), folder / "scratch"))
        elif trainer.get("folder"):
            os.chdir(trainer["folder"])
        os.environ.update(request["environ"])
        if function is None:
            environ = {**request["environ"], "CAVIAR_SEED": str(assignment["seed"])}
            _become_command(trainer["command"], assignment["params"], environ)
        trial = Trial(
            params=assignment["params"],
            number=assignment["number"],
            seed=assignment["seed"],
            round=assignment["round"],
            attempt=assignment["attempt"],
            metric=assignment["metric"],
            home=folder,
            checkpoints=Path(request["checkpoints"]),
            climb=_climb(folder, assignment),
            keep=assignment.get("checkpoints", {}).get("keep", 2),
            schedule=assignment.get("schedule", ()),
            passed=request.get("passed"),
        )
        _seed(trial.seed)
        result = train(trial, function)
        code = _leave(folder, result)
    except BaseException as error:
        message = str(error) if isinstance(error, CommandError) else _readable(error)
        outcome = "crashed" if room.no_room(error) else "failed"
        code = _leave(folder, {"outcome": outcome, "error": message[-_ERROR_LIMIT:]}) or 1
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):  # a disk that is full, a stream that the user closed
                code = code or 1
        os._exit(code)


def _leave(folder: Path, result: dict[str, Any]) -> int:
    """Write the result down, waiting for room where the disk is full. The exit status."""
    deadline = time.monotonic() + room.PATIENCE_S
    # In place: the file may be the trial's own in a folder that is not.
    write = partial((folder / "result.json").write_text, json.dumps(result), encoding="utf-8")
    try:
        room.when_there_is_room(write, "the result", lambda: time.monotonic() > deadline)
    except OSError as error:
        return EXIT_NO_ROOM if room.no_room(error) else 1
    return 0


def _own_copy(code: Path, scratch: Path) -> Path:
    """A copy of a bundle for this trial alone: what it writes beside its code is gone with it."""
    home = scratch / "code"
    for source in sorted(code.rglob("*")):
        target = home / source.relative_to(code)
        if source.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            target.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)
    home.mkdir(parents=True, exist_ok=True)
    return home


def train(trial: Trial, function: Callable[[Trial], object]) -> dict[str, Any]:
    """Call the function and say how it went: the object that ``result.json`` holds."""
    common = {"metric": trial.metric}
    try:
        try:
            returned = function(trial)
        except SystemExit as stop:
            if stop.code not in (None, 0):
                error = f"The training function called sys.exit({stop.code!r})."
                return common | _failed(trial, error)
            returned = None
        value, metrics = understand(returned, trial)
    except BaseException as error:
        # The disk is the worker's: that it is full says nothing about the point, which is trained again.
        full = room.no_room(error) or room.is_full(trial._home)
        return common | _failed(trial, _readable(error), "crashed" if full else "failed")
    if trial.lost:
        return common | _failed(trial, trial.lost, "crashed")
    return common | {
        "outcome": "done",
        "value": value,
        "metrics": metrics,
        "steps": trial.steps,
        "stop_seen": trial.stop_seen,
    }


def _climb(folder: Path, assignment: dict[str, Any]) -> Climb | None:
    rule = assignment["stop"]
    if rule is None:
        return None
    attempt = AttemptFolder(folder.parent.parent, assignment["trial"], assignment["attempt"])
    return Climb(attempt, assignment["study"], assignment["goal"], rule)


def understand(returned: object, trial: Trial) -> tuple[float, dict[str, float]]:
    """The metric and the other numbers in what a training function returned.

    It may return a number, a dict that holds the metric, or None: then the last reported value counts.
    Raises ValueError or TypeError with what to do where there is no finite value of the metric.
    """
    name = trial.metric
    others: dict[str, float] = {}
    value: float | None = trial.last
    if isinstance(returned, dict):
        numbers = {str(key): _finite(str(key), item) for key, item in returned.items()}
        value = numbers.pop(name, trial.last)
        others = numbers
    elif returned is not None:
        value = _finite(name, returned)
    if value is None:
        raise ValueError(
            f"The trial ended without a value of the metric {name!r}. Return it, return a dict with "
            f"the key {name!r}, or call trial.report(step, {name}=...)."
        )
    if not math.isfinite(value):
        raise ValueError(f"The metric {name!r} is {value}: only a finite value can be compared.")
    return value, others


def _finite(name: str, value: Any) -> float:
    if isinstance(value, (str, bytes)) or not hasattr(type(value), "__float__"):
        raise TypeError(
            f"The training function returned {type(value).__name__} for {name!r}: return a number."
        )
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(
            f"The training function returned {number} for {name!r}: not a finite value."
        )
    return number


def fill_command(command: Sequence[str], params: dict[str, Any]) -> list[str]:
    """``command`` with each ``{name}`` of a parameter replaced by its value, in one pass.

    Not ``str.format``: that would follow attributes and items of what it is given. A brace that is no
    ``{word}`` stays as it is. Raises CommandError for a word that is no parameter of this trial.
    """

    def value_of(match: re.Match[str]) -> str:
        name = match[1]
        if name not in params:
            known = ", ".join(sorted(params)) or "none"
            raise CommandError(
                f"The command names {{{name}}}, which is no parameter of this trial (there is: {known}). "
                "Parameters that are only sometimes there are read from the variable CAVIAR_PARAMS."
            )
        value = params[name]
        return json.dumps(value) if isinstance(value, bool) else str(value)

    return [_TOKEN.sub(value_of, word) for word in command]


def _become_command(
    command: list[str], params: dict[str, Any], environ: dict[str, str]
) -> NoReturn:
    argv = fill_command(command, params)
    if any("\0" in word for word in argv):
        raise CommandError("The command holds a NUL character.")
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    try:
        os.execvpe(argv[0], argv, {**os.environ, **environ, "CAVIAR_PARAMS": json.dumps(params)})
    except OSError as error:
        raise CommandError(
            f"The command {argv[0]!r} did not start: {error.strerror}. It must be on the worker's PATH "
            "or lie in the trainer's folder."
        ) from None


def _own_output(folder: Path) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    log = os.open(folder / "output.log", flags, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    os.close(nothing)


def _seed(seed: int) -> None:
    random.seed(seed)
    numpy = sys.modules.get("numpy")  # only where the trainer uses it: importing it costs 0.1 s
    if numpy is not None:
        numpy.random.seed(seed % 2**32)


def _failed(trial: Trial, error: str, outcome: str = "failed") -> dict[str, Any]:
    return {
        "outcome": outcome,
        "error": error[-_ERROR_LIMIT:],
        "steps": trial.steps,
        "stop_seen": trial.stop_seen,
    }


def _readable(error: BaseException) -> str:
    """The traceback from the user's first frame on; ours say nothing to them."""
    start: TracebackType | None = error.__traceback__
    while start is not None and start.tb_frame.f_code.co_filename.startswith(_HERE):
        start = start.tb_next
    if start is None:  # ours alone: the message says it all
        return f"{type(error).__name__}: {error}"
    return "".join(traceback.format_exception(type(error), error, start)).strip()
