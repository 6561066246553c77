"""Bounds on other metrics: a trial beyond them is never the best, however good its metric."""

from caviar.search import History, Result
from caviar.space import Space
from caviar.studies.constraints import beyond, violation
from caviar.studies.spec import load_study

STUDY = load_study(
    """
name: fast-enough
metric: {name: accuracy, goal: maximize}
trainer: {function: "train:main"}
space: {width: {type: int, low: 8, high: 512}}
budget: {trials: 40}
constraints: {latency_ms: {max: 50}, recall: {min: 0.8}}
"""
)


def test_a_study_says_what_must_stay_within_bounds():
    """Each bound as a person would write it."""
    assert [str(bound) for bound in STUDY.constraints] == ["latency_ms <= 50", "recall >= 0.8"]


def test_how_far_beyond_is_a_sum_of_shares():
    """26% over one bound and 10% under another are 0.36; within both it is 0."""
    slow = {"latency_ms": 63.0, "recall": 0.72}
    assert round(violation(STUDY.constraints, slow), 9) == 0.36
    assert beyond(STUDY.constraints, slow) == "latency_ms (63 > 50), recall (0.72 < 0.8)"
    assert violation(STUDY.constraints, {"latency_ms": 50.0, "recall": 0.8}) == 0.0


def test_the_best_is_the_best_within():
    """Trial 1 is more accurate and too slow; trial 2 is the one to use."""
    space = Space.parse({"width": {"type": "int", "low": 8, "high": 512}})
    history = History(
        space,
        "maximize",
        [
            Result(0, {"width": 16}, 0.90),
            Result(1, {"width": 400}, 0.97, violation=0.26),
            Result(2, {"width": 64}, 0.95),
        ],
    )
    assert [history[place].number for place in history.best_places()] == [2, 0]
