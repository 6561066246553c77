"""The view of an experiment that MLflow offers under *Views*."""

from __future__ import annotations

import json

from caviar.refinement.saved_view import KEY, view_of
from caviar.studies.spec import load_study
from tests.unit.refinement.test_notes import RECORD, SOURCE

MOST_TEXT = 20_000
"""What MLflow takes as the value of an experiment's tag."""


def test_it_shows_a_study_s_trials_best_first_with_their_parameters() -> None:
    """A metric to be minimized is sorted upwards."""
    told = json.loads(view_of(RECORD, load_study(SOURCE))[KEY])
    state = json.loads(told["state"])
    assert "trials, best first" in told["name"]
    assert state["searchFilter"] == "tags.`caviar.study` = 'abc' and tags.`caviar.kind` = 'trial'"
    assert (state["orderByKey"], state["orderByAsc"]) == ("metrics.`loss`", True)
    assert state["selectedColumns"][:3] == [
        *("metrics.`loss`", "params.`learning_rate`", "params.`solver`"),
    ]


def test_its_chart_has_the_parameters_that_every_trial_has() -> None:
    """MLflow's chart of parallel coordinates leaves out the trials that lack one."""
    some = SOURCE.replace("scale: log}", "scale: log, when: {solver: [sgd]}}")
    state = json.loads(json.loads(view_of(RECORD, load_study(some))[KEY])["state"])
    assert state["compareRunCharts"][0]["selectedParams"] == ["solver"]


def test_it_finds_room_whatever_the_study_is_like() -> None:
    """As many parameters as a space may have, with the longest names."""
    rows = "".join(f"  {'p' * 97}{n:03d}: {{type: int, low: 1, high: 9}}\n" for n in range(64))
    wide = SOURCE.partition("space:")[0] + f"space:\n{rows}budget: {{trials: 30}}\n"
    tag = view_of(RECORD, load_study(wide))[KEY]
    assert len(tag) < MOST_TEXT
    assert len(json.loads(json.loads(tag)["state"])["selectedColumns"]) == 67
