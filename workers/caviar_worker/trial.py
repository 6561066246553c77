"""What a training function gets: its parameters, a way to report, a way to stop and to go on.

    def train(trial: Trial) -> float:
        model = build(**trial.params)
        for epoch in range(10):
            trial.report(epoch, val_accuracy=model.epoch())
            if trial.should_stop():
                break
        return model.score()

Keep this module light: a process that holds it is forked for every trial.
"""

from __future__ import annotations

import errno
import json
import math
import operator
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caviar_worker import checkpoints, room, spool
from caviar_worker.checkpoints import Checkpoint
from caviar_worker.live import Live
from caviar_worker.rungs import Climb

if TYPE_CHECKING:
    from caviar.contract.messages import ParameterValue

_NAME = re.compile(r"^[\w\-. :/]{1,250}$")


class Trial:
    """One attempt at training one point, made by the worker."""

    def __init__(
        self,
        *,
        params: dict[str, ParameterValue],
        number: int,
        seed: int,
        round: int,
        attempt: int,
        metric: str,
        home: Path,
        checkpoints: Path,
        climb: Climb | None = None,
        keep: int = 2,
        schedule: Iterable[Mapping[str, Any]] = (),
        passed: int | None = None,
    ) -> None:
        """``schedule`` and ``passed``: as :class:`caviar_worker.live.Live` takes them."""
        self.params = dict(params)
        """The values that it begins with; :meth:`live` says which are in effect."""
        self.number = number
        self.seed = seed
        self.round = round
        self.attempt = attempt
        self.metric = metric
        """Name of the metric that the study tunes."""
        self.steps = 0
        """How often ``report`` was called."""
        self.stop_seen = False
        """Whether ``should_stop`` has ever answered yes."""
        self.last: float | None = None
        """The last reported value of the study's metric."""
        self.lost = ""
        """Why a report could not be written down; the attempt counts for nothing then."""
        self._home = home
        self._checkpoints = checkpoints
        self._climb = climb
        self._keep = keep
        self._spool: int | None = None
        self._live = Live(self.params, home, schedule, passed)

    @property
    def folder(self) -> Path:
        """A scratch folder of this attempt, removed with it. Use ``save_checkpoint`` for what must last."""
        path = self._home / "scratch"
        path.mkdir(exist_ok=True)
        return path

    def report(self, step: int, **metrics: float) -> None:
        """Note metrics at ``step`` (0, 1, 2, ...). They are on disk when this returns: about 20 µs.

        NaN and infinities are kept as they are. Where the worker's disk is full, this waits for room, a
        minute at most. Raises TypeError or ValueError for anything that is not a number, OSError where the
        disk stays full: this attempt is over then, even if the error is caught, and a later one goes on.
        """
        step = _step(step)
        if not metrics:
            raise TypeError("report() needs at least one metric, for instance loss=0.3.")
        values = {name: _number(name, value) for name, value in metrics.items()} | self._live.shown
        bad = [name for name, value in values.items() if not math.isfinite(value)]
        line: dict[str, Any] = {
            "t": time.time_ns() // 1_000_000,
            "s": step,
            "m": {n: str(v) if n in bad else v for n, v in values.items()},
        }
        if bad:  # JSON has no NaN: written as text, and marked
            line["bad"] = bad
        self._write_down((json.dumps(line, separators=(",", ":")) + "\n").encode())
        self.steps += 1
        self._live.reported(step)
        if self.metric in values:
            self.last = values[self.metric]
            if self._climb is not None:
                self._climb.reached(step, self.last)

    def live(self, name: str) -> ParameterValue:
        """The value of a parameter that is in effect now: read it where it is used, in every step.

            for epoch in range(100):
                for group in optimizer.param_groups:
                    group["lr"] = trial.live("learning_rate")

        A person, or a rule, may change it while the training runs (``caviar trial set``). It changes between two
        reports, never inside of a step, and the reading is the acknowledgement. Its course lies in the MLflow run, as
        the metric ``live/NAME`` where it is a number. Raises KeyError for what is no parameter of this trial.
        """
        return self._live.read(name)

    def _write_down(self, line: bytes) -> None:
        """One write: a kill leaves whole lines, except perhaps the last, which readers pass over."""
        deadline: float | None = None
        while True:
            try:
                if self.lost:
                    raise OSError(errno.ENOSPC, self.lost)
                if self._spool is None:
                    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
                    self._spool = os.open(self._home / "spool.jsonl", flags, 0o600)
                spool.append(self._spool, line)
                return
            except OSError as error:
                now = time.monotonic()
                deadline = now + room.PATIENCE_S if deadline is None else deadline
                if not room.no_room(error) or self.lost:
                    raise
                if now >= deadline or (self._home / "stop").exists():
                    self.lost = (
                        f"The worker's disk is full: a report could not be written to {self._home}."
                    )
                if not line.startswith(b"\n"):
                    line = b"\n" + line  # closes what the disk may have taken of it
                time.sleep(0 if self.lost else room.PAUSE_S)

    def should_stop(self) -> bool:
        """Whether this trial is to end, by hand, because others were better or to make way for another study: save what
        is worth it and return."""
        if not self.stop_seen:
            early = self._home / "early.json"
            asked = (self._home / "stop").exists() or (early.exists() and early.stat().st_size > 0)
            self.stop_seen = asked
        return self.stop_seen

    def save_checkpoint(self, step: int, fill: Callable[[Path], None]) -> None:
        """Keep what ``fill(folder)`` writes into an empty folder; the study says how many are kept (two).

        A later attempt finds it with ``load_checkpoint``. What a kill interrupts is never seen. Where the worker's
        disk is full, training goes on without this checkpoint, and the output says so: the earlier ones stay.
        Raises what ``fill`` raises otherwise, and ValueError where it leaves a link or a file ``manifest.json``.
        """
        try:
            checkpoints.save(
                self._checkpoints, self.attempt, _step(step), fill, self._keep, self.last
            )
        except checkpoints.NoRoom as error:
            with suppress(OSError):  # the output lies on the same disk
                print(f"{error} Training goes on without it.", file=sys.stderr)  # noqa: T201 - to the trial's output

    def load_checkpoint(self) -> Checkpoint | None:
        """The newest checkpoint that is undamaged, of this attempt or an earlier one."""
        found = checkpoints.newest(self._checkpoints, self.attempt)
        if found is not None and self.last is None:
            self.last = found.value  # where no step is left, this is the trial's value
        if found is not None:
            self._live.resume(found.step)
        return found


def _step(step: int) -> int:
    if isinstance(step, bool):
        raise TypeError("A step is a whole number, not a bool.")
    try:
        value = operator.index(step)
    except TypeError:
        raise TypeError(f"A step is a whole number, not {type(step).__name__}.") from None
    if not 0 <= value < 2**63:
        raise ValueError(f"A step is 0 or more, not {value}.")
    return value


def _number(name: str, value: Any) -> float:
    """``value`` as a float. Takes NumPy's and torch's scalars, refuses text, bools and arrays."""
    if not _NAME.match(name):
        raise ValueError(f"{name!r} cannot be the name of a metric in MLflow.")
    if isinstance(value, (bool, str, bytes)) or not hasattr(type(value), "__float__"):
        raise TypeError(
            f"The metric {name!r} is a number, not {type(value).__name__}: {value!r:.80}"
        )
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"The metric {name!r} is not one number: {error}") from None
