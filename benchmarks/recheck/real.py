"""How often a re-check is right on real data that changed, where dense tuning says whether the optimum moved.

    python benchmarks/recheck/real.py [--first 0] [--studies 3] [--checks 8]

Four trainings of scikit-learn on its own data sets, each tuned on old data (100 trials, three leaders confirmed on
three new seeds), then checked with at most 10 trainings on what became of it:

    digits/svm       C, gamma: nothing; pixel noise of 2 and 6 of 16; pixels in another unit, 4 times as large
    cancer/logistic  C, penalty: nothing; 5% and 35% of the labels wrong
    diabetes/ridge   alpha and gamma of a kernel ridge: nothing; old are those of low body mass, new those of high;
                     features in another unit, 4 times as large
    digits/mlp       learning rate, alpha: nothing; 64 hidden units instead of 8; pixels from 0 to 16 instead of 1

A seed draws which rows train and which are scored, the same for every point; the loss is the error rate, the log loss
or the squared error. The truth: the mean loss over a dense grid (3 seeds, then 16 fresh ones for the best eight, and 16
more for the best and the champion). The optimum has moved where the best gains more than 2 standard deviations of a
training and more than twice its own standard error, and has not where it gains less than 1, or where nothing was
changed; between them neither word is wrong. Seeds from 1000 on were used to write this, those from 0 on are reported.
"""

from __future__ import annotations

import argparse
import math
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from statistics import fmean, stdev
from typing import Any

import numpy as np
from sklearn import datasets
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

from caviar.search import Searcher, Settings
from caviar.search.checking import Terms, Training, next_training, points_to_check, verdict
from caviar.search.confirming import confirmed, leaders, reserved
from caviar.space import Categorical, Params, Space

TRIALS, CONFIRM, BUDGET = 100, 3, 10
DENSE, BEST, FRESH = 11, 8, 16
MOVED, STILL = 2.0, 1.0
"""Gain of the dense re-tune in standard deviations of a training."""

Loss = Callable[[Params, int], float]


def log(low: float, high: float) -> dict[str, Any]:
    return {"type": "float", "low": low, "high": high, "scale": "log"}


@cache
def data(name: str) -> tuple[Any, Any]:
    inputs, outputs = getattr(datasets, f"load_{name}")(return_X_y=True)
    return inputs, outputs


def halves(count: int, train: int, score: int, seed: int) -> tuple[Any, Any]:
    order = np.random.default_rng(seed).permutation(count)
    return order[:train], order[train : train + score]


def svm(noise: float = 0.0, unit: float = 1.0) -> Loss:
    def loss(params: Params, seed: int) -> float:
        inputs, outputs = data("digits")
        rows, scored = halves(len(outputs), 300, 300, seed)
        rng = np.random.default_rng([seed, 1])
        seen = unit * (inputs + noise * rng.normal(size=inputs.shape)) / 16
        model = SVC(max_iter=5000, **params).fit(seen[rows], outputs[rows])
        return 1.0 - float(model.score(seen[scored], outputs[scored]))

    return loss


def logistic(wrong: float = 0.0) -> Loss:
    def loss(params: Params, seed: int) -> float:
        inputs, outputs = data("breast_cancer")
        rows, scored = halves(len(outputs), 200, 300, seed)
        flipped = np.random.default_rng([seed, 1]).random(len(outputs)) < wrong
        labels = np.where(flipped, 1 - outputs, outputs)
        middle, spread = inputs[rows].mean(axis=0), inputs[rows].std(axis=0) + 1e-9
        seen = (inputs - middle) / spread
        ratio = {"l2": 0.0, "l1": 1.0}[str(params["penalty"])]
        model = LogisticRegression(
            C=float(params["C"]), l1_ratio=ratio, solver="liblinear", max_iter=100
        ).fit(seen[rows], labels[rows])
        return float(log_loss(labels[scored], model.predict_proba(seen[scored])))

    return loss


def ridge(high: bool = False, unit: float = 1.0) -> Loss:
    inputs, outputs = data("diabetes")
    order = np.argsort(inputs[:, 2], kind="stable")
    own = order[len(order) // 2 :] if high else order[: len(order) // 2]

    def loss(params: Params, seed: int) -> float:
        rows, scored = halves(len(own), 140, 81, seed)
        model = KernelRidge(kernel="rbf", **params)
        middle = outputs[own[rows]].mean()
        model.fit(20 * unit * inputs[own[rows]], outputs[own[rows]] - middle)
        missed = model.predict(20 * unit * inputs[own[scored]]) + middle - outputs[own[scored]]
        return float((missed**2).mean() / 1000)

    return loss


def mlp(units: int = 8, pixel: float = 1.0) -> Loss:
    def loss(params: Params, seed: int) -> float:
        inputs, outputs = data("digits")
        rows, scored = halves(len(outputs), 300, 300, seed)
        model = MLPClassifier((units,), max_iter=8, batch_size=32, random_state=seed, **params).fit(
            inputs[rows] * pixel / 16, outputs[rows]
        )
        probabilities = np.clip(model.predict_proba(inputs[scored] * pixel / 16), 1e-6, 1.0)
        return min(float(log_loss(outputs[scored], probabilities)), 5.0)

    return loss


@dataclass(frozen=True)
class Task:
    space: Space
    drifts: dict[str, Loss]
    """The first one is the old data."""


TASKS: dict[str, Callable[[], Task]] = {
    "digits/svm": lambda: Task(
        Space.parse({"C": log(1e-2, 1e3), "gamma": log(1e-5, 1e1)}),
        {
            "nothing": svm(),
            "pixel noise 2": svm(2.0),
            "pixel noise 6": svm(6.0),
            "another unit": svm(unit=4.0),
        },
    ),
    "cancer/logistic": lambda: Task(
        Space.parse(
            {"C": log(1e-4, 1e2), "penalty": {"type": "categorical", "choices": ["l1", "l2"]}}
        ),
        {"nothing": logistic(), "labels 5% wrong": logistic(0.05), "35% wrong": logistic(0.35)},
    ),
    "diabetes/ridge": lambda: Task(
        Space.parse({"alpha": log(1e-4, 1e2), "gamma": log(1e-5, 1e1)}),
        {"nothing": ridge(), "high body mass": ridge(True), "another unit": ridge(unit=4.0)},
    ),
    "digits/mlp": lambda: Task(
        Space.parse({"learning_rate_init": log(1e-4, 1.0), "alpha": log(1e-6, 1e1)}),
        {"nothing": mlp(), "64 units": mlp(64), "pixels up to 16": mlp(pixel=16.0)},
    ),
}


@dataclass(frozen=True)
class Finished:
    champion: Params
    points: tuple[Params, ...]
    noise: float
    freedom: int


def tuned(task: Task, loss: Loss, seed: int) -> Finished:
    """Every trial on a seed of its own, the leaders on three that are shared."""
    searcher = Searcher(task.space, goal="minimize", seed=seed)
    base = 1_000_000 * (seed + 1)
    for number in range(TRIALS - reserved(TRIALS, CONFIRM)):
        point = searcher.ask()
        searcher.tell(point, loss(point.params, base + number))
    results = {result.number: result.params for result in searcher.results}
    chosen = leaders(task.space, searcher.settings, searcher.round, searcher.results, 3)
    runs = {n: [loss(results[n], base + 1000 + k) for k in range(CONFIRM)] for n in chosen}
    found = confirmed(runs, "minimize")
    assert found is not None
    noise = math.sqrt(fmean(stdev(values) ** 2 for values in runs.values()))
    champion = results[found.trial]
    settings = Settings("minimize", "zoom", seed)
    points = points_to_check(
        task.space,
        settings,
        searcher.round.box,
        searcher.results,
        champion,
        BUDGET,
        results[found.rivals[0]] if found.rivals else None,
        noise,
    )
    return Finished(champion, points, noise, len(chosen) * (CONFIRM - 1))


def dense(space: Space) -> list[Params]:
    axes: list[Sequence[float]] = [
        [parameter.to_unit(choice) for choice in parameter.choices]
        if isinstance(parameter, Categorical)
        else list(np.linspace(0.0, 1.0, DENSE if len(space) > 1 else 5 * DENSE))
        for parameter in space
    ]
    return [space.from_unit(vector) for vector in product(*axes)]


@dataclass(frozen=True)
class Truth:
    """What dense tuning found: its best point's loss on each fresh seed."""

    best: list[float]
    sigma: float

    def gain(self, loss: Loss, champion: Params) -> tuple[float, float]:
        """Over the champion, and its standard error, in standard deviations of a training."""
        own = [loss(champion, 7_000_000 + k) for k in range(FRESH)]
        apart = [a - b for a, b in zip(own, self.best, strict=True)]
        return fmean(apart) / self.sigma, stdev(apart) / math.sqrt(FRESH) / self.sigma


def truth(space: Space, loss: Loss) -> Truth:
    """The best of the grid by 3 seeds, of eight by fresh ones, measured on fresh ones again."""
    points = dense(space)
    rough = [fmean(loss(point, 5_000_000 + k) for k in range(3)) for point in points]
    best = [points[place] for place in np.argsort(rough, kind="stable")[:BEST]]
    close = [fmean(loss(point, 6_000_000 + k) for k in range(FRESH)) for point in best]
    winner = best[int(np.argmin(close))]
    values = [loss(winner, 7_000_000 + k) for k in range(FRESH)]
    return Truth(values, stdev(values))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--studies", type=int, default=3)
    parser.add_argument("--checks", type=int, default=8)
    parser.add_argument("--tasks", default=",".join(TASKS))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    seeds = range(arguments.first, arguments.first + arguments.studies)
    print("| training | drift | dense re-tune gains | optimum | checks |", end="")
    print(" holds | moved | inconclusive | trainings |\n|---|---|---|---|---|---|---|---|---|")
    totals: dict[str, Counter[str]] = {}
    for name in arguments.tasks.split(","):
        task = TASKS[name]()
        losses = list(task.drifts.values())
        finished = [tuned(task, losses[0], seed) for seed in seeds]
        for drift, loss in task.drifts.items():
            known = truth(task.space, loss)
            rows: dict[str, list[tuple[str, int, float]]] = {}
            for place, study in enumerate(finished):
                gain, error = known.gain(loss, study.champion)
                still = drift == "nothing" or gain < STILL
                optimum = (
                    "moved"
                    if gain > MOVED and gain > 2 * error
                    else "still"
                    if still
                    else "between"
                )
                if drift == "nothing":
                    optimum = "still"
                for turn in range(arguments.checks):
                    base = 2_000_000 + 10_000 * (turn + 100 * place)
                    terms = Terms("minimize", study.points, BUDGET, study.noise, study.freedom)
                    trainings: list[Training] = []
                    while (wanted := next_training(task.space, terms, trainings)) is not None:
                        value = loss(wanted[0], base + wanted[1])
                        trainings.append(Training(*wanted, over=True, value=value))
                    said = verdict(task.space, terms, trainings)
                    assert said is not None
                    rows.setdefault(optimum, []).append((said.word, said.trainings, gain))
            for optimum, own in rows.items():
                words = Counter(word for word, _, _ in own)
                totals.setdefault(optimum, Counter()).update(words)
                gains = [gain for _, _, gain in own]
                print(
                    f"| {name} | {drift} | {min(gains):.1f} to {max(gains):.1f} | {optimum} | {len(own)} | "
                    + " | ".join(f"{words[w]}" for w in ("holds", "moved", "inconclusive"))
                    + f" | {fmean(count for _, count, _ in own):.1f} |",
                    flush=True,
                )
    for optimum, words in totals.items():
        total = words.total()
        shares = " | ".join(f"{words[w] / total:.1%}" for w in ("holds", "moved", "inconclusive"))
        print(f"| **all** | | | {optimum} | {total} | {shares} | |")


if __name__ == "__main__":
    main()
