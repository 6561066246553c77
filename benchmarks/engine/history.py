"""A store with a long past, written in bulk: what a service holds after months, in seconds."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine, insert, update

from caviar.adapters.sql import Store, migrate, open_engine
from caviar.adapters.sql.tables import attempts, studies, trials
from caviar.contract.names import trial_id
from caviar.search import first_round
from caviar.studies.life import trial_seed
from caviar.studies.spec import load_study

STUDY = """
name: {name}
metric: {{name: loss, goal: minimize}}
trainer: {{function: "quadratic:train"}}
space:
  x: {{type: float, low: 0.0, high: 1.0}}
  y: {{type: float, low: 1.0e-4, high: 1.0, scale: log}}
  z: {{type: int, low: 1, high: 9}}
search: {{strategy: {strategy}, seed: 0}}
budget: {{trials: {trials}}}
"""
STEPS = (1, 3, 9)
"""Where a stopping rule compared the trials."""
OUTPUT = "epoch 1 loss 0.123456\n" * 20
CHUNK = 10_000


def loss(params: dict[str, Any]) -> float:
    return float((params["x"] - 0.3) ** 2 + (np.log10(params["y"]) + 2.0) ** 2 / 16)


def open_store(path: Path) -> tuple[Engine, Store]:
    engine = open_engine(f"sqlite:///{path}")
    migrate(engine)
    return engine, Store(engine)


def add_study(
    engine: Engine, store: Store, name: str, strategy: str, ended: int, budget: int, over: bool
) -> str:
    """A study with ``ended`` finished trials; ``over`` says that it is done and its record in MLflow complete."""
    text = STUDY.format(name=name, strategy=strategy, trials=budget)
    study = load_study(text, "study.yaml")
    record = store.add_study(
        name=study.name,
        fingerprint=study.fingerprint,
        source=text,
        filename="study.yaml",
        folder=None,
        code_version=None,
        user=None,
        first_round=first_round(study.space, study.search_settings).to_json(),
    )
    first = first_round(study.space, study.search_settings).to_json()
    for index in range(1, rounds_after(ended)):
        # What it was computed from is left out.
        store.add_round(record.id, index, {**first, "index": index, "parent": index - 1}, [])
    now = time.time() - 1e5
    rng = np.random.default_rng(len(name) + ended)
    with engine.begin() as connection:
        for first in range(0, ended, CHUNK):
            rows = [
                _row(record.id, number, study.space.from_unit(rng.random(3)), now)
                for number in range(first, min(first + CHUNK, ended))
            ]
            connection.execute(insert(trials), rows)
            tries = [
                {
                    "trial_id": row["id"],
                    "attempt": 1,
                    "host": "host-0",
                    "started": row["started"],
                    "ended": row["ended"],
                    "outcome": "done",
                }
                for row in rows
            ]
            connection.execute(insert(attempts), tries)
        if over:
            connection.execute(
                update(studies)
                .where(studies.c.id == record.id)
                .values(state="done", ended=now + ended, importance=[], closed=True)
            )
    return record.id


def rounds_after(trials: int) -> int:
    """About as many as a study makes: one after every 4 trials, later after a twentieth of all."""
    return round(min(trials, 80) / 4 + 20 * math.log(max(trials, 80) / 80))


def _row(study_id: str, number: int, params: Any, now: float) -> dict[str, Any]:
    params = dict(params)
    value = loss(params)
    return {
        "id": trial_id(study_id, number),
        "study_id": study_id,
        "number": number,
        "round": 0,
        "state": "done",
        "attempt": 1,
        "params": params,
        "seed": trial_seed(0, number),
        "value": value,
        "steps": STEPS[-1],
        "nonce": f"nonce-{number}",
        "host": f"host-{number % 40}",
        "incarnation": "one",
        "slot": 0,
        "created": now + number,
        "started": now + number,
        "ended": now + number + 1,
        "seconds": 1.0,
        "output": OUTPUT,
        "run_id": f"{number:032x}",
        "shipped": True,
        "curve": [[step, value + 1 / step] for step in STEPS],
    }
