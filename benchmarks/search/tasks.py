"""What is searched: synthetic functions, scikit-learn on its own data sets, and recorded trainings from a folder.

A recorded task is a CSV file, one row a training: columns ``hp_NAME`` and ``value``. Beside ``NAME.csv`` a
``NAME.json`` may say ``{"goal": "maximize", "scales": {"learning_rate": "log"}}``. Bounds are the smallest and the
largest value of a column; a column with text is categorical. A point between recordings gets the mean of the six
nearest, weighted by the inverse cube of their distance; categories that differ are as far apart as a range is long.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from caviar.space import Categorical, Space

Params = Mapping[str, Any]
Floats = npt.NDArray[np.float64]
NEAREST = 6
FOLDS = 3
WORST = 10.0
"""Loss of a training that scikit-learn refuses or that diverges."""


@dataclass(frozen=True)
class Task:
    """A space and a loss to minimise; ``best`` is the least there can be, where it is known."""

    name: str
    space: Space
    loss: Callable[[Params], float]
    best: float = math.inf
    draws: int = 1000
    """Random points that say what an ordinary loss is."""


def real(low: float = 0.0, high: float = 1.0, scale: str = "linear", **more: Any) -> dict[str, Any]:
    return {"type": "float", "low": low, "high": high, "scale": scale, **more}


def whole(low: int, high: int, scale: str = "linear", **more: Any) -> dict[str, Any]:
    return {"type": "int", "low": low, "high": high, "scale": scale, **more}


def choice(*choices: Any, **more: Any) -> dict[str, Any]:
    return {"type": "categorical", "choices": list(choices), **more}


def branin(x: Floats) -> float:
    curve = x[1] - 5.1 / (4 * math.pi**2) * x[0] ** 2 + 5 / math.pi * x[0] - 6
    return float(curve**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x[0]) + 10)


HARTMANN_A = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
HARTMANN_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def hartmann6(x: Floats) -> float:
    inner = (HARTMANN_A * (x - HARTMANN_P) ** 2).sum(axis=1)
    return float(-np.array([1.0, 1.2, 3.0, 3.2]) @ np.exp(-inner))


def ackley(x: Floats) -> float:
    bowl, waves = np.sqrt((x * x).mean()), np.cos(2 * np.pi * x).mean()
    return float(-20 * np.exp(-0.2 * bowl) - np.exp(waves) + 20 + math.e)


def levy(x: Floats) -> float:
    w = 1 + (x - 1) / 4
    middle = (w[:-1] - 1) ** 2 * (1 + 10 * np.sin(np.pi * w[:-1] + 1) ** 2)
    last = (w[-1] - 1) ** 2 * (1 + np.sin(2 * np.pi * w[-1]) ** 2)
    return float(np.sin(np.pi * w[0]) ** 2 + middle.sum() + last)


def rosenbrock(x: Floats) -> float:
    """Its logarithm: a loss that spans decades is looked at on a log axis."""
    return math.log1p(float((100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()))


def staircase(x: Floats) -> float:
    """Flat steps, as trees and whole numbers of layers make them; a slope in the last coordinate."""
    steps = np.floor(np.abs(x[:-1]) * 6) / 6
    return float((steps**2).sum() + 0.1 * x[-1] ** 2)


def _synthetic(
    name: str,
    function: Callable[[Floats], float],
    ends: tuple[list[float], list[float]],
    best: float,
    log: tuple[int, ...] = (),
) -> Task:
    """Over [0, 1] in each coordinate, some of them [0.0001, 1] on a log scale."""
    low, high = np.array(ends[0]), np.array(ends[1])
    space = Space.parse(
        {f"x{i}": real(1e-4, 1.0, "log") if i in log else real() for i in range(len(low))}
    )
    return Task(
        name, space, lambda params: function(low + space.to_unit(params) * (high - low)), best
    )


def _conditional() -> Task:
    """A solver with parameters of its own beside shared ones, as a study of a neural network has them."""
    space = Space.parse(
        {
            "lr": real(1e-5, 1.0, "log"),
            "layers": whole(1, 6),
            "units": whole(8, 512, "log"),
            "solver": choice("sgd", "adam", "rmsprop"),
            "momentum": real(0.0, 0.99, when={"solver": ["sgd"]}),
            "beta": real(0.5, 0.999, when={"solver": ["adam"]}),
            "dropout": real(0.0, 0.8),
        }
    )
    offset = {"sgd": 0.0, "adam": 0.1, "rmsprop": 0.4}
    right = {"sgd": -1.5, "adam": -3.0, "rmsprop": -3.2}

    def loss(p: Params) -> float:
        value = offset[p["solver"]] + 0.3 * (math.log10(p["lr"]) - right[p["solver"]]) ** 2
        value += 0.05 * (p["layers"] - 3) ** 2 + 0.2 * (math.log2(p["units"]) - 7) ** 2 / 9
        value += 2.0 * (p.get("momentum", 0.9) - 0.9) ** 2 + (p.get("beta", 0.9) - 0.9) ** 2
        return value + (p["dropout"] - 0.2) ** 2

    return Task("synthetic/conditional", space, loss, 0.0)


SYNTHETIC: dict[str, Callable[[], Task]] = {
    "branin": lambda: _synthetic(
        "synthetic/branin", branin, ([-5, 0], [10, 15]), 0.397887, log=(0,)
    ),
    "hartmann6": lambda: _synthetic(
        "synthetic/hartmann6", hartmann6, ([0] * 6, [1] * 6), -3.32237, log=(1, 3)
    ),
    "ackley5": lambda: _synthetic(
        "synthetic/ackley5", ackley, ([-12] * 5, [25] * 5), 0.0, log=(0, 3)
    ),
    "levy5": lambda: _synthetic("synthetic/levy5", levy, ([-8] * 5, [10] * 5), 0.0, log=(2,)),
    "rosenbrock4": lambda: _synthetic(
        "synthetic/rosenbrock4", rosenbrock, ([-2] * 4, [3] * 4), 0.0
    ),
    "staircase5": lambda: _synthetic(
        "synthetic/staircase5", staircase, ([-0.7] * 5, [1.3] * 5), 0.0
    ),
    "conditional": _conditional,
}


def _crossed(dataset: str, rows: int | None, make: Callable[[Params], Any]) -> Any:
    """Three-fold cross-validated loss: 1 - accuracy, or 1 - R^2 of a regression. Deterministic."""
    from sklearn import datasets
    from sklearn.model_selection import cross_val_score
    from sklearn.preprocessing import StandardScaler

    inputs, outputs = getattr(datasets, f"load_{dataset}")(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(outputs))[:rows]
    inputs, outputs = StandardScaler().fit_transform(inputs[order]), outputs[order]

    def loss(params: Params) -> float:
        scores = cross_val_score(make(params), inputs, outputs, cv=FOLDS, error_score=np.nan)
        mean = float(np.mean(scores))
        return min(1.0 - mean, WORST) if math.isfinite(mean) else WORST

    return loss


def _tree() -> Task:
    from sklearn.tree import DecisionTreeRegressor

    space = Space.parse(
        {
            "max_depth": whole(1, 15),
            "min_samples_split": real(0.01, 0.99),
            "min_samples_leaf": real(0.01, 0.49),
            "max_features": real(0.05, 1.0),
            "ccp_alpha": real(1e-2, 1e3, "log"),
        }
    )
    loss = _crossed("diabetes", None, lambda p: DecisionTreeRegressor(random_state=0, **p))
    return Task("sklearn/tree", space, loss, draws=100)


def _svm() -> Task:
    from sklearn.svm import SVC

    space = Space.parse(
        {
            "C": real(1e-3, 1e3, "log"),
            "kernel": choice("rbf", "poly", "sigmoid"),
            "gamma": real(1e-5, 1e1, "log"),
            "degree": whole(2, 5, when={"kernel": ["poly"]}),
            "coef0": real(-1.0, 1.0, when={"kernel": ["poly", "sigmoid"]}),
        }
    )
    return Task(
        "sklearn/svm",
        space,
        _crossed("digits", 500, lambda p: SVC(max_iter=2000, **p)),
        draws=100,
    )


def _mlp() -> Task:
    from sklearn.neural_network import MLPClassifier

    space = Space.parse(
        {
            "learning_rate_init": real(1e-4, 1.0, "log"),
            "hidden_units": whole(4, 64, "log"),
            "batch_size": whole(16, 128, "log"),
            "alpha": real(1e-6, 1.0, "log"),
            "activation": choice("relu", "tanh", "logistic"),
            "beta_1": real(0.5, 0.99),
        }
    )

    def model(p: Params) -> Any:
        rest = {name: value for name, value in p.items() if name != "hidden_units"}
        return MLPClassifier((p["hidden_units"],), max_iter=8, random_state=0, **rest)

    return Task("sklearn/mlp", space, _crossed("digits", 400, model), draws=100)


def _boosting() -> Task:
    from sklearn.ensemble import GradientBoostingRegressor

    space = Space.parse(
        {
            "learning_rate": real(1e-3, 1.0, "log"),
            "n_estimators": whole(5, 60, "log"),
            "max_depth": whole(1, 6),
            "subsample": real(0.2, 1.0),
            "min_samples_leaf": whole(1, 50, "log"),
        }
    )
    loss = _crossed("diabetes", None, lambda p: GradientBoostingRegressor(random_state=0, **p))
    return Task("sklearn/boosting", space, loss, draws=100)


LIVE: dict[str, Callable[[], Task]] = {
    "tree": _tree,
    "svm": _svm,
    "mlp": _mlp,
    "boosting": _boosting,
}


def recorded(path: Path) -> Task:
    """The task of one CSV file. Raises ValueError where a column is missing or too little was recorded."""
    space, known, between = table(path, ["value"])
    return Task(
        f"recorded/{path.stem}", space, lambda params: float(between(params)[0]), float(known.min())
    )


def table(path: Path, values: list[str]) -> tuple[Space, Floats, Callable[[Params], Floats]]:
    """Of a CSV file the space, the losses in the columns ``values``, (rows, values), and those of any point, (values,).

    Raises ValueError where a column is missing or too little was recorded.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name.startswith("hp_")] if rows else []
    if not names or len(rows) <= NEAREST or not set(values) <= rows[0].keys():
        wanted = " to ".join(dict.fromkeys([values[0], values[-1]]))
        raise ValueError(
            f"{path}: columns hp_NAME and {wanted}, and more than {NEAREST} rows, please"
        )
    sidecar = path.with_suffix(".json")
    more = json.loads(sidecar.read_text(encoding="utf-8")) if sidecar.exists() else {}
    columns = {name[3:]: _column([row[name] for row in rows]) for name in names}
    columns = {name: values for name, values in columns.items() if len(set(values)) > 1}
    scales = more.get("scales", {})
    space = Space.parse(
        {name: _entry(values, scales.get(name, "linear")) for name, values in columns.items()}
    )
    points = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    known = np.array([[float(row[name]) for name in values] for row in rows])
    if more.get("goal", "minimize") == "maximize":
        known = -known
    known = np.where(np.isfinite(known), known, known[np.isfinite(known)].max())
    numeric = np.array([not isinstance(parameter, Categorical) for parameter in space])
    units, _ = space.encode(points)

    def between(params: Params) -> Floats:
        here = space.to_unit(params)
        apart = np.where(numeric, (units - here) ** 2, np.abs(units - here) > 1e-9).sum(axis=1)
        near = np.argpartition(apart, NEAREST)[:NEAREST]
        weights = (apart[near] + 1e-9) ** -1.5
        return np.asarray(weights @ known[near] / weights.sum())

    return space, known, between


def _column(texts: list[str]) -> list[Any]:
    try:
        numbers = [float(text) for text in texts]
    except ValueError:
        return list(texts)
    return [int(x) for x in numbers] if all(x.is_integer() for x in numbers) else list(numbers)


def _entry(values: list[Any], scale: str) -> dict[str, Any]:
    if isinstance(values[0], str):
        return choice(*sorted(set(values)))
    make = whole if isinstance(values[0], int) else real
    return make(min(values), max(values), scale)


def names_of(wanted: str, data: Path | None) -> list[str]:
    """The names of the tasks: ``all``, ``synthetic``, ``sklearn``, ``recorded`` or single ones by comma.

    Raises ValueError for one that does not exist.
    """
    groups = {
        "synthetic": [f"synthetic/{name}" for name in SYNTHETIC],
        "sklearn": [f"sklearn/{name}" for name in LIVE],
        "recorded": [f"recorded/{path.stem}" for path in sorted(data.glob("*.csv"))]
        if data
        else [],
    }
    groups["all"] = [name for group in tuple(groups.values()) for name in group]
    found = []
    for word in wanted.split(","):
        if word not in groups and word not in groups["all"]:
            raise ValueError(f"there is no task {word!r}: {', '.join([*groups, *groups['all']])}")
        found += groups.get(word, [word])
    return list(dict.fromkeys(found))


@cache
def task(name: str, data: Path | None = None) -> Task:
    """The task of a name that ``names_of`` gave."""
    group, _, rest = name.partition("/")
    if group == "recorded":
        assert data is not None
        return recorded(data / f"{rest}.csv")
    return (SYNTHETIC if group == "synthetic" else LIVE)[rest]()
