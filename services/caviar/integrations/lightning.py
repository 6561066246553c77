"""Lightning: reports what the module logs, ends a trial that fell behind, saves and resumes.

caviar = CaviarCallback(trial)
trainer = Trainer(max_epochs=40, callbacks=[caviar])
trainer.fit(model, data, ckpt_path=caviar.ckpt_path, weights_only=True)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from caviar.integrations.course import Course
from caviar.integrations.torch import follow

if TYPE_CHECKING:
    from caviar_worker import Trial

_FILE = "lightning.ckpt"


class CaviarCallback(Checkpoint):
    """Reports at the end of each epoch (of each that validated, where there is validation).

    A ``Checkpoint``, so that Lightning calls it after all others, and makes none of its own in the working directory.
    """

    def __init__(
        self, trial: Trial, *, every: int = 1, live: Mapping[str, str] | None = None
    ) -> None:
        """``every``: epochs between checkpoints. ``live``: options of all optimizers and the parameters that they
        follow as it trains, ``{"lr": "learning_rate"}``."""
        super().__init__()
        self._live = dict(live or {})
        self._course = Course(trial, every)
        self._validated = False

    @property
    def ckpt_path(self) -> Path | None:
        """The checkpoint to go on from, for ``Trainer.fit``; None at the start."""
        found = self._course.checkpoint
        return None if found is None else found.path / _FILE

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Raises RuntimeError where Lightning trains in several processes: a trial is one."""
        if trainer.world_size > 1:
            raise RuntimeError(
                f"Lightning trains in {trainer.world_size} processes, and a trial is one. "
                "Use Trainer(devices=1): each trial sees one GPU."
            )

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Raises ValueError where there is a checkpoint and ``ckpt_path`` was left out."""
        if self._course.checkpoint is not None and trainer.ckpt_path is None:
            raise ValueError(
                "There is a checkpoint, and fit() begins anew: call "
                "fit(..., ckpt_path=caviar.ckpt_path, weights_only=True)."
            )

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        for optimizer in trainer.optimizers:
            follow(self._course.trial, optimizer, **self._live)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._validated = not trainer.sanity_checking

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        epoch = trainer.current_epoch
        if self._validated or not trainer.enable_validation:
            metrics: dict[str, Any] = dict(trainer.callback_metrics)
            stop = self._course.report(epoch, metrics)
        else:
            stop = self._course.trial.should_stop()
        self._validated = False
        trainer.should_stop = trainer.should_stop or stop
        last = trainer.should_stop or epoch + 1 == trainer.max_epochs
        if last or self._course.is_due(epoch):
            self._course.save(epoch, lambda folder: trainer.save_checkpoint(folder / _FILE))
