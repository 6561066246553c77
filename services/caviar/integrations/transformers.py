"""Hugging Face Trainer: reports each evaluation, ends a trial that fell behind, saves and resumes.

caviar = CaviarCallback(trial)
arguments = TrainingArguments(output_dir=str(trial.folder), eval_strategy="epoch", save_total_limit=1)
trainer = Trainer(model, arguments, ..., callbacks=[caviar])
trainer.train(resume_from_checkpoint=caviar.resume_from_checkpoint)
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import safe_open
from transformers import (
    PreTrainedModel,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR
from transformers.utils import SAFE_WEIGHTS_NAME

from caviar.integrations.course import Course

if TYPE_CHECKING:
    from caviar_worker import Trial


class CaviarCallback(TrainerCallback):
    """A step is an evaluation, the first one 0: what trials are compared at. The training loss comes with it."""

    def __init__(self, trial: Trial, *, every: int = 1) -> None:
        """``every``: evaluations between checkpoints. The Trainer saves them after the evaluation, and what else it
        saves by its own arguments is kept as well.
        """
        self._course = Course(trial, every)
        self._logged: dict[str, Any] = {}
        self._training = False

    @property
    def resume_from_checkpoint(self) -> str | None:
        """The checkpoint to go on from, for ``Trainer.train``; None at the start."""
        found = self._course.checkpoint
        return None if found is None else str(found.path)

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: Any = None,
        **_: Any,
    ) -> None:
        """Raises ValueError where there is a checkpoint and ``train`` begins anew."""
        self._training = True
        found = self._course.checkpoint
        if found is None:
            return
        if state.global_step == 0:
            raise ValueError(
                "There is a checkpoint, and train() begins anew: call "
                "train(resume_from_checkpoint=caviar.resume_from_checkpoint)."
            )
        _load_what_was_passed_over(model, found.path)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> None:
        if logs and "loss" in logs:
            self._logged = dict(logs)

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> None:
        if not self._training:  # somebody evaluates what is trained
            return
        reported = self._course.reported
        step = 0 if reported is None else reported[0] + 1
        stop = self._course.report(step, {**self._logged, **(metrics or {})})
        last = stop or state.global_step >= state.max_steps
        if stop:
            control.should_training_stop = True
        if last or self._course.is_due(step):
            control.should_save = True

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        saved = Path(str(args.output_dir)) / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}"
        self._course.save(state.global_step, partial(_copy, saved))

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._training = False


def _load_what_was_passed_over(model: Any, path: Path) -> None:
    """Load weights whose names the Trainer did not know.

    Some models are saved under the names of earlier releases. ``from_pretrained`` translates these; the Trainer of
    Transformers 5.24, when it resumes, only warns and goes on with fresh weights.
    """
    weights = path / SAFE_WEIGHTS_NAME
    if not isinstance(model, PreTrainedModel) or not weights.exists():
        return
    with safe_open(weights, framework="pt") as saved:
        names = set(saved.keys())
    if not names <= model.state_dict().keys():
        model.load_state_dict(type(model).from_pretrained(path).state_dict())


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, dirs_exist_ok=True)
