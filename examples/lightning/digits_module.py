"""Handwritten digits with Lightning: what one trial of `study.yaml` trains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from lightning.pytorch import LightningModule, Trainer, seed_everything
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from caviar.integrations.lightning import CaviarCallback

if TYPE_CHECKING:
    from caviar_worker import Trial

EPOCHS = 9
Batch = tuple[torch.Tensor, torch.Tensor]


class Digits(LightningModule):
    """A network with one hidden layer."""

    def __init__(self, learning_rate: float, hidden_units: int) -> None:
        super().__init__()
        self.learning_rate = learning_rate
        self.layers = nn.Sequential(
            nn.Linear(64, hidden_units), nn.ReLU(), nn.Linear(hidden_units, 10)
        )

    def training_step(self, batch: Batch) -> torch.Tensor:
        x, y = batch
        loss = nn.functional.cross_entropy(self.layers(x), y)
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: Batch) -> None:
        x, y = batch
        self.log("val_accuracy", (self.layers(x).argmax(dim=1) == y).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=self.learning_rate)


def train(trial: Trial) -> None:
    """The last reported `val_accuracy` is the trial's value."""
    seed_everything(trial.seed % 2**32, verbose=False)
    x, y = load_digits(return_X_y=True)
    x_train, x_val, y_train, y_val = map(
        torch.tensor, train_test_split((x / 16).astype("float32"), y, random_state=0, stratify=y)
    )
    caviar = CaviarCallback(trial)
    trainer = Trainer(
        max_epochs=EPOCHS,
        devices=1,
        callbacks=[caviar],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(
        Digits(**trial.params),
        DataLoader(TensorDataset(x_train, y_train), batch_size=64, shuffle=True),
        DataLoader(TensorDataset(x_val, y_val), batch_size=512),
        ckpt_path=caviar.ckpt_path,
        weights_only=True,
    )
