"""The notes that MLflow shows: they say what the ledger says."""

from __future__ import annotations

import pytest

from caviar.adapters.sql import Standing, TrialRow
from caviar.contract.views import TrialState
from caviar.figures.boxes import widths
from caviar.refinement import notes
from caviar.search import Result, Round, first_round, refine
from caviar.search.confirming import Confirmation
from caviar.studies.spec import Study, load_study

STUDY = """
name: three-scales
metric: {name: loss, goal: minimize}
trainer: {function: "three:train"}
space:
  learning_rate: {type: float, low: 1.0e-4, high: 1.0, scale: log}
  momentum: {type: float, low: 0.9, high: 0.999, scale: reverse_log}
  solver: {type: categorical, choices: [sgd, adam]}
  layers: {type: int, low: 1, high: 4, when: {solver: [sgd]}}
budget: {trials: 30}
"""


def row(number: int, value: float | None, state: TrialState = "done") -> TrialRow:
    params = {"learning_rate": 10 ** -(1 + number % 3), "momentum": 0.99, "solver": "adam"}
    return TrialRow(
        id=f"s-{number}",
        study_id="s",
        number=number,
        round=0,
        state=state,
        attempt=1,
        crashes=0,
        lost=0,
        params=params,
        seed=0,
        value=value,
        metrics={},
        steps=1,
        nonce=None,
        host=None,
        incarnation=None,
        slot=None,
        created=0.0,
        started=0.0,
        ended=1.0,
        seconds=1.0,
        error="",
        output="",
        run_id=None,
        shipped=True,
    )


@pytest.fixture
def study() -> Study:
    return load_study(STUDY)


def some_rounds(study: Study, trials: list[TrialRow]) -> list[Round]:
    rounds = [first_round(study.space, study.search_settings)]
    results = [Result(t.number, t.params, t.value) for t in trials]
    while following := refine(study.space, study.search_settings, rounds, results):
        rounds.append(following)
        assert len(rounds) < 20
    return rounds


def test_the_first_box_is_the_whole_range(study: Study) -> None:
    """Widths are shares of each parameter's own scale: all of it before the first zoom."""
    whole = first_round(study.space, study.search_settings)
    assert widths(study.space, whole) == pytest.approx(dict.fromkeys(study.space.names, 1.0))


def test_the_note_names_the_best_trial(study: Study) -> None:
    """With its value; once its new runs are there with what they say, and its own value behind."""
    trials = [row(0, 3.0), row(1, 1.0)]
    text = notes.study_note(study, some_rounds(study, trials), Standing(trials[1]))
    assert "Best: **1** in trial 1" in text
    assert "| learning_rate | log | 1 | 0.0001 to 1 | 0.01 |" in text
    assert "stopped early" not in text
    stopped = notes.study_note(study, stands=Standing(trials[1]), stopped=7)
    assert "7 of 30 trials were stopped early" in stopped
    new_runs = Confirmation(trial=1, runs=3, mean=1.25, low=1.0, high=1.5, rivals=())
    text = notes.study_note(study, (), Standing(trials[1], new_runs))
    assert "Best: **1.25** (1 to 1.5, 95%) on 3 new seeds, and 1 in trial 1" in text


def test_the_note_puts_the_measured_importance_beside_the_tier(study: Study) -> None:
    """The share and the verdict, in the parameter's own row."""
    known = [row(n, float(n)) for n in range(3)]
    verdict = "declared tier 1, measured first of two"
    importance = [{"name": "learning_rate", "share": 0.8, "tier": 1, "verdict": verdict}]
    rounds = some_rounds(study, known)
    text = notes.study_note(study, rounds, Standing(known[0]), importance)
    assert f"| 80%, {verdict} |" in text
