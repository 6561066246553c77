"""A training that is babysat: deterministic to the last digit, with a live learning rate and checkpoints."""

from __future__ import annotations

from pathlib import Path

STUDY = """
name: by-hand
mode: panda
metric: {name: loss, goal: minimize}
trainer: {function: "walk:train"}
space:
  learning_rate: {type: float, low: 1.0e-4, high: 1.0, scale: log, live: true}
  momentum: {type: float, low: 0.0, high: 0.99}
warm_start: {points: [{learning_rate: 0.01, momentum: 0.5}]}
"""
WALK = '''
"""A small regression by gradient descent with momentum, in NumPy: on one thread the same to the last digit."""
import json
import time
from pathlib import Path

import numpy as np


def train(trial):
    random = np.random.default_rng(trial.seed)
    x = random.normal(size=(200, 8))
    y = np.tanh(x @ random.normal(size=8)) + 0.1 * random.normal(size=200)
    weights, speed, start = random.normal(size=8), np.zeros(8), 0
    saved = trial.load_checkpoint()
    if saved is not None:
        state = json.loads((saved.path / "state.json").read_text())
        weights, speed = np.array(state["weights"]), np.array(state["speed"])
        random.bit_generator.state = state["random"]
        start = saved.step + 1
        Path(f"restored-{trial.number}.json").write_text(json.dumps([saved.step, state["weights"]]))
    for step in range(start, 100_000):
        batch = random.integers(0, 200, size=16)
        error = x[batch] @ weights - y[batch]
        speed = trial.params["momentum"] * speed - trial.live("learning_rate") * x[batch].T @ error / 16
        weights = weights + speed
        trial.report(step, loss=float(np.mean((x @ weights - y) ** 2)))

        def fill(folder):
            state = {"weights": weights.tolist(), "speed": speed.tolist(), "random": random.bit_generator.state}
            (folder / "state.json").write_text(json.dumps(state))

        if step % 5 == 0:
            trial.save_checkpoint(step, fill)
        if trial.should_stop() or Path(f"enough-{trial.number}").exists():
            break
        time.sleep(0.02)
'''


def write_walk(folder: Path) -> Path:
    """The training's module in ``folder``, which is made."""
    folder.mkdir()
    (folder / "walk.py").write_text(WALK)
    return folder
