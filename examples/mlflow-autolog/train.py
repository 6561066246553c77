"""A script as it may lie anywhere, `python train.py --learning-rate 0.01`: all that it knows is MLflow."""

from __future__ import annotations

import argparse

import mlflow
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--learning-rate", type=float, default=0.001)
    parser.add_argument("--alpha", type=float, default=0.0001)
    options = parser.parse_args()

    x, y = load_digits(return_X_y=True)
    x_train, x_val, y_train, y_val = train_test_split(x / 16, y, random_state=0, stratify=y)
    mlflow.autolog(log_models=False, silent=True)
    with mlflow.start_run():
        model = MLPClassifier(
            hidden_layer_sizes=(32,),
            alpha=options.alpha,
            learning_rate_init=options.learning_rate,
            max_iter=20,
            n_iter_no_change=20,
            random_state=0,
        )
        model.fit(x_train, y_train)
        for step, loss in enumerate(model.loss_curve_):
            mlflow.log_metric("loss", loss, step=step)
        mlflow.log_metric("val_accuracy", float(np.mean(model.predict(x_val) == y_val)))


if __name__ == "__main__":
    main()
