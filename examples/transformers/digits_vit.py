"""Handwritten digits with a vision transformer, from nothing: what one trial of `study.yaml` trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from transformers import (
    EvalPrediction,
    Trainer,
    TrainingArguments,
    ViTConfig,
    ViTForImageClassification,
)

from caviar.integrations.transformers import CaviarCallback

if TYPE_CHECKING:
    from caviar_worker import Trial

EPOCHS = 9


def data() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Train and validation: pictures of 8 by 8 pixels."""
    x, y = load_digits(return_X_y=True)
    pictures = (x / 16 - 0.5).astype(np.float32).reshape(-1, 1, 8, 8)
    rows = [
        {"pixel_values": picture, "labels": int(digit)}
        for picture, digit in zip(pictures, y, strict=True)
    ]
    train_rows, val_rows = train_test_split(rows, random_state=0, stratify=y)
    return train_rows, val_rows


def accuracy(prediction: EvalPrediction) -> dict[str, float]:
    return {"accuracy": float(np.mean(prediction.predictions.argmax(-1) == prediction.label_ids))}


def train(trial: Trial) -> None:
    """The last reported `eval_accuracy` is the trial's value."""
    params = trial.params
    train_rows, val_rows = data()
    arguments = TrainingArguments(
        output_dir=str(trial.folder),
        num_train_epochs=EPOCHS,
        learning_rate=params["learning_rate"],
        weight_decay=params["weight_decay"],
        per_device_train_batch_size=64,
        per_device_eval_batch_size=256,
        seed=trial.seed % 2**32,
        eval_strategy="epoch",
        logging_strategy="epoch",
        save_total_limit=1,
        disable_tqdm=True,
        report_to="none",
    )
    caviar = CaviarCallback(trial)

    def model() -> ViTForImageClassification:
        config = ViTConfig(
            image_size=8,
            patch_size=2,
            num_channels=1,
            hidden_size=32,
            num_hidden_layers=params["hidden_layers"],
            num_attention_heads=2,
            intermediate_size=64,
            num_labels=10,
        )
        return ViTForImageClassification(config)

    trainer = Trainer(
        model_init=model,  # after the seed is set
        args=arguments,
        train_dataset=train_rows,
        eval_dataset=val_rows,
        compute_metrics=accuracy,
        callbacks=[caviar],
    )
    trainer.train(resume_from_checkpoint=caviar.resume_from_checkpoint)
