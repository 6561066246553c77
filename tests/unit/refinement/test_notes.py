"""The descriptions that MLflow shows: where a study stands, and the ways on from there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from caviar.adapters.sql import RoundRow, Standing, StudyRecord, TrialRow
from caviar.contract.views import RoundView, SideView, TrialState
from caviar.refinement import notes
from caviar.search.confirming import Confirmation
from caviar.studies.spec import Study, load_study

SOURCE = """
name: three-scales
metric: {name: loss, goal: minimize}
trainer: {function: "three:train"}
space:
  learning_rate: {type: float, low: 1.0e-4, high: 1.0, scale: log}
  solver: {type: categorical, choices: [sgd, "a|b", "`x`", "<img src=x>"]}
budget: {trials: 30}
"""
SERVICE = "https://caviar.example.org"
RECORD = StudyRecord(
    id="abc",
    name="three-scales",
    fingerprint="",
    state="running",
    reason="",
    source=SOURCE,
    filename="study.yaml",
    folder=None,
    code_version=None,
    user=None,
    created=0.0,
    ended=None,
    importance=None,
    experiment_id="7",
    run_id="parent",
    closed=False,
)
COUNTS: dict[TrialState, int] = {"done": 5, "stopped": 3, "running": 2}


@pytest.fixture
def study() -> Study:
    return load_study(SOURCE)


def best(value: float, **changed: object) -> TrialRow:
    row = TrialRow(
        id="abc-1",
        study_id="abc",
        number=1,
        round=2,
        state="done",
        attempt=1,
        crashes=0,
        lost=0,
        params={"learning_rate": 0.01, "solver": "a|b"},
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
        run_id="run-1",
        shipped=True,
    )
    return replace(row, **changed)  # type: ignore[arg-type]


def rounds(count: int, reason: str = "Because.") -> list[RoundRow]:
    return [RoundRow("abc", index, {"reason": reason}, 0.0, f"r-{index}") for index in range(count)]


def test_the_first_lines_say_how_it_goes(study: Study) -> None:
    """MLflow folds the rest: state, how much of the budget, the best so far and the links are above."""
    text = notes.study_note(RECORD, study, rounds(3), Standing(best(0.5)), COUNTS, service=SERVICE)
    where, _, leader, _, ways = text.splitlines()[:5]
    assert where == ("**running**, 8 of 30 trials (5 done, 3 stopped early): minimize loss, zoom.")
    assert leader == (
        "Best: **0.5** in [trial 1](#/experiments/7/runs/run-1?workflowType=machine_learning), round 2."
    )
    assert f"[The study in Caviar]({SERVICE}/studies/abc)" in ways
    assert f"[its champion]({SERVICE}/studies/abc/champion)" in ways
    assert (
        "[All trials, best first](#/experiments/7/runs?searchFilter=tags.%60caviar.study%60" in ways
    )
    assert "orderByKey=metrics.%60loss%60&orderByAsc=true" in ways


def test_nothing_is_made_up_before_the_first_trial_ended(study: Study) -> None:
    """No best, no column for it, no picture that is not there; without an address no link to the service."""
    text = notes.study_note(RECORD, study, rounds(1), Standing(None), {})
    assert "**running**, 0 of 30 trials: minimize loss" in text
    assert "No loss yet." in text
    assert "| parameter&ensp; | range&ensp; | scale&ensp; | tier |" in text
    assert "![" not in text
    assert "in Caviar" not in text


def test_a_confirmed_best_says_what_its_new_runs_say(study: Study) -> None:
    """Their mean and interval, and the leader's own value behind."""
    new_runs = Confirmation(trial=1, runs=3, mean=1.25, low=1.0, high=1.5, rivals=())
    text = notes.study_note(RECORD, study, [], Standing(best(1.0), new_runs), COUNTS)
    assert "Best: **1.25** (1 to 1.5, 95%) on 3 new seeds, and 1 in [trial 1](" in text


def test_the_measured_importance_stands_beside_the_tier(study: Study) -> None:
    """The share and the verdict, in the parameter's own row."""
    verdict = "declared tier 1, measured first of two"
    share = {"name": "learning_rate", "share": 0.8, "tier": 1, "verdict": verdict}
    record = replace(RECORD, importance=[share])
    text = notes.study_note(record, study, [], Standing(best(1.0)), COUNTS)
    assert (
        f"| learning_rate&ensp; | 0.01&ensp; | 80%, {verdict}&ensp; | 0.0001 to 1&ensp; | log&ensp; | 1 |"
        in text
    )


def test_what_people_wrote_is_read_as_they_wrote_it(study: Study) -> None:
    """A choice that looks like a cell's end, code or HTML, a reason with a link: none of it is one in the page."""
    record = replace(
        RECORD,
        state="stopped",
        reason="see [here](javascript:alert) and http://evil.org or www.evil.org, @root\n\n# head",
        notes=[{"text": "<script>alert(1)</script>", "warning": True}],
    )
    text = notes.study_note(record, study, [], Standing(best(1.0)), COUNTS)
    assert "sgd, a&#124;b, &#96;x&#96;, &#60;img src=x&#62;" in text
    assert "see &#91;here&#93;(javascript:alert) and http&#58;//evil.org" in text
    assert "www&#46;evil.org, &#64;root &#35; head" in text
    assert "<script>" not in text
    table = [line for line in text.splitlines() if line.startswith("| solver")]
    assert table[0].count("|") == 6


def test_a_long_study_keeps_its_newest_rounds(study: Study) -> None:
    """MLflow would cut off the tag's end without a word."""
    text = notes.study_note(RECORD, study, rounds(400, "x" * 200), Standing(best(1.0)), COUNTS)
    assert len(text) <= notes.MOST_TEXT
    assert "[round&nbsp;399](" in text
    assert "[round&nbsp;00](" not in text
    assert text.endswith("| Earlier rounds are not shown here. |")


def test_a_round_says_why_and_links_to_what_it_rests_on() -> None:
    """Its study in MLflow and in Caviar, each trial behind it that has a run, its picture."""
    box = {"learning_rate": SideView(low=0.01, high=0.1)}
    view = RoundView(
        round=2,
        box=box,
        before={"learning_rate": SideView(low=0.001, high=1.0)},
        reason="It narrows.",
        changes={"learning_rate": "narrowed"},
        support=[1, 4],
    )
    text = notes.round_note(RECORD, view, {1: "run-1"}, service=SERVICE, picture="zoom")
    assert text.startswith("It narrows.")
    assert "[study three-scales](#/experiments/7/runs/parent?" in text
    assert f"[in Caviar]({SERVICE}/studies/abc)" in text
    assert (
        "It rests on trials [1](#/experiments/7/runs/run-1?workflowType=machine_learning), 4."
        in text
    )
    assert (
        "| learning_rate&ensp; | 0.001 to 1&ensp; | 0.01 to 0.1&ensp; | narrowed&ensp; |  |" in text
    )
    assert text.endswith("![The boxes until here](zoom)")
