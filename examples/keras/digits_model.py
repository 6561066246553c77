"""Handwritten digits with Keras: what one trial of `study.yaml` trains."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from caviar.integrations.keras import CaviarCallback

if TYPE_CHECKING:
    from caviar_worker import Trial

EPOCHS = 9


def train(trial: Trial) -> None:
    """The last reported `val_accuracy` is the trial's value."""
    keras.utils.set_random_seed(trial.seed % 2**32)
    x, y = load_digits(return_X_y=True)
    x_train, x_val, y_train, y_val = train_test_split(x / 16, y, random_state=0, stratify=y)
    params = trial.params
    model = keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(params["hidden_units"], activation="relu"),
            keras.layers.Dropout(params["dropout"]),
            keras.layers.Dense(10),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(params["learning_rate"]),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    caviar = CaviarCallback(trial)
    model.fit(
        x_train,
        y_train,
        validation_data=(x_val, y_val),
        batch_size=64,
        epochs=EPOCHS,
        initial_epoch=caviar.initial_epoch,
        callbacks=[caviar],
        verbose=0,
    )
