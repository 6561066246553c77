"""How a diabetes goes on within a year (scikit-learn's data): what one trial of `study.yaml` trains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lightgbm
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

from caviar.integrations.lightgbm import CaviarCallback

if TYPE_CHECKING:
    from caviar_worker import Trial

ROUNDS = 60


def train(trial: Trial) -> None:
    """The last reported `valid-rmse` is the trial's value."""
    x, y = load_diabetes(return_X_y=True)
    x_train, x_valid, y_train, y_valid = train_test_split(x, y, random_state=0)
    train_data = lightgbm.Dataset(x_train, y_train)
    valid_data = lightgbm.Dataset(x_valid, y_valid, reference=train_data)
    fixed = {"objective": "l2", "metric": "rmse", "verbose": -1, "seed": trial.seed % 2**31}
    caviar = CaviarCallback(trial, rounds=ROUNDS, every=10)
    lightgbm.train(
        trial.params | fixed,
        train_data,
        caviar.rounds_left,
        valid_sets=[valid_data],
        valid_names=["valid"],
        init_model=caviar.model,
        callbacks=[caviar],
    )
