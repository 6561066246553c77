"""Optuna's samplers as strategies keep the promises that our own strategies make."""

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from caviar.errors import CaviarError, InputError
from caviar.search import Searcher, Settings, first_round, missing_packages, propose
from caviar.space import Space
from caviar.studies.spec import load_study, refuse_missing

INSTALLED = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(missing_packages(name) is not None, reason="not installed here"),
    )
    for name in ("optuna_tpe", "optuna_cmaes", "optuna_gp")
]
MIXED = Space.parse(
    {
        "lr": {"type": "float", "low": 1e-5, "high": 1.0, "scale": "log"},
        "momentum": {"type": "float", "low": 0.9, "high": 0.999, "scale": "reverse_log"},
        "units": {"type": "int", "low": 4, "high": 512, "scale": "log"},
        "decay": {"type": "float", "low": 0.0, "high": 1.0, "when": {"solver": ["sgd"]}},
        "solver": {"type": "categorical", "choices": ["sgd", "adam", True]},
        "nested": {"type": "int", "low": 0, "high": 9, "when": {"units": [4, 5, 6]}},
    }
)
NUMBERS = Space.parse({f"x{i}": {"type": "float", "low": 0.0, "high": 1.0} for i in range(3)})
STUDY = """
name: peers
metric: {name: loss, goal: minimize}
trainer: {function: "digits:train"}
space:
  x: {type: float, low: 0.0, high: 1.0}
search: {strategy: optuna_gp}
budget: {trials: 5}
"""


def mixed_loss(params) -> float:
    return abs(np.log10(params["lr"]) + 2) + (params["solver"] != "sgd") + params["units"] / 512


def bowl(params) -> float:
    return sum((params[f"x{i}"] - place) ** 2 for i, place in enumerate((0.3, 0.7, 0.2)))


def searched(space, loss, strategy, trials, seed=0, goal="minimize", workers=1) -> Searcher:
    searcher, running = Searcher(space, goal=goal, strategy=strategy, seed=seed), []
    for _ in range(trials):
        running.append(searcher.ask())
        if len(running) == workers:
            point = running.pop(0)
            searcher.tell(point, loss(point.params))
    return searcher


@pytest.mark.parametrize("strategy", INSTALLED)
def test_every_point_is_one_of_the_space(strategy):
    """On every scale, with conditions: what is active and nothing else, each point new, several at once."""
    searcher = searched(MIXED, mixed_loss, strategy, 40, workers=4)
    for result in searcher.results:
        assert MIXED.check_point(result.params) == result.params
    assert len({MIXED.key(result.params) for result in searcher.results}) == 37
    assert searcher.rounds == (first_round(MIXED, searcher.settings),)


@pytest.mark.parametrize("strategy", INSTALLED)
def test_a_proposal_depends_on_nothing_but_what_it_is_given(strategy):
    """The same results, in any order, give the same point; another seed or trial number gives another."""
    results = list(searched(MIXED, mixed_loss, strategy, 25).results)
    settings = Settings("minimize", strategy)
    now, waiting = first_round(MIXED, settings), [MIXED.from_unit([0.4] * len(MIXED))]

    def point(known, seed=0, number=25):
        given = Settings("minimize", strategy, seed)
        return propose(MIXED, given, now, known, waiting, number)

    first = point(results)
    assert point(results[::-1]) == first
    assert point(results, seed=1) != first
    assert point(results, number=26) != first


@pytest.mark.parametrize("strategy", INSTALLED)
@pytest.mark.parametrize("goal, sign", [("minimize", 1.0), ("maximize", -1.0)])
def test_they_learn(strategy, goal, sign):
    """On a bowl each beats random search by far, whichever way the metric goes."""

    def worst(name):
        runs = [searched(NUMBERS, lambda p: sign * bowl(p), name, 60, s, goal) for s in range(3)]
        return max(sign * run.best.value for run in runs)

    assert worst(strategy) < 0.5 * worst("random")


@pytest.mark.parametrize("strategy", INSTALLED)
def test_failed_trials_are_kept_away_from(strategy):
    """Half of the space fails: most later trials are in the other half."""
    fails = searched(NUMBERS, lambda p: None if p["x0"] > 0.5 else bowl(p), strategy, 60)
    late = [result.params["x0"] for result in fails.results[30:]]
    assert np.mean([x > 0.5 for x in late]) < 0.3
    nothing = searched(NUMBERS, lambda _: None, strategy, 15)
    assert nothing.best is None


@pytest.mark.parametrize("strategy", INSTALLED)
def test_a_small_space_runs_dry_without_a_point_twice(strategy):
    """A sampler that comes back to a point is asked again; in the end the space itself is walked."""
    space = Space.parse(
        {
            "depth": {"type": "int", "low": 1, "high": 4},
            "bag": {"type": "categorical", "choices": [True, False]},
        }
    )
    searcher = searched(space, lambda p: p["depth"] + p["bag"], strategy, 8)
    assert len({space.key(result.params) for result in searcher.results}) == 8


def test_cma_es_moves_on_generation_by_generation():
    """Its normal distribution narrows: late trials are close together, early ones are not."""
    points = searched(NUMBERS, bowl, "optuna_cmaes", 150).results
    units, _ = NUMBERS.encode([result.params for result in points])
    assert units[120:].std(axis=0).max() < 0.2 * units[1:31].std(axis=0).min()


def test_nothing_imports_optuna_until_it_proposes():
    """Reading a study, or searching with a strategy of ours, leaves Optuna alone."""
    code = """
import sys
from caviar.search import Searcher
from caviar.space import Space
from caviar.studies.spec import load_study
import caviar.cli.app
Searcher(Space.parse({"x": {"type": "float", "low": 0.0, "high": 1.0}}), goal="minimize").ask()
assert "optuna" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_missing_package_is_told_before_anything_starts(monkeypatch):
    """With its line and what to install; a client that only sends the study is not asked."""
    find = importlib.util.find_spec
    hidden = ("torch", "optuna")
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in hidden else find(name)
    )
    study = load_study(STUDY)
    with pytest.raises(InputError) as caught:
        refuse_missing(study, STUDY)
    assert str(caught.value) == (
        "line 7, search.strategy: optuna_gp needs optuna and torch, which are not installed. "
        "pip install 'caviar[optuna]' torch."
    )
    with pytest.raises(InputError, match=r"optuna_tpe needs optuna, which is not installed\. pip"):
        Searcher(NUMBERS, goal="minimize", strategy="optuna_tpe")
    settings = Settings("minimize", "optuna_cmaes")
    with pytest.raises(CaviarError, match=r"pip install 'caviar\[optuna\]'\."):
        propose(NUMBERS, settings, first_round(NUMBERS, settings), [], [], 0)
    assert missing_packages("zoom") is None
