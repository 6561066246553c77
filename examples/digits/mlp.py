"""A multilayer perceptron in NumPy: ReLU layers, softmax, SGD with momentum or Adam."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Sgd:
    """Gradient descent with momentum: v = momentum * v - rate * gradient."""

    momentum: float


@dataclass(frozen=True)
class Adam:
    """Kingma and Ba 2015, algorithm 1."""

    beta1: float
    beta2: float
    epsilon: float


class Mlp:
    """``weights`` alternates matrices (inputs, outputs) and biases (outputs,)."""

    def __init__(
        self, sizes: list[int], optimizer: Sgd | Adam, rate: float, decay: float, seed: int
    ) -> None:
        """``sizes``: inputs, each hidden layer, classes. The rate after t updates is rate / (1 + decay * t)."""
        self.optimizer, self.rate, self.decay = optimizer, rate, decay
        self.seed, self.updates = seed, 0
        random = np.random.default_rng(seed)
        self.weights: list[Floats] = []
        for inputs, outputs in pairwise(sizes):
            # He et al. 2015: keeps the variance of ReLU activations from layer to layer.
            spread = np.sqrt(2.0 / inputs)
            self.weights.append(random.normal(0.0, spread, (inputs, outputs)).astype(np.float32))
            self.weights.append(np.zeros(outputs, dtype=np.float32))
        self.first = [np.zeros_like(weight) for weight in self.weights]
        self.second = [np.zeros_like(weight) for weight in self.weights]

    def epoch(self, number: int, x: Floats, y: Labels, batch: int) -> float:
        """One pass over ``x`` (samples, inputs) in an order that seed and number fix; the mean loss."""
        order = np.random.default_rng([self.seed, number]).permutation(len(x))
        losses = []
        with np.errstate(all="ignore"):  # a rate that is too high overflows: the loss says so
            for start in range(0, len(order), batch):
                picked = order[start : start + batch]
                losses.append(self._update(x[picked], y[picked]))
        return float(np.mean(losses))

    def accuracy(self, x: Floats, y: Labels) -> float:
        with np.errstate(all="ignore"):
            return float(np.mean(self._forward(x)[-1].argmax(axis=1) == y))

    def save(self, path: Path) -> None:
        arrays = {f"{kind}{i}": array for kind, i, array in self._arrays()}
        np.savez(path, updates=np.array(self.updates), allow_pickle=False, **arrays)

    def load(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as saved:
            self.updates = int(saved["updates"])
            for kind, i, array in self._arrays():
                array[...] = saved[f"{kind}{i}"]

    def _arrays(self) -> list[tuple[str, int, Floats]]:
        kinds = {"weights": self.weights, "first": self.first, "second": self.second}
        return [
            (kind, i, array) for kind, arrays in kinds.items() for i, array in enumerate(arrays)
        ]

    def _forward(self, x: Floats) -> list[Floats]:
        """The input of every layer, and the logits last."""
        activations = [x]
        for layer in range(0, len(self.weights), 2):
            x = x @ self.weights[layer] + self.weights[layer + 1]
            if layer + 2 < len(self.weights):
                x = np.maximum(x, 0.0)
            activations.append(x)
        return activations

    def _update(self, x: Floats, y: Labels) -> float:
        """One step on a minibatch; its mean cross-entropy before the step."""
        activations = self._forward(x)
        logits = activations[-1]
        shifted = logits - logits.max(axis=1, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        rows = np.arange(len(y))
        # Cross-entropy after softmax: the gradient at the logits is p - onehot(y).
        delta = np.exp(log_p)
        delta[rows, y] -= 1.0
        delta /= np.float32(len(y))
        gradients: list[Floats] = []
        for layer in range(len(self.weights) - 2, -1, -2):
            entering = activations[layer // 2]
            gradients = [entering.T @ delta, delta.sum(axis=0), *gradients]
            delta = (delta @ self.weights[layer].T) * (entering > 0)
        self._step(gradients)
        return float(-log_p[rows, y].mean())

    def _step(self, gradients: list[Floats]) -> None:
        rate = self.rate / (1.0 + self.decay * self.updates)
        self.updates += 1
        how = self.optimizer
        for weight, gradient, first, second in zip(
            self.weights, gradients, self.first, self.second, strict=True
        ):
            if isinstance(how, Sgd):
                first *= how.momentum
                first -= rate * gradient
                weight += first
                continue
            first += (1 - how.beta1) * (gradient - first)
            second += (1 - how.beta2) * (gradient * gradient - second)
            unbiased = first / (1 - how.beta1**self.updates)
            spread = np.sqrt(second / (1 - how.beta2**self.updates))
            weight -= (rate * unbiased / (spread + how.epsilon)).astype(np.float32)
