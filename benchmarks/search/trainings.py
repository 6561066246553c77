"""Trainings that are watched epoch by epoch: of scikit-learn on its own data sets, synthetic ones, recorded ones.

A recorded one is a CSV file, one row a training: columns ``hp_NAME`` and ``value_1`` to ``value_E``, the metric after
each epoch. What may stand beside it, and what a point between recordings gets, is as in tasks.py.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from tasks import WORST, Floats, Params, choice, real, table, whole

from caviar.space import Space

LOOKED_AT = 600
"""Rows that a loss is measured on, at most."""


@dataclass
class Curve:
    """A training as far as anybody wanted to see it; it goes on from there when somebody asks for more."""

    going: Iterator[float]
    epochs: int
    losses: list[float] = field(default_factory=list)

    def at(self, epoch: int) -> float:
        """The loss after ``epoch`` epochs, from 1."""
        while len(self.losses) < epoch:
            self.losses.append(next(self.going))
        if len(self.losses) == self.epochs:
            self.going = iter(())  # with its model
        return self.losses[epoch - 1]


@dataclass(frozen=True)
class Training:
    """A space, and for each of its points the losses after epoch 1 to ``epochs``, to be minimised.

    Nothing is trained twice: contenders that try the same point share its curve. ``best`` is the least loss that a
    whole training can have, where it is known.
    """

    name: str
    space: Space
    epochs: int
    start: Callable[[Params], Iterator[float]]
    best: float = math.inf
    draws: int = 1000
    """Random points that say what an ordinary loss is."""
    known: dict[Any, Curve] = field(default_factory=dict)

    def curve(self, params: Params) -> Curve:
        key = self.space.key(params)
        if key not in self.known:
            self.known[key] = Curve(self.start(params), self.epochs)
        return self.known[key]


def _live(
    name: str,
    epochs: int,
    entries: dict[str, Any],
    dataset: str,
    rows: int,
    make: Callable[[Params], Any],
) -> Training:
    """Trained on ``rows`` rows of the data set; the loss is the log loss on others. Deterministic."""
    from sklearn import datasets
    from sklearn.preprocessing import StandardScaler

    inputs, outputs = getattr(datasets, f"load_{dataset}")(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(outputs))
    seen, hidden = order[:rows], order[rows : rows + LOOKED_AT]
    inputs = StandardScaler().fit(inputs[seen]).transform(inputs)
    classes = np.unique(outputs)

    def start(params: Params) -> Iterator[float]:
        model = make(params)
        for _ in range(epochs):
            try:
                model.partial_fit(inputs[seen], outputs[seen], classes=classes)
                loss = log_loss(model.predict_proba(inputs[hidden]), outputs[hidden])
            except ValueError:  # weights that are no finite numbers
                loss = WORST
            yield loss if math.isfinite(loss) else WORST

    return Training(f"sklearn/{name}", Space.parse(entries), epochs, start, draws=60)


def log_loss(chances: Floats, classes: Any) -> float:
    true = chances[np.arange(len(classes)), classes]
    return min(float(-np.log(np.clip(true, 1e-12, 1.0)).mean()), WORST)


def _network(p: Params) -> Any:
    from sklearn.neural_network import MLPClassifier

    rest = {name: value for name, value in p.items() if name != "hidden_units"}
    return MLPClassifier((p["hidden_units"],), random_state=0, **rest)


def _digits() -> Training:
    entries = {
        "learning_rate_init": real(1e-4, 1.0, "log"),
        "hidden_units": whole(8, 64, "log"),
        "batch_size": whole(32, 256, "log"),
        "alpha": real(1e-6, 10.0, "log"),
        "activation": choice("relu", "tanh", "logistic"),
        "solver": choice("sgd", "adam"),
        "momentum": real(0.0, 0.99, when={"solver": ["sgd"]}),
        "beta_1": real(0.5, 0.99, when={"solver": ["adam"]}),
    }
    return _live("digits", 27, entries, "digits", 300, _network)


def _wine() -> Training:
    entries = {
        "learning_rate_init": real(1e-4, 1.0, "log"),
        "hidden_units": whole(4, 64, "log"),
        "batch_size": whole(16, 89, "log"),
        "alpha": real(1e-6, 10.0, "log"),
        "momentum": real(0.0, 0.99),
        "activation": choice("relu", "tanh", "logistic"),
    }
    return _live("wine", 27, entries, "wine", 89, lambda p: _network({**p, "solver": "sgd"}))


def _cancer() -> Training:
    from sklearn.linear_model import SGDClassifier

    entries = {
        "eta0": real(1e-4, 10.0, "log"),
        "learning_rate": choice("constant", "invscaling"),
        "power_t": real(0.05, 1.0, when={"learning_rate": ["invscaling"]}),
        "alpha": real(1e-7, 1.0, "log"),
        "l1_ratio": real(0.0, 1.0),
        "average": choice(False, True),
    }

    def make(p: Params) -> Any:
        return SGDClassifier(loss="log_loss", penalty="elasticnet", random_state=0, **p)

    return _live("cancer", 52, entries, "breast_cancer", 285, make)


BOTTOM = np.array([0.3, 0.62, 0.45, 0.71])
WEIGHTS = np.array([1.0, 0.6, 0.3, 0.1])


def bowl(unit: Floats) -> float:
    return float(WEIGHTS @ (unit - BOTTOM) ** 2)


def _synthetic(
    name: str, epochs: int, best: float, loss: Callable[[Floats, float], float]
) -> Training:
    """Five parameters, two of them on a log scale. ``loss``: of a place, (5,), and the share trained, to 1."""
    entries = {f"x{i}": real(1e-4, 1.0, "log") if i in (0, 2) else real() for i in range(5)}
    space = Space.parse(entries)

    def start(params: Params) -> Iterator[float]:
        unit = space.to_unit(params)
        return (loss(unit, epoch / epochs) for epoch in count(1))

    return Training(f"synthetic/{name}", space, epochs, start, best)


def _smooth() -> Training:
    """Curves fall as a power of the epochs; whoever leads at first mostly leads at the end."""

    def loss(unit: Floats, trained: float) -> float:
        end = bowl(unit[:4]) + 0.05 * float(unit[4])
        return end + 0.2 * (1 + end) * (trained**-0.6 - 1)

    return _synthetic("smooth", 52, 0.0, loss)


def _crossing() -> Training:
    """A large first parameter is fast and ends worse: the best at the end are behind in the first fifth."""

    def speed(x: Floats | float, trained: float) -> Any:
        rate = 0.8 * 100.0**x
        return 0.6 * np.maximum(0.0, x - 0.35) ** 2 + np.exp(-rate * trained)

    best = float(speed(np.linspace(0.0, 1.0, 10_001), 1.0).min())
    return _synthetic(
        "crossing", 40, best, lambda unit, trained: float(speed(unit[0], trained)) + bowl(unit[1:])
    )


def _overfitting() -> Training:
    """Noise of 0.01 in each epoch, and a loss that rises again where the fifth parameter, the capacity, is large."""

    def loss(unit: Floats, trained: float) -> float:
        size = float(unit[4])
        end = bowl(unit[:4]) + 0.3 * (1 - size) ** 2 + 0.5 * size**2 * trained
        here = np.append(unit, trained).tobytes()
        noise = float(np.random.default_rng(zlib.crc32(here)).normal())
        return end + 0.3 * math.exp(-6 * trained * (0.3 + size)) + 0.01 * noise

    return _synthetic("overfitting", 27, math.inf, loss)


def _recorded(path: Path) -> Training:
    with path.open(encoding="utf-8") as file:
        steps = [int(step) for step in re.findall(r"\bvalue_(\d+)\b", file.readline())]
    epochs = max(steps, default=1)
    space, known, between = table(path, [f"value_{epoch}" for epoch in range(1, epochs + 1)])
    return Training(
        f"recorded/{path.stem}",
        space,
        epochs,
        lambda params: iter(between(params).tolist()),
        float(known[:, -1].min()),
    )


MADE: dict[str, Callable[[], Training]] = {
    "sklearn/digits": _digits,
    "sklearn/wine": _wine,
    "sklearn/cancer": _cancer,
    "synthetic/smooth": _smooth,
    "synthetic/crossing": _crossing,
    "synthetic/overfitting": _overfitting,
}


def names_of(wanted: str, data: Path | None) -> list[str]:
    """``all``, ``sklearn``, ``synthetic``, ``recorded`` or single ones by comma. Raises ValueError for others."""
    recorded = sorted(data.glob("*.csv")) if data else []
    names = [*MADE, *(f"recorded/{path.stem}" for path in recorded)]
    found = []
    for word in wanted.split(","):
        mine = [name for name in names if word in ("all", name, name.partition("/")[0])]
        if not mine:
            groups = "all, sklearn, synthetic, recorded"
            raise ValueError(f"there is no training {word!r}: {groups}, {', '.join(names)}")
        found += mine
    return list(dict.fromkeys(found))


@cache
def training(name: str, data: Path | None = None) -> Training:
    """The training of a name that ``names_of`` gave."""
    if name in MADE:
        return MADE[name]()
    assert data is not None
    return _recorded(data / f"{name.partition('/')[2]}.csv")
