"""Finished studies to check again: what a search of 100 trials leaves behind, on functions with noise.

The search, the box, the leaders and their new runs are the product's own: ``Searcher`` for 91 trials, then three
leaders on three new seeds each. Values are scaled so that the optimum is 0 and the median of random points 1; noise is
the standard deviation of a training in these units. Kept under ``--cache``.
"""

from __future__ import annotations

import math
import pickle
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from caviar.search import Result, Round, Searcher
from caviar.search.confirming import confirmed, leaders, reserved
from caviar.space import Params, Space
from caviar.space.parameter import Floats

sys.path.insert(0, str(Path(__file__).parents[1] / "search"))
from warm_start import FUNCTIONS, space_of

TRIALS, CONFIRM = 100, 3
CACHE = Path(tempfile.gettempdir()) / "recheck-studies"
NUMBERS = {name: 3 if name == "solvers" else d for name, (_, d) in FUNCTIONS.items()}
"""How many of the coordinates are numbers."""

Unit = Callable[[Floats], float]


@dataclass(frozen=True)
class Study:
    """A finished study. ``noise`` is its own estimate, over ``freedom``; ``sigma`` is the truth."""

    function: str
    sigma: float
    seed: int
    round_: Round
    results: tuple[Result, ...]
    champion: Params
    runner_up: Params | None
    noise: float
    freedom: int

    @property
    def space(self) -> Space:
        return space_of(self.function)


@cache
def scaled(name: str) -> tuple[Unit, Floats]:
    """The function, 0 at its optimum and 1 at the median of random points, and the optimum."""
    function, d = FUNCTIONS[name]
    rng = np.random.default_rng(d)
    values = [function(rng.random(d)) for _ in range(2000)]
    best = optimum_of(function, name, 40)
    low, median = function(best), float(np.median(values))

    def unit(u: Floats) -> float:
        return (function(u) - low) / (median - low)

    return unit, best


def optimum_of(function: Unit, name: str, starts: int) -> Floats:
    """From the best of many random points, by Nelder and Mead along the numbers, for each choice of categories."""
    d, numbers = FUNCTIONS[name][1], NUMBERS[name]
    rng = np.random.default_rng(7)
    tails = list(product((1 / 6, 1 / 2, 5 / 6), (1 / 4, 3 / 4))) if numbers < d else [()]
    found: list[tuple[float, Floats]] = []
    for tail in tails:
        rest = np.array(tail)
        points = rng.random((500 * starts, numbers))
        values = [function(np.concatenate([p, rest])) for p in points]
        for place in np.argsort(values)[: starts // 4]:
            best = minimize(
                lambda x, rest=rest: function(np.concatenate([np.clip(x, 0, 1), rest])),
                points[place],
                method="Nelder-Mead",
                options={"xatol": 1e-6, "fatol": 1e-9, "maxiter": 2000},
            )
            found.append((best.fun, np.concatenate([np.clip(best.x, 0, 1), rest])))
    return min(found, key=lambda one: one[0])[1]


def study(name: str, sigma: float, seed: int) -> Study:
    """Searched for 91 trials, confirmed on 9."""
    space, (value, _) = space_of(name), scaled(name)
    rng = np.random.default_rng([seed, FUNCTIONS[name][1], round(1e4 * sigma)])
    searcher = Searcher(space, goal="minimize", seed=seed)

    def trained(params: Params) -> float:
        return value(space.to_unit(params)) + sigma * float(rng.normal())

    for _ in range(TRIALS - reserved(TRIALS, CONFIRM)):
        point = searcher.ask()
        searcher.tell(point, trained(point.params))
    results = searcher.results
    chosen = leaders(space, searcher.settings, searcher.round, results, 3)
    by_number = {result.number: result.params for result in results}
    runs = {number: [trained(by_number[number]) for _ in range(CONFIRM)] for number in chosen}
    found = confirmed(runs, "minimize")
    assert found is not None
    noise = math.sqrt(float(np.mean([np.var(values, ddof=1) for values in runs.values()])))
    return Study(
        name,
        sigma,
        seed,
        searcher.round,
        results,
        by_number[found.trial],
        by_number[found.rivals[0]] if found.rivals else None,
        noise,
        len(chosen) * (CONFIRM - 1),
    )


def studies(name: str, sigma: float, seeds: range, folder: Path) -> list[Study]:
    """From the cache where they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for seed in seeds:
        path = folder / f"{name}-{sigma:g}-{seed}.pickle"
        if not path.exists():
            path.write_bytes(pickle.dumps(study(name, sigma, seed)))
        found.append(pickle.loads(path.read_bytes()))  # noqa: S301
    return found
