"""The peer of ``growth``: Optuna on SQLite, its history written in bulk."""

from __future__ import annotations

import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import optuna
from history import loss
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from sqlalchemy import insert

DISTRIBUTIONS = {
    "x": FloatDistribution(0.0, 1.0),
    "y": FloatDistribution(1e-4, 1.0, log=True),
    "z": IntDistribution(1, 9),
}
ASKS = 10


def optuna_costs(trials: int) -> None:
    """One study with so many trials, in a process that has just opened it. Prints processor time."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'optuna.db'}"
        _fill(RDBStorage(url), trials)
        for name, sampler in (
            ("TPE", optuna.samplers.TPESampler(seed=0)),
            ("random", optuna.samplers.RandomSampler(seed=0)),
        ):
            storage = RDBStorage(url)
            began = time.process_time()
            study = optuna.load_study(study_name="peer", storage=storage, sampler=sampler)
            study.tell(_asked(study), 1.0)
            first = time.process_time() - began
            asks, tells = [], []
            for _ in range(ASKS):
                began = time.process_time()
                trial = _asked(study)
                asks.append(time.process_time() - began)
                began = time.process_time()
                study.tell(trial, loss(trial.params))
                tells.append(time.process_time() - began)
            began = time.process_time()
            optuna.get_all_study_summaries(RDBStorage(url))
            summaries = time.process_time() - began
            began = time.process_time()
            assert optuna.load_study(study_name="peer", storage=RDBStorage(url)).best_value >= 0.0
            best = time.process_time() - began
            print(
                f"Optuna {name}, {trials:,} trials: first ask {1e3 * first:.0f} ms, then ask "
                f"{1e3 * float(np.median(asks)):.0f} ms, tell {1e3 * float(np.median(tells)):.0f} ms; list of studies "
                f"{1e3 * summaries:.0f} ms; best of a study just opened {1e3 * best:.0f} ms"
            )


def _asked(study: optuna.Study) -> optuna.Trial:
    trial = study.ask()
    trial.suggest_float("x", 0.0, 1.0)
    trial.suggest_float("y", 1e-4, 1.0, log=True)
    trial.suggest_int("z", 1, 9)
    return trial


def _fill(storage: RDBStorage, trials: int) -> None:
    study = optuna.create_study(study_name="peer", storage=storage)
    rng = np.random.default_rng(0)
    began = datetime(2026, 1, 1)
    points = [
        {
            "x": float(x),
            "y": float(10 ** (-4 * y)),
            "z": int(z),
        }
        for x, y, z in zip(
            rng.random(trials), rng.random(trials), rng.integers(1, 10, trials), strict=True
        )
    ]
    numbers = range(trials)
    texts = {
        name: optuna.distributions.distribution_to_json(each)
        for name, each in DISTRIBUTIONS.items()
    }
    with storage.engine.begin() as connection:
        connection.execute(
            insert(models.TrialModel),
            [
                {
                    "trial_id": number + 1,
                    "number": number,
                    "study_id": study._study_id,
                    "state": optuna.trial.TrialState.COMPLETE,
                    "datetime_start": began + timedelta(seconds=number),
                    "datetime_complete": began + timedelta(seconds=number + 1),
                }
                for number in numbers
            ],
        )
        connection.execute(
            insert(models.TrialParamModel),
            [
                {
                    "trial_id": number + 1,
                    "param_name": name,
                    "param_value": point[name],
                    "distribution_json": texts[name],
                }
                for number, point in enumerate(points)
                for name in point
            ],
        )
        connection.execute(
            insert(models.TrialValueModel),
            [
                {
                    "trial_id": number + 1,
                    "objective": 0,
                    "value": loss(point),
                    "value_type": models.TrialValueModel.TrialValueType.FINITE,
                }
                for number, point in enumerate(points)
            ],
        )
        connection.execute(
            insert(models.TrialIntermediateValueModel),
            [
                {
                    "trial_id": number + 1,
                    "step": step,
                    "intermediate_value": loss(point) + 1 / step,
                    "intermediate_value_type": models.TrialIntermediateValueModel.TrialIntermediateValueType.FINITE,
                }
                for number, point in enumerate(points)
                for step in (1, 3, 9)
            ],
        )
