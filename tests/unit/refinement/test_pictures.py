"""The figures that MLflow shows: they say what the ledger says."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from caviar.adapters.sql import TrialRow
from caviar.contract.views import TrialState
from caviar.refinement import notes, pictures
from caviar.search import Result, Round, first_round, refine
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
    assert pictures.widths(study.space, whole) == pytest.approx(
        dict.fromkeys(study.space.names, 1.0)
    )


@pytest.mark.parametrize("ended", [0, 1, 20])
def test_the_zoom_shows_every_parameter(study: Study, ended: int) -> None:
    """A strip a parameter, whether nothing has ended yet, one trial, or many; some without a value."""
    trials = [
        row(n, None if n == 2 else n % 7, "failed" if n == 2 else "done") for n in range(ended)
    ]
    rounds = some_rounds(study, trials)
    text = pictures.zoom(study, rounds, trials).decode()
    ET.fromstring(text)
    for name in study.space.names:
        assert name in text


def test_the_same_study_gives_the_same_picture(study: Study) -> None:
    """No date and no random id inside: the artifact only changes when the study does."""
    trials = [row(n, float(n)) for n in range(12)]
    rounds = some_rounds(study, trials)
    assert pictures.zoom(study, rounds, trials) == pictures.zoom(study, rounds, trials)
    assert pictures.progress(study, trials) == pictures.progress(study, trials)


def test_the_note_names_the_best_trial(study: Study) -> None:
    """The earliest of the best; failed trials are never it."""
    trials = [row(0, 3.0), row(1, 1.0), row(2, 1.0), row(3, None, "failed")]
    best = notes.best_trial(study, trials)
    assert best is not None
    assert best.number == 1
    text = notes.study_note(study, some_rounds(study, trials), best)
    assert "Best: **1** in trial 1" in text
    assert "| learning_rate | log | 1 | 0.0001 to 1 | 0.01 |" in text


def test_the_note_puts_the_measured_importance_beside_the_tier(study: Study) -> None:
    """The share and the verdict, in the parameter's own row."""
    known = [row(n, float(n)) for n in range(3)]
    verdict = "declared tier 1, measured first of two"
    importance = [{"name": "learning_rate", "share": 0.8, "tier": 1, "verdict": verdict}]
    text = notes.study_note(study, some_rounds(study, known), known[0], importance)
    assert f"| 80%, {verdict} |" in text
