"""Tumours, benign or malignant (scikit-learn's breast cancer data): what one trial of `study.yaml` trains."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import xgboost
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from caviar.integrations.xgboost import CaviarCallback

if TYPE_CHECKING:
    from caviar_worker import Trial

ROUNDS = 150


@cache
def data() -> tuple[xgboost.DMatrix, xgboost.DMatrix]:
    """Train and validation: the same in every trial."""
    x, y = load_breast_cancer(return_X_y=True)
    x_train, x_valid, y_train, y_valid = train_test_split(x, y, random_state=0, stratify=y)
    return xgboost.DMatrix(x_train, y_train), xgboost.DMatrix(x_valid, y_valid)


def train(trial: Trial) -> None:
    """The last reported `valid-logloss` is the trial's value."""
    train_data, valid_data = data()
    params = {**trial.params, "objective": "binary:logistic", "seed": trial.seed % 2**31}
    caviar = CaviarCallback(trial, rounds=ROUNDS, every=10)
    xgboost.train(
        params,
        train_data,
        caviar.rounds_left,
        evals=[(valid_data, "valid")],
        xgb_model=caviar.model,
        callbacks=[caviar],
        verbose_eval=False,
    )
