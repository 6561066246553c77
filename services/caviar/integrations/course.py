"""What all callbacks do with a trial: report, hear that it is to stop, save, and go on where a checkpoint left it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from caviar_worker import Trial

_REPORTED = "caviar.json"
_FORBIDDEN = re.compile(r"[^\w\-. :/]")


class Course:
    """A trial on its way through steps 0, 1, 2, ... of a framework's own loop.

    A checkpoint also holds what was reported last: whoever goes on from the very last step has nothing left to train,
    and the metric must not be lost with that.
    """

    def __init__(self, trial: Trial, every: int) -> None:
        """Looks for a checkpoint. ``every``: how many steps apart checkpoints are; ValueError below 1."""
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise ValueError(
                f"every={every!r} is no number of steps between checkpoints: 1 or more."
            )
        self.trial = trial
        self.every = every
        self.checkpoint = trial.load_checkpoint()
        self.reported: tuple[int, dict[str, float]] | None = None
        """The last step and what was reported there."""
        if self.checkpoint is not None:
            self._report_again(self.checkpoint.path / _REPORTED)

    @property
    def start(self) -> int:
        """The first step that is left to train."""
        return 0 if self.checkpoint is None else self.checkpoint.step + 1

    def report(self, step: int, metrics: Mapping[str, object]) -> bool:
        """Note those of ``metrics`` that are single numbers. Whether the trial is to stop."""
        numbers = {
            _FORBIDDEN.sub("_", name.replace("@", "_at_")): number
            for name, value in metrics.items()
            if (number := _number(value)) is not None
        }
        if numbers:
            if self.reported is None and self.trial.metric not in numbers:
                self._say_what_there_is(numbers)
            self.trial.report(step, **numbers)
            self.reported = step, numbers
        return self.trial.should_stop()

    def is_due(self, step: int) -> bool:
        """Whether a checkpoint belongs after ``step`` (the last step and a stop apart)."""
        return (step + 1) % self.every == 0

    def save(self, step: int, fill: Callable[[Path], None]) -> None:
        """A checkpoint after ``step`` with what ``fill(folder)`` writes."""

        def fill_all(folder: Path) -> None:
            fill(folder)
            (folder / _REPORTED).write_text(json.dumps(self.reported))

        self.trial.save_checkpoint(step, fill_all)

    def _report_again(self, path: Path) -> None:
        """Where the point is in MLflow already, it stays one point."""
        match json.loads(path.read_bytes()) if path.exists() else None:
            case [int(step), dict(numbers)]:
                self.trial.report(step, **numbers)
                self.reported = step, numbers

    def _say_what_there_is(self, numbers: Mapping[str, float]) -> None:
        text = (
            f"The study tunes {self.trial.metric!r}, which is not among what is reported: "
            f"{', '.join(numbers)}. Name one of these in the study file, or return the value."
        )
        print(text, file=sys.stderr)  # noqa: T201 - to the trial's output


def _number(value: object) -> float | None:
    """``value`` where it is one number, also NumPy's and a framework's; None for all else."""
    if isinstance(value, (bool, str, bytes)) or not hasattr(type(value), "__float__"):
        return None
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError):  # a tensor of several
        return None
