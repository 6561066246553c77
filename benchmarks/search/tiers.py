"""What right, absent and wrong tiers do to the search.

    python benchmarks/search/tiers.py [--seeds 0-9] [--trials 100]

Functions of eight to ten parameters of which two or three matter, in an order that the seed shuffles, searched three
times from the same seed: with tiers as the planted importances have them, with none, and with the reverse. Prints the
geometric mean of the ratio of the regrets, with a 95% interval (Student's t over seeds and functions, in pairs): below
1 the declared tiers helped, above 1 they cost.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from scipy.stats import t as student
from sweep import numbers
from tasks import Floats, levy, rosenbrock

from caviar.search import Searcher
from caviar.space import Space

CHECKED = (15, 25, 50, 100)
FLOOR = 1e-4
"""Share of an ordinary regret below which two searches count as equal."""


@dataclass(frozen=True)
class Planted:
    """A function of the cube, to be minimised, its least value 0, and the tier that each coordinate deserves."""

    name: str
    loss: Callable[[Floats, Floats], float]
    """Of a place and the optimum's place, both (d,)."""
    tiers: tuple[int, ...]


WEIGHTS = np.array([1.0, 0.5, 0.2, *[0.01] * 6])


def bowl(x: Floats, best: Floats) -> float:
    return float(WEIGHTS @ (x - best) ** 2)


def waves(x: Floats, best: Floats) -> float:
    return levy(1.0 + 10.0 * (x - best)[:2]) + 0.02 * float(((x - best)[2:] ** 2).sum())


def valley(x: Floats, best: Floats) -> float:
    return rosenbrock(1.0 + 3.0 * (x - best)[:2]) + 0.05 * float(((x - best)[2:] ** 2).sum())


def meeting(x: Floats, best: Floats) -> float:
    """Three that act together: a narrow peak."""
    apart = ((x - best)[:3] / np.array([0.15, 0.2, 0.3])) ** 2
    return 1.0 - float(np.exp(-0.5 * apart.sum())) + 0.01 * float(np.abs(x - best)[3:].sum())


FUNCTIONS = (
    Planted("bowl", bowl, (1, 2, 2, *[4] * 6)),
    Planted("waves", waves, (1, 1, *[4] * 8)),
    Planted("valley", valley, (1, 1, *[3] * 3, *[4] * 3)),
    Planted("meeting", meeting, (1, 2, 2, *[4] * 6)),
)


def space_of(tiers: tuple[int, ...] | None, count: int) -> Space:
    """Names that no tier is known for; ``tiers`` None: none is declared."""
    given = [{} if tiers is None else {"tier": tiers[i]} for i in range(count)]
    ends = {"type": "float", "low": 0.0, "high": 1.0}
    return Space.parse({f"x{i}": ends | given[i] for i in range(count)})


def searched(planted: Planted, declared: str, seed: int, trials: int) -> Floats:
    """Log10 of the regret after each trial, as a share of a random point's median; shape (trials,)."""
    rng = np.random.default_rng([seed, 5])
    count = len(planted.tiers)
    order, best = rng.permutation(count), rng.uniform(0.1, 0.9, count)
    right = np.empty(count, dtype=int)
    right[order] = planted.tiers
    wrong = 5 - right
    tiers = {"right": right, "wrong": wrong}.get(declared)
    space = space_of(None if tiers is None else tuple(map(int, tiers)), count)
    ordinary = np.median([planted.loss(x, best) for x in rng.random((500, count))])
    searcher = Searcher(space, goal="minimize", seed=seed)
    losses = []
    for _ in range(trials):
        point = searcher.ask()
        losses.append(planted.loss(space.to_unit(point.params)[order], best))
        searcher.tell(point, losses[-1])
    return np.log10(np.maximum(np.minimum.accumulate(losses) / ordinary, FLOOR))


def ratio(logs: Floats) -> str:
    """Geometric mean and its 95% interval, from log10 ratios (n,)."""
    mean, error = logs.mean(), logs.std(ddof=1) / np.sqrt(len(logs))
    reach = student.ppf(0.975, len(logs) - 1) * error
    return f"{10**mean:.2f} ({10 ** (mean - reach):.2f} to {10 ** (mean + reach):.2f})"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", default="0-9")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--functions", default=",".join(f.name for f in FUNCTIONS))
    args = parser.parse_args(argv)
    seeds, chosen = numbers(args.seeds), args.functions.split(",")
    planted = [each for each in FUNCTIONS if each.name in chosen]
    checked = [count for count in CHECKED if count <= args.trials]
    found: dict[str, list[Floats]] = {"right": [], "absent": [], "wrong": []}
    for function in planted:
        for seed in seeds:
            for declared, logs in found.items():
                logs.append(searched(function, declared, seed, args.trials))
        print(f"{function.name} done", file=sys.stderr)
    arrays = {declared: np.array(logs) for declared, logs in found.items()}
    print(f"{len(planted)} functions, {len(seeds)} seeds\n")
    print("| tiers | " + " | ".join(f"after {count} trials" for count in checked) + " |")
    print("|---" * (len(checked) + 1) + "|")
    for declared in ("right", "wrong"):
        apart = arrays[declared] - arrays["absent"]
        cells = [ratio(apart[:, count - 1]) for count in checked]
        print(f"| {declared} / absent | " + " | ".join(cells) + " |")
    print()
    for place, function in enumerate(planted):
        rows = slice(place * len(seeds), (place + 1) * len(seeds))
        for declared in ("right", "absent", "wrong"):
            means = 10 ** arrays[declared][rows].mean(axis=0)
            print(
                f"{function.name} {declared}: "
                + ", ".join(f"{means[count - 1]:.4f} at {count}" for count in checked)
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
