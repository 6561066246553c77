"""How long a whole training takes at a point of the space, learned from trainings that ended or go on.

A Bayesian linear model of the logarithm of the seconds, averaged over which parameters matter: none, one or two of
them. A parameter on a ratio scale acts as a power (twice the units, 2**w times the seconds), any other one along its
place in the unit interval, a categorical one by its choices. Five trainings are enough to tell a length that follows
one parameter from noise; where they are not, the average stays near the typical length. Pure: no I/O, no clock.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from caviar.space import Categorical, Space
from caviar.space.parameter import Floats, Parameter

SLOPE: Final = 0.7
"""Prior standard deviation of a power, of an effect across a whole scale, and of a choice's."""
COLD_S: Final = 4.0
"""Loading code and data may take the first trial of a slot so long."""
COLD: Final = 1.0
"""Prior standard deviation of what of that there is, as a power."""
APART: Final = 0.1
"""Prior standard deviation between the levels of two studies of the same trainer."""
LEVEL: Final = 3.0
"""Prior standard deviation of the level around the observed one: as good as none."""
NOISE: Final = 0.15
"""What the noise of a length is held to be before anything is known, as a standard deviation of the logarithm."""
CERTAIN: Final = 1.0
"""How many observations that is worth, times two."""
MATTERS: Final = 1.0
"""Parameters that are held to matter before anything is known."""
MOST_AT_ONCE: Final = 2
ROUNDS: Final = 4
"""Of guessing what is still running from what has ended, and learning from both."""


@dataclass(frozen=True, slots=True)
class Length:
    """One training. ``ran`` False: it takes longer than ``seconds``. ``source`` 0: of the study itself. ``cold``: the
    first of its slot, which also loads the code and the data."""

    unit: Floats
    """Its place in the cube, (d,)."""
    seconds: float
    ran: bool = True
    source: int = 0
    cold: bool = False


@dataclass(frozen=True, slots=True)
class _Model:
    columns: tuple[int, ...]
    mean: Floats
    root: Floats
    """Cholesky factor of the coefficients' covariance, for a noise of 1."""
    shape: float
    scale: float
    """Of the noise variance's inverse gamma."""


@dataclass(frozen=True)
class Lengths:
    """Fitted by :meth:`fit`."""

    space: Space
    beside: int
    """Columns beside the level and the parameters'; what is to come is 0 there."""
    models: tuple[_Model, ...]
    weights: Floats

    @classmethod
    def fit(cls, space: Space, seen: Sequence[Length]) -> Lengths:
        """``seen``: at least one that ran. Sources are numbered from 0, the study itself, without gaps."""
        beside, spread = _beside(seen)
        groups = _groups(space, 1 + len(spread))
        units = np.array([each.unit for each in seen])
        design = _design(space, units, beside)
        logs = np.log(np.maximum([each.seconds for each in seen], 1e-6))
        ran = np.array([each.ran for each in seen])
        targets, weights = logs, np.asarray(ran, dtype=np.float64)
        found = cls._fitted(space, spread, groups, design, targets, weights, NOISE)
        for _ in range(ROUNDS):
            if not ran.all():
                mean, about = found._moments(design[~ran])
                targets, weights = logs.copy(), np.ones(len(logs))
                targets[~ran], weights[~ran] = _beyond(mean, about, logs[~ran])
            found = cls._fitted(space, spread, groups, design, targets, weights, found._noise())
        return found

    @classmethod
    def _fitted(
        cls,
        space: Space,
        spread: Sequence[float],
        groups: tuple[tuple[int, ...], ...],
        design: Floats,
        logs: Floats,
        weights: Floats,
        noise: float,
    ) -> Lengths:
        middle = float(np.average(logs, weights=weights))
        always = tuple(range(1 + len(spread)))
        chance = min(0.5, MATTERS / max(1, len(groups)))
        models, evidence = [], []
        for size in range(MOST_AT_ONCE + 1):
            for chosen in combinations(range(len(groups)), size):
                columns = always + tuple(c for g in chosen for c in groups[g])
                model, log_evidence = _model(
                    design[:, columns], logs, weights, columns, middle, spread, noise
                )
                models.append(model)
                odds = size * math.log(chance) + (len(groups) - size) * math.log1p(-chance)
                evidence.append(log_evidence + odds)
        share = np.exp(np.array(evidence) - max(evidence))
        share /= share.sum()
        kept = np.flatnonzero(share > 1e-3)
        return cls(
            space,
            len(spread),
            tuple(models[k] for k in kept),
            share[kept] / share[kept].sum(),
        )

    def _noise(self) -> float:
        """Its standard deviation, averaged over the models."""
        variances = [model.scale / max(model.shape - 1.0, 0.5) for model in self.models]
        return math.sqrt(float(self.weights @ np.array(variances)))

    def _moments(self, design: Floats) -> tuple[Floats, Floats]:
        """Of the logarithm, averaged over the models: mean and standard deviation, noise included."""
        means, variances = [], []
        for model in self.models:
            x = design[:, model.columns]
            noise = model.scale / max(model.shape - 1.0, 0.5)
            means.append(x @ model.mean)
            variances.append(noise * (1.0 + ((x @ model.root) ** 2).sum(axis=1)))
        mean = self.weights @ np.array(means)
        second = self.weights @ (np.array(variances) + np.array(means) ** 2)
        return mean, np.sqrt(np.maximum(second - mean**2, 1e-12))

    def draw(self, units: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """The logarithms at ``units``, (draws, n, d), without noise, as they may be, (draws, n); and what the noise's
        standard deviation is then, (draws,)."""
        draws, count, _ = units.shape
        flat = units.reshape(draws * count, -1)
        design = _design(self.space, flat, np.zeros((len(flat), self.beside)))
        design = design.reshape(draws, count, -1)
        logs, noises = np.empty((draws, count)), np.empty(draws)
        which = np.arange(len(self.models))
        picked = rng.choice(which, size=draws, p=self.weights)
        for draw in range(draws):
            model = self.models[int(picked[draw])]
            noises[draw] = math.sqrt(model.scale / rng.gamma(model.shape))
            about = model.root @ rng.standard_normal(len(model.mean))
            coefficients = model.mean + noises[draw] * about
            logs[draw] = design[draw][:, model.columns] @ coefficients
        return logs, noises


def _model(
    x: Floats,
    y: Floats,
    weights: Floats,
    columns: tuple[int, ...],
    middle: float,
    beside: Sequence[float],
    noise: float,
) -> tuple[_Model, float]:
    """The posterior under a normal-inverse-gamma prior, and the logarithm of the evidence.

    Such a prior holds coefficients to be large where the noise is. They are not: so it is told what ``noise`` there
    is, by the fit before.
    """
    width = x.shape[1]
    spread = np.full(width, SLOPE)
    spread[0] = LEVEL
    spread[1 : 1 + len(beside)] = beside
    precision = (noise / spread) ** 2
    start = np.zeros(width)
    start[0] = middle
    weighted = x * weights[:, None]
    after = x.T @ weighted + np.diag(precision)
    chol = np.linalg.cholesky(after)
    mean = np.linalg.solve(after, weighted.T @ y + precision * start)
    shape0 = CERTAIN
    scale0 = CERTAIN * NOISE**2
    count = float(weights.sum())
    shape = shape0 + count / 2
    rest = float(weights @ y**2 + precision @ start**2 - mean @ after @ mean)
    scale = scale0 + max(rest, 0.0) / 2
    evidence = (
        0.5 * float(np.log(precision).sum())
        - float(np.log(np.diag(chol)).sum())
        + shape0 * math.log(scale0)
        - shape * math.log(scale)
        + math.lgamma(shape)
    )
    root = np.asarray(np.linalg.inv(chol).T, dtype=np.float64)
    return _Model(columns, np.asarray(mean, dtype=np.float64), root, shape, scale), evidence


def _beyond(mean: Floats, spread: Floats, floor: Floats) -> tuple[Floats, Floats]:
    """The mean of a normal variable above ``floor``, and how much is told by its being above it, in [0, 1]."""
    z = (floor - mean) / spread
    density = np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
    above = np.array([0.5 * math.erfc(each / math.sqrt(2)) for each in z])
    ratio = np.where(z > 6, z + 1 / np.maximum(z, 1e-9), density / np.maximum(above, 1e-12))
    return mean + spread * ratio, 1.0 - above


def _groups(space: Space, start: int) -> tuple[tuple[int, ...], ...]:
    """The columns of each parameter, from column ``start`` on."""
    found = []
    for parameter in space:
        width = len(parameter.choices) if isinstance(parameter, Categorical) else 1
        found.append(tuple(range(start, start + width)))
        start += width
    return tuple(found)


def _beside(seen: Sequence[Length]) -> tuple[Floats, list[float]]:
    """Shape (n, k): whose study it was, and how much of the seconds loading may be; and each column's prior spread."""
    columns = [
        [float(each.source == source) for each in seen]
        for source in range(1, 1 + max(each.source for each in seen))
    ]
    spread = [APART] * len(columns)
    if any(each.cold for each in seen):
        columns.append([_loading(each.seconds) if each.cold else 0.0 for each in seen])
        spread.append(COLD)
    return np.array(columns).reshape(len(columns), len(seen)).T, spread


def _loading(seconds: float) -> float:
    """The logarithm of how many times longer it took than without ``COLD_S``; a tenth is never loading."""
    return -math.log(max(0.1, 1.0 - COLD_S / max(seconds, 1e-6)))


def _design(space: Space, units: Floats, beside: Floats) -> Floats:
    """Shape (n, 1 + columns beside + columns of the parameters)."""
    places, active = space.snap(units)
    level = np.ones((len(units), 1))
    columns = [_columns(p, places[:, k]) * active[:, k, None] for k, p in enumerate(space)]
    return np.hstack([level, beside, *columns])


def _columns(parameter: Parameter, units: Floats) -> Floats:
    """Shape (n,) -> (n, width), around 0."""
    if isinstance(parameter, Categorical):
        choice = np.floor(units * len(parameter.choices))
        return np.asarray(choice[:, None] == np.arange(len(parameter.choices)), dtype=np.float64)
    if parameter.low <= 0 or parameter.scale == "reverse_log":
        return np.asarray(units[:, None] - 0.5)
    a, b = parameter.ends()
    there = a + units * (b - a)
    logs = there if parameter.scale == "log" else np.log(np.maximum(there, parameter.low))
    return np.asarray(logs[:, None] - 0.5 * math.log(parameter.low * parameter.high))
