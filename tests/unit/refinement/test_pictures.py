"""The figures that MLflow shows: they say what the ledger says."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from caviar.adapters.sql import Standing, TrialRow
from caviar.contract.views import TrialState
from caviar.figures.boxes import spans, widths
from caviar.refinement import notes, pictures
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


def test_a_box_is_drawn_where_trials_came_from_it(study: Study) -> None:
    """Round 1 rests on 8 trials, and 12 had begun when it was there: they came from the whole space."""
    trials = [replace(row(n, float(n % 7)), round=int(n >= 12)) for n in range(20)]
    rounds = some_rounds(study, trials)[:2]
    rounds.append(replace(rounds[1], index=2))
    assert spans(rounds, trials) == [(0, 12), (12, 20), (20, 21)]
    assert spans(rounds[:1], []) == [(0, 1)]


def test_the_same_study_gives_the_same_picture(study: Study) -> None:
    """No date and no random id inside: the artifact only changes when the study does."""
    trials = [row(n, float(n)) for n in range(12)]
    trials.append(replace(row(12, 0.5), kind="confirm", repeats=0))
    trials.append(replace(row(13, -1.0), violation=0.5))
    rounds = some_rounds(study, trials)
    assert pictures.zoom(study, rounds, trials) == pictures.zoom(study, rounds, trials)
    assert pictures.progress(study, trials) == pictures.progress(study, trials)


def test_a_stopped_trial_is_marked_and_is_not_the_best_so_far(study: Study) -> None:
    """Its value is not that of a whole training, and may look better than one."""
    whole = [row(n, float(3 - n)) for n in range(3)]
    early = row(3, 0.5, "stopped")
    text = pictures.progress(study, [*whole, early]).decode()
    assert "stopped early" in text
    assert "stopped early" not in pictures.progress(study, whole).decode()
    assert "best so far" not in pictures.progress(study, [early]).decode()


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
