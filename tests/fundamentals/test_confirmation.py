"""The best of many noisy values is partly luck: new runs on other seeds say what is left."""

import random
from statistics import fmean

from caviar.search import Searcher
from caviar.search.confirming import candidates, confirmed, leaders, reserved
from caviar.space import Space
from caviar.studies.spec import load_study

SPACE = Space.parse({"x": {"type": "float", "low": -1.0, "high": 1.0}})
NOISE = 0.2


def loss(x: float, seed: int) -> float:
    """A bowl whose bottom, 0, is at 0.3; each seed sees it a little higher or lower."""
    return (x - 0.3) ** 2 + random.Random(seed).gauss(0.0, NOISE)


def searched(seed: int) -> Searcher:
    searcher = Searcher(SPACE, goal="minimize", seed=seed)
    for trial in range(51):
        point = searcher.ask()
        searcher.tell(point, loss(float(point.params["x"]), 1000 * seed + trial))
    return searcher


def test_the_best_value_promises_too_much_and_new_runs_do_not():
    """No point is below 0. The best values of ten searches are, by two deviations of the noise; new runs are not."""
    promised, found = [], []
    for seed in range(10):
        searcher = searched(seed)
        promised.append(searcher.best.value)
        chosen = leaders(SPACE, searcher.settings, searcher.round, searcher.results, 3)
        by_number = {result.number: float(result.params["x"]) for result in searcher.results}
        runs = {
            leader: [
                loss(by_number[leader], 10**6 + 1000 * seed + 10 * leader + i) for i in range(3)
            ]
            for leader in chosen
        }
        found.append(confirmed(runs, "minimize").mean)
    assert fmean(promised) < -1.5 * NOISE
    assert abs(fmean(found)) < 0.75 * NOISE


def test_the_interval_is_of_the_new_runs_alone():
    """Three runs, their mean, and how far it may be off: 95% by Student's t."""
    verdict = confirmed({17: [0.91, 0.93, 0.92], 4: [0.90, 0.90, 0.90]}, "maximize")
    assert (verdict.trial, verdict.runs, verdict.rivals) == (17, 3, (4,))
    assert round(verdict.mean, 3) == 0.92
    assert (round(verdict.low, 3), round(verdict.high, 3)) == (0.895, 0.945)


def test_confirmation_is_a_part_of_the_budget():
    """Of 60 trials, 51 search and 9 confirm: three leaders on three new seeds each."""
    study = load_study(
        """
name: noisy
metric: {name: loss, goal: minimize}
trainer: {function: "train:main"}
space: {x: {type: float, low: -1.0, high: 1.0}}
budget: {trials: 60}
confirm: 3
"""
    )
    assert candidates(60, study.confirm) == 3
    assert reserved(60, study.confirm) == 9
    assert study.search_trials == 51
