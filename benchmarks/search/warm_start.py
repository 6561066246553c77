"""What results from elsewhere are worth to the search, and what they cost where they mislead.

    python benchmarks/search/warm_start.py [--seeds 8] [--trials 50] [--earlier zoom]

Six functions, five histories of 40 points each, nothing but ``caviar.search``:

    right      the same function
    shifted    its optimum moved by 0.12 of the range along every parameter
    mirrored   its optimum in the opposite corner
    negated    the worst is said to be the best
    none       no history

Prints the regret beside that of ``none`` with the same seed, as the geometric mean over seeds and functions: below 1
the history helped. A regret counts as at least a thousandth of the median regret of random points.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import product

import numpy as np
import numpy.typing as npt
import tasks

from caviar.search import Result, Searcher
from caviar.space import Params, Space
from caviar.space.parameter import Floats

Unit = Callable[[Floats], float]
"""A function of the unit cube, shape (d,), to be minimised; its least value is 0."""

LOOKS = (5, 10, 25, 50)
HISTORIES = ("right", "shifted", "mirrored", "negated")
POINTS = 40
SHIFT = 0.12
FLOOR = 1e-3


def solvers(u: Floats) -> float:
    """Three numbers and two categoricals in thirds and halves: each category has its own valley."""
    solver, depth = min(int(u[3] * 3), 2), min(int(u[4] * 2), 1)
    valley = np.array([[0.2, 0.7, 0.4], [0.6, 0.3, 0.5], [0.8, 0.8, 0.2]])[solver]
    return float((4 * (u[:3] - valley) ** 2).sum() + (0.0, 0.15, 0.6)[solver] + 0.2 * depth)


FUNCTIONS: dict[str, tuple[Unit, int]] = {
    "branin": (lambda u: tasks.branin(15 * u - np.array([5.0, 0.0])) - 0.397887, 2),
    "hartmann6": (lambda u: tasks.hartmann6(u) + 3.32237, 6),
    "ackley5": (lambda u: tasks.ackley(30 * u - 10), 5),
    "levy5": (lambda u: tasks.levy(20 * u - 10), 5),
    "rosenbrock4": (lambda u: math.expm1(tasks.rosenbrock(4 * u - 2)), 4),
    "solvers": (solvers, 5),
}


def space_of(name: str) -> Space:
    count = 3 if name == "solvers" else FUNCTIONS[name][1]
    named = {f"x{place}": {"type": "float", "low": 0.0, "high": 1.0} for place in range(count)}
    if name != "solvers":
        return Space.parse(named)
    return Space.parse(
        {
            **named,
            "solver": {"type": "categorical", "choices": ["sgd", "adam", "lbfgs"]},
            "deep": {"type": "categorical", "choices": [False, True]},
        }
    )


def as_told(kind: str, function: Unit, shift: Floats, numbers: int) -> Unit:
    """The function that the history is of; only the first ``numbers`` coordinates are moved."""

    def told(u: Floats) -> float:
        moved = u.copy()
        if kind == "mirrored":
            moved[:numbers] = 1 - u[:numbers]
        elif kind == "shifted":
            moved[:numbers] = 1 - np.abs(1 - np.abs(u[:numbers] + shift[:numbers]))
        return -function(moved) if kind == "negated" else function(moved)

    return told


def history(space: Space, told: Unit, earlier: str, seed: int) -> list[Result]:
    """What an earlier search of 40 points found."""
    searcher = Searcher(space, goal="minimize", strategy=earlier, seed=seed)
    for _ in range(POINTS):
        point = searcher.ask()
        searcher.tell(point, told(space.to_unit(point.params)))
    return list(searcher.results)


def regrets(task: tuple[str, str, int, str, int]) -> npt.NDArray[np.float64]:
    """Shape (trials,): the least regret after each trial."""
    name, kind, seed, earlier, trials = task
    function, d = FUNCTIONS[name]
    space = space_of(name)
    numbers = 3 if name == "solvers" else d
    rng = np.random.default_rng([seed, d])
    shift = SHIFT * rng.choice([-1.0, 1.0], size=d)
    floor = FLOOR * float(np.median([function(rng.random(d)) for _ in range(500)]))

    def value(params: Params) -> float:
        return function(space.to_unit(params))

    prior: list[Result] = []
    if kind != "none":
        told = as_told(kind, function, shift, numbers)
        prior = history(space, told, earlier, 1000 + seed)
    searcher = Searcher(space, goal="minimize", seed=seed, prior=prior)
    seen = []
    for _ in range(trials):
        point = searcher.ask()
        seen.append(value(point.params))
        searcher.tell(point, seen[-1])
    return np.maximum(np.minimum.accumulate(seen), floor)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--earlier", choices=("zoom", "random"), default="zoom")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    tasks = [
        (name, kind, seed, arguments.earlier, arguments.trials)
        for name, kind, seed in product(FUNCTIONS, (*HISTORIES, "none"), range(arguments.seeds))
    ]
    with ProcessPoolExecutor(arguments.processes) as pool:
        found = dict(zip(tasks, pool.map(regrets, tasks), strict=True))
    looks = [look for look in LOOKS if look <= arguments.trials]
    print("| history | function |" + "".join(f" {look} trials |" for look in looks))
    print("|---|---|" + "---|" * len(looks))
    for kind in HISTORIES:
        everywhere = []
        for name in FUNCTIONS:
            ratios = np.array(
                [
                    found[(name, kind, *rest)] / found[(name, "none", *rest)]
                    for rest in product(
                        range(arguments.seeds), (arguments.earlier,), (arguments.trials,)
                    )
                ]
            )
            logs = np.log(ratios[:, [look - 1 for look in looks]]).mean(axis=0)
            everywhere.append(logs)
            print(f"| {kind} | {name} |" + "".join(f" {value:.2f} |" for value in np.exp(logs)))
        mean = np.exp(np.mean(everywhere, axis=0))
        print(f"| **{kind}** | all |" + "".join(f" **{value:.2f}** |" for value in mean))


if __name__ == "__main__":
    main()
