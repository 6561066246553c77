"""A training to babysit: digits that are drawn here, a network of one hidden layer, all in NumPy.

`trial.live(name)` is read in every step, so that `caviar trial set` changes the step after the next report. The
checkpoint holds all that the next step depends on, the random state included: going back to it, and following a
schedule from the start, give the same curve to the last digit.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from caviar_worker import Trial

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

STEPS = 300
UPDATES = 80
"""Minibatches in a step: a step ends with a report."""
BATCH = 128
HIDDEN = 192
CHECKPOINT_EVERY = 10
SIDE = 9

# Five by seven, a row in each word.
DIGITS = """
01110 10001 10011 10101 11001 10001 01110
00100 01100 00100 00100 00100 00100 01110
01110 10001 00001 00010 00100 01000 11111
11111 00010 00100 00010 00001 10001 01110
00010 00110 01010 10010 11111 00010 00010
11111 10000 11110 00001 00001 10001 01110
00110 01000 10000 11110 10001 10001 01110
11111 00001 00010 00100 01000 01000 01000
01110 10001 10001 01110 10001 10001 01110
01110 10001 10001 01111 00001 00010 01100
"""


def drawn(count: int, random: np.random.Generator) -> tuple[Floats, Labels]:
    """Digits in a square of SIDE by SIDE, each at a place of its own and under noise: (count, SIDE * SIDE)."""
    rows = [line.split() for line in DIGITS.split("\n") if line]
    glyphs = np.array([[[int(dot) for dot in row] for row in glyph] for glyph in rows], dtype=float)
    labels = random.integers(0, 10, size=count)
    images = random.normal(0.0, 0.4, size=(count, SIDE, SIDE))
    for image, label in zip(images, labels, strict=True):
        top, left = random.integers(0, SIDE - 6), random.integers(0, SIDE - 4)
        image[top : top + 7, left : left + 5] += glyphs[label]
    return images.reshape(count, -1) - images.mean(), labels


class Network:
    """One hidden layer of ReLU, softmax, gradient descent with momentum: v = m v - rate * gradient."""

    def __init__(self, random: np.random.Generator) -> None:
        inputs = SIDE * SIDE
        self.weights = [
            random.normal(0.0, np.sqrt(2.0 / inputs), (inputs, HIDDEN)),
            random.normal(0.0, np.sqrt(2.0 / HIDDEN), (HIDDEN, 10)),
        ]
        self.speeds = [np.zeros_like(weight) for weight in self.weights]

    def loss(self, x: Floats, y: Labels) -> float:
        """Mean cross-entropy."""
        return float(
            -self._log_p(np.maximum(x @ self.weights[0], 0.0))[np.arange(len(y)), y].mean()
        )

    def update(self, x: Floats, y: Labels, rate: float, momentum: float) -> None:
        hidden = np.maximum(x @ self.weights[0], 0.0)
        delta = np.exp(self._log_p(hidden))
        delta[np.arange(len(y)), y] -= 1.0
        delta /= len(y)
        below = (delta @ self.weights[1].T) * (hidden > 0)
        for i, gradient in enumerate((x.T @ below, hidden.T @ delta)):
            self.speeds[i] = momentum * self.speeds[i] - rate * gradient
            self.weights[i] = self.weights[i] + self.speeds[i]

    def _log_p(self, hidden: Floats) -> Floats:
        logits = hidden @ self.weights[1]
        shifted = logits - logits.max(axis=1, keepdims=True)
        logs: Floats = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return logs


@threadpool_limits.wrap(limits=1)  # one thread: the same to the last digit every time
def train(trial: Trial) -> None:
    random = np.random.default_rng(trial.seed)
    x, y = drawn(20_000, np.random.default_rng(0))
    validation = drawn(2000, np.random.default_rng(1))
    network, start = Network(random), 0

    saved = trial.load_checkpoint()
    if saved is not None:
        load(saved.path, network, random)
        start = saved.step + 1

    for step in range(start, STEPS):
        with np.errstate(all="ignore"):  # a rate that is too high overflows: the loss says so
            for _ in range(UPDATES):
                rows = random.integers(0, len(y), size=BATCH)
                rate, momentum = trial.live("learning_rate"), trial.live("momentum")
                network.update(x[rows], y[rows], float(rate), float(momentum))
            trial.report(step, val_loss=network.loss(*validation))
        if step % CHECKPOINT_EVERY == 0:
            trial.save_checkpoint(step, lambda folder: save(folder, network, random))
        if trial.should_stop():
            break


def save(folder: Path, network: Network, random: np.random.Generator) -> None:
    arrays = {f"w{i}": w for i, w in enumerate(network.weights)}
    arrays |= {f"v{i}": v for i, v in enumerate(network.speeds)}
    np.savez(folder / "network.npz", allow_pickle=False, **arrays)
    (folder / "random.json").write_text(json.dumps(random.bit_generator.state))


def load(folder: Path, network: Network, random: np.random.Generator) -> None:
    with np.load(folder / "network.npz", allow_pickle=False) as arrays:
        network.weights = [arrays["w0"], arrays["w1"]]
        network.speeds = [arrays["v0"], arrays["v1"]]
    random.bit_generator.state = json.loads((folder / "random.json").read_text())
