"""Handwritten digits: what one trial of `study.yaml` trains.

The split is the same in every trial. `val_accuracy` is tuned; `test_accuracy` is reported once, at the end, on
digits that neither training nor tuning has seen.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from mlp import Adam, Floats, Labels, Mlp, Sgd
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from caviar_worker import Trial

EPOCHS = 40
CHECKPOINT_EVERY = 10

Part = tuple[Floats, Labels]


@cache
def data() -> tuple[Part, Part, Part]:
    """Train, validation and test: 60%, 20% and 20% of each digit. Pixels in [-0.5, 0.5]."""
    x, y = load_digits(return_X_y=True)
    x = (x / 16.0 - 0.5).astype(np.float32)
    random = np.random.default_rng(0)
    part = np.empty(len(y), dtype=np.int64)
    for digit in range(10):
        rows = random.permutation(np.flatnonzero(y == digit))
        part[rows] = np.searchsorted([0.6, 0.8], np.arange(len(rows)) / len(rows), side="right")
    train, validation, test = ((x[part == i], y[part == i]) for i in range(3))
    return train, validation, test


@threadpool_limits.wrap(limits=1)  # layers this small only lose time to a second thread
def train(trial: Trial) -> dict[str, float]:
    """Train one network; report every epoch; return the metrics at the end."""
    (x, y), validation, test = data()
    params = trial.params
    optimizer = (
        Sgd(params["momentum"])
        if params["solver"] == "sgd"
        else Adam(params["beta1"], params["beta2"], params["epsilon"])
    )
    hidden = [params["hidden_units"]] * params["layers"]
    model = Mlp(
        [x.shape[1], *hidden, 10],
        optimizer,
        rate=params["learning_rate"],
        decay=params["lr_decay"],
        seed=trial.seed,
    )

    start = 0
    checkpoint = trial.load_checkpoint()
    if checkpoint is not None:
        model.load(checkpoint.path / "model.npz")
        start = checkpoint.step + 1

    for epoch in range(start, EPOCHS):
        loss = model.epoch(epoch, x, y, params["batch_size"])
        trial.report(epoch, val_accuracy=model.accuracy(*validation), train_loss=loss)
        if trial.should_stop() or not math.isfinite(loss):
            break
        if (epoch + 1) % CHECKPOINT_EVERY == 0:
            trial.save_checkpoint(epoch, lambda folder: model.save(folder / "model.npz"))

    return {"val_accuracy": model.accuracy(*validation), "test_accuracy": model.accuracy(*test)}


data()  # read once, before the processes that train are forked
