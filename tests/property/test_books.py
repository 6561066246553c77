"""Whatever stands in MLflow, reading it back gives a row that the service can live with, or says what is wrong."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from caviar.adapters.mlflow_books import Seen
from caviar.contract import names
from caviar.contract.ending import TrialEnd
from caviar.contract.record import StudyEntry
from caviar.search import first_round
from caviar.studies.life import FINAL, trial_seed
from caviar.studies.spec import load_study
from caviar.teams import experiment_of
from caviar.upkeep.checking import Damaged, check_round, read_study, read_trial

SOURCE = """
name: bowl
metric: {name: loss, goal: minimize}
trainer: {function: "bowl:train"}
space:
  x: {type: float, low: 1.0e-3, high: 1.0, scale: log}
  layers: {type: int, low: 1, high: 8}
  solver: {type: categorical, choices: [sgd, true, 3]}
  decay: {type: float, low: 0.0, high: 1.0, when: {solver: [sgd]}}
budget: {trials: 50}
"""
STUDY = load_study(SOURCE)
FIRST = first_round(STUDY.space, STUDY.search_settings).to_json()
ENTRY = StudyEntry(
    id="a1", source=SOURCE, filename="f", state="running", created=1.0, first_round=FIRST
)
GOOD_TAGS = {
    names.TAG_NUMBER: "7",
    names.TAG_TRIAL: "a1-7",
    names.TAG_ROUND: "2",
    names.TAG_ATTEMPT: "3",
    names.TAG_SEED: "11",
    names.TAG_STATE: "done",
    names.TAG_END: TrialEnd(value=0.25).to_tag(),
}
EXPERIMENT = experiment_of(ENTRY.team, STUDY.project)
GOOD_PARAMS = {"x": "0.1", "layers": "4", "solver": "sgd", "decay": "0.5"}
texts = st.text(max_size=30) | st.sampled_from(
    ["-1", "0", "1e3", "nan", "٣", "99999999999999999999", "a1-7", "{}", "null", "true", "running"]
)
junk: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


def run(tags: dict[str, str], params: dict[str, str]) -> Seen:
    return Seen("r", "1", "r2-t007", "FINISHED", 1000, 2000, tags, params, {})


@given(st.data())
def test_a_point_comes_back_exactly(data: st.DataObject) -> None:
    """MLflow has text: every value is the same again, in its own type."""
    unit = st.floats(0.0, 1.0)
    units = [data.draw(unit) for _ in STUDY.space.names]
    point: dict[str, Any] = {}
    for name, place in zip(STUDY.space.names, units, strict=True):
        if name in STUDY.space.active(point) or name != "decay":
            point[name] = STUDY.space[name].from_unit(place)
    params = {name: str(value) for name, value in point.items()}
    seed = str(trial_seed(3, 7))
    row = read_trial(run(GOOD_TAGS | {names.TAG_SEED: seed}, params), ENTRY, STUDY)
    assert row.params == point
    assert {n: type(v) for n, v in row.params.items()} == {n: type(v) for n, v in point.items()}
    assert (row.number, row.round, row.attempt, row.value) == (7, 2, 3, 0.25)
    assert str(row.seed) == seed


@given(
    st.dictionaries(st.sampled_from([*GOOD_TAGS, names.TAG_REPEATS, names.TAG_HOST]), texts),
    st.dictionaries(st.sampled_from([*GOOD_PARAMS, "other"]), texts),
    st.sets(st.sampled_from([*GOOD_TAGS, *GOOD_PARAMS])),
)
def test_a_forged_trial_is_a_trial_of_the_study_or_none(
    tags: dict[str, str], params: dict[str, str], absent: set[str]
) -> None:
    """Nothing but Damaged is raised; a row is within space and budget, and its id is its number's."""
    seen = run(
        {k: v for k, v in (GOOD_TAGS | tags).items() if k not in absent},
        {k: v for k, v in (GOOD_PARAMS | params).items() if k not in absent},
    )
    try:
        row = read_trial(seen, ENTRY, STUDY)
    except Damaged:
        return
    assert 0 <= row.number < STUDY.budget.trials
    assert row.id == names.trial_id("a1", row.number, names.rebuilt_of(row.id))
    assert STUDY.space.check_point(row.params) == row.params
    assert row.state in FINAL | {"queued"}
    assert row.state != "done" or row.value is not None


@given(st.dictionaries(st.sampled_from([*FIRST, "more"]), junk), st.sets(st.sampled_from([*FIRST])))
def test_a_forged_round_is_a_round_or_none(changed: dict[str, Any], absent: set[str]) -> None:
    """Also where its box holds anything at all."""
    data = {k: v for k, v in (copy.deepcopy(FIRST) | changed).items() if k not in absent}
    try:
        check_round(STUDY.space, data, 0)
    except Damaged:
        return
    assert data["index"] == 0
    assert data["parent"] is None


@given(st.dictionaries(st.sampled_from([*StudyEntry.model_fields, "more"]), junk))
def test_a_forged_record_is_a_study_or_none(changed: dict[str, Any]) -> None:
    """Its file is read as any study file is, and it is of the team whose experiment it lies in."""
    content = json.dumps(json.loads(ENTRY.model_dump_json()) | changed).encode()
    try:
        entry, study = read_study(run({names.TAG_STUDY: "a1"}, {}), content, EXPERIMENT)
    except Damaged:
        return
    assert entry.id == "a1"
    assert experiment_of(entry.team, study.project) == EXPERIMENT
    assert study.fingerprint == load_study(entry.source, entry.filename).fingerprint
