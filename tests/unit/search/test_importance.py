"""Importance finds what was planted, beside the declared tiers."""

import subprocess
import sys

import numpy as np
import pytest

from caviar.contract.views import Importance
from caviar.search import Result, Searcher, importance
from caviar.search.importance import _judged
from caviar.space import Space, counted, ordinal

SPACE = Space.parse(
    {
        "lr": {"type": "float", "low": 1e-4, "high": 1.0, "scale": "log"},
        "solver": {"type": "categorical", "choices": ["sgd", "adam"]},
        "noise": {"type": "float", "low": 0.0, "high": 1.0},
    }
)


def results(count: int, value) -> list[Result]:
    rng = np.random.default_rng(0)
    points = [SPACE.from_unit(rng.random(3)) for _ in range(count)]
    return [Result(i, params, value(params)) for i, params in enumerate(points)]


def planted(params) -> float:
    """Additive, with variances 16/12 along lr's exponent and 1/4 along the solver, a ratio of 16 to 3."""
    return np.log10(params["lr"]) + (params["solver"] == "adam")


def test_planted_shares_are_found():
    """Two parameters act with variances 16 to 3 and one does not: 84%, 16% and nothing."""
    found = importance(SPACE, results(200, planted))
    assert [item.name for item in found] == ["lr", "solver", "noise"]
    assert [item.share for item in found] == pytest.approx([16 / 19, 3 / 19, 0.0], abs=0.05)
    assert sum(item.share for item in found) == pytest.approx(1.0)
    assert [item.tier for item in found] == [1, None, None]


def test_it_is_the_same_every_time_and_in_any_order():
    """Neither chance nor the order of results changes a share."""
    known = results(40, planted)
    assert importance(SPACE, known) == importance(SPACE, known[::-1])


def test_one_diverged_training_does_not_drown_the_rest():
    """A single loss of 10^9 leaves the order as it was."""
    known = results(100, planted)
    known[7] = Result(7, known[7].params, 1e9)
    assert importance(SPACE, known)[0].name == "lr"


@pytest.mark.parametrize(
    "known",
    [results(7, planted), results(30, lambda _: 0.5), results(30, lambda _: None)],
    ids=["too few", "constant", "failed"],
)
def test_nothing_is_claimed_without_evidence(known):
    """Too few results, or results that do not differ, have no importance to show."""
    assert importance(SPACE, known) == []


NUMBERS = Space.parse(
    {f"x{i}": {"type": "float", "low": 1e-4, "high": 1.0, "scale": "log"} for i in range(7)}
)
MIXED = Space.parse(
    {
        "lr": {"type": "float", "low": 1e-4, "high": 1.0, "scale": "log"},
        "momentum": {"type": "float", "low": 0.9, "high": 0.999, "scale": "reverse_log"},
        "kind": {"type": "categorical", "choices": ["p", "q", "r"]},
        "layers": {"type": "int", "low": 1, "high": 8},
        "dummy": {"type": "float", "low": 0.0, "high": 1.0},
    }
)
CONDITIONAL = Space.parse(
    {
        "a": {"type": "float", "low": 0.0, "high": 1.0},
        "solver": {"type": "categorical", "choices": ["sgd", "adam"]},
        "momentum": {"type": "float", "low": 0.0, "high": 1.0, "when": {"solver": ["sgd"]}},
        "dummy": {"type": "float", "low": 0.0, "high": 1.0},
    }
)


def slopes(u) -> float:
    """Variances in the ratio of the squared weights."""
    return float(np.array([1.0, -0.7, 0.45, -0.25, 0.1, 0.0, 0.0]) @ u)


def mixed(u) -> float:
    """Along lr 4/45 (0.089, its optimum in the middle), along the kind 1/24 (0.042), along momentum 1/180."""
    return 4.0 * (u[0] - 0.5) ** 2 + 0.25 * np.floor(3 * u[2]) + (u[1] - 0.5) ** 2


def conditional(u) -> float:
    """1.2 a slope of its own; sgd is 0.5 better, and with it momentum has a slope of 0.8 that halves on average."""
    sgd = u[1] < 0.5
    return 1.2 * u[0] + 0.5 * (not sgd) + 0.8 * (u[2] - 0.5) * sgd


def meeting(u) -> float:
    """x1 and x2 act only together, which no parameter explains by itself; x0 and x3 act alone."""
    return float(1.5 * u[0] + 2.0 * (u[1] - 0.5) * (u[2] - 0.5) + 0.75 * u[3])


PLANTED = {
    "slopes": (NUMBERS, slopes, [0.567, 0.278, 0.115, 0.035, 0.006, 0.0, 0.0]),
    "scales": (MIXED, mixed, [0.653, 0.041, 0.306, 0.0, 0.0]),
    "condition": (CONDITIONAL, conditional, [0.607, 0.316, 0.067, 0.0]),
    "interaction": (NUMBERS, meeting, [0.8, 0.0, 0.0, 0.2, 0.0, 0.0, 0.0]),
}


@pytest.mark.parametrize("strategy, trials", [("random", 60), ("zoom", 80)])
@pytest.mark.parametrize("name", PLANTED)
def test_a_study_of_ordinary_length_tells_the_shares(name, strategy, trials):
    """From 60 random trials, or from 80 of a search whose later trials are all in one corner, with a little noise."""
    space, function, planted = PLANTED[name]
    searcher = Searcher(space, goal="maximize", strategy=strategy, seed=1)
    noise = np.random.default_rng(0)
    for _ in range(trials):
        point = searcher.ask()
        searcher.tell(point, function(space.to_unit(point.params)) + 0.01 * noise.normal())
    shares = {item.name: item.share for item in importance(space, searcher.results)}
    assert [shares[name] for name in space.names] == pytest.approx(planted, abs=0.12)
    order = np.argsort(planted)[::-1][:2]
    found = sorted(space.names, key=lambda name: -shares[name])[:2]
    assert found == [space.names[place] for place in order]


def test_diverged_trainings_in_a_corner_do_not_hide_what_matters_elsewhere():
    """A tenth of the space explodes along x6: the slopes are still seen."""
    known = []
    rng = np.random.default_rng(3)
    for number in range(100):
        units = rng.random(7)
        value = 1e6 if units[6] > 0.9 else slopes(units)
        known.append(Result(number, NUMBERS.from_unit(units), value))
    shares = {item.name: item.share for item in importance(NUMBERS, known)}
    assert shares["x0"] > shares["x1"] > max(shares["x4"], shares["x5"])


def test_the_declared_tiers_do_not_colour_the_measurement():
    """The same results give the same shares, whatever was declared."""
    known = results(40, planted)
    declared = {"lr": {"tier": 4}, "solver": {"tier": 3}, "noise": {"tier": 1}}
    other = Space.parse({name: SPACE.to_json()[name] | declared[name] for name in SPACE.names})
    assert [item.share for item in importance(other, known)] == [
        item.share for item in importance(SPACE, known)
    ]


def judged(*items: tuple[str, float, int | None]) -> dict[str, str]:
    found = [Importance(name=name, share=share, tier=tier) for name, share, tier in items]
    return {item.name: item.verdict for item in _judged(found)}


def test_the_verdict_puts_the_tier_beside_the_place():
    """In words; without a tier only the place."""
    verdicts = judged(("lr", 0.5, 1), ("units", 0.3, 2), ("depth", 0.15, 3), ("x", 0.05, None))
    assert verdicts == {
        "lr": "declared tier 1, measured first of four",
        "units": "declared tier 2, measured second of four",
        "depth": "declared tier 3, measured third of four",
        "x": "measured fourth of four",
    }
    assert [ordinal(place) for place in (12, 13, 21, 22, 111)] == [
        *("twelfth", "13th", "21st", "22nd", "111th")
    ]
    assert counted(13) == "13"


def test_a_strong_disagreement_is_said_plainly():
    """The learning rate that did nothing, and the epsilon that did nearly everything."""
    verdicts = judged(("eps", 0.6, 4), ("units", 0.3, 2), ("lr", 0.08, 1), ("beta", 0.02, 4))
    assert verdicts["eps"].endswith(", measured first of four. It mattered far more than declared.")
    assert verdicts["lr"].endswith(", measured third of four. It mattered far less than declared.")
    assert verdicts["units"] == "declared tier 2, measured second of four"
    assert verdicts["beta"] == "declared tier 4, measured fourth of four"


def test_parameters_of_one_tier_have_nothing_to_disagree_with():
    """Whatever their shares."""
    assert judged(("a", 0.99, 2), ("b", 0.01, 2)) == {
        "a": "declared tier 2, measured first of two",
        "b": "declared tier 2, measured second of two",
    }


def test_it_needs_no_scikit_learn():
    """The search's own model explains; the refinement job loads nothing more for it."""
    code = """
import sys
from caviar.search import Result, importance
from caviar.space import Space
space = Space.parse({"x": {"type": "float", "low": 0.0, "high": 1.0}})
assert importance(space, [Result(i, {"x": i / 9}, float(i)) for i in range(10)])
assert "sklearn" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_trials_that_were_stopped_early_are_heard() -> None:
    """Six whole trainings alone could not tell; the curves of the others say what they would have become."""
    space = Space.parse({name: {"type": "float", "low": 0.0, "high": 1.0} for name in "abc"})
    rng = np.random.default_rng(0)
    results = []
    for number in range(60):
        params = dict(zip("abc", map(float, rng.random(3)), strict=True))
        end = (params["b"] - 0.3) ** 2 + 0.02 * params["a"]
        stopped = number >= 6
        curve = ((9, end + 1.0),) if stopped else ((9, end + 1.0), (27, end))
        results.append(Result(number, params, curve[-1][1], stopped=stopped, curve=curve))
    (first, *_) = importance(space, results)
    assert first.name == "b"
    assert first.share > 0.8
