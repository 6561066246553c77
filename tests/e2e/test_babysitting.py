"""A training by hand on the whole service: what MLflow shows of it, and a finished trial that is taken up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mlflow.tracking import MlflowClient

from caviar.adapters.sql import Store, open_engine
from caviar.bootstrap import rebuild_store
from caviar.contract import names
from caviar.contract.messages import Origin
from caviar.contract.panda import CurveView
from caviar.contract.views import Submission, TrialView
from tests.support import wait_until
from tests.support.team import TOKEN, Team, running_team
from tests.support.walk import STUDY, write_walk

pytestmark = pytest.mark.real

SEARCH = """
name: search
metric: {name: loss, goal: minimize}
trainer: {function: "walk:train"}
space:
  learning_rate: {type: float, low: 1.0e-4, high: 1.0, scale: log}
  momentum: {type: float, low: 0.0, high: 0.99}
search: {strategy: random}
budget: {trials: 1}
checkpoints: {after: keep}
"""


@pytest.fixture
def team(short_path: Path) -> Iterator[Team]:
    with running_team(short_path / "team", hosts=("host-1",), slots=2) as team:
        yield team


def call(team: Team, method: str, path: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    url = f"{team.url}/api/v1/studies/{path}"
    answer = httpx2.request(method, url, json=body, headers=headers, timeout=30, trust_env=False)
    answer.raise_for_status()
    return answer.json()


def trial(team: Team, study: str, number: int) -> TrialView:
    return TrialView.model_validate(call(team, "GET", f"{study}/trials/{number}"))


def curve(team: Team, study: str, number: int) -> CurveView:
    return CurveView.model_validate(call(team, "GET", f"{study}/trials/{number}/curve"))


def until_step(team: Team, study: str, step: int, number: int = 0) -> None:
    wait_until(
        lambda: (points := curve(team, study, number).points) and points[-1][0] >= step,
        60,
        f"trial {number} is at step {step}",
    )


def books(url: str, study: str) -> list[Any]:
    """What the store says of the trainings and of what was done to them, but for times that MLflow does not have."""
    engine = open_engine(url)
    store = Store(engine)
    trials = [
        (row.number, row.kind, row.params, row.seed, row.origin, row.touched)
        for row in store.trials(study)
    ]
    done = [
        replace(row, asked=0.0, answered=0.0, wanted_step=None, effect=None)
        for row in store.interventions.of_study(study)
    ]
    engine.dispose()
    return [trials, sorted(done, key=lambda row: (row.trial, row.number))]


def test_mlflow_shows_what_was_done_and_what_was_abandoned(team: Team, short_path: Path) -> None:
    """The value by step beside the loss, a tag for each change, and the stretch that was taken back, marked."""
    code = write_walk(short_path / "code")
    study = team.client.submit(Submission(text=STUDY, folder=str(code))).id
    until_step(team, study, 10)
    change = {"params": {"learning_rate": 0.1}, "why": "plateau"}
    call(team, "POST", f"{study}/trials/0/set", change)

    def last(number: int) -> Any:
        return curve(team, study, number).interventions[-1]

    wait_until(lambda: last(0).state == "applied", 30, "the training has read it")
    changed = last(0).step
    until_step(team, study, changed + 10)
    call(team, "POST", f"{study}/trials/0/rollback", {"to_step": changed, "why": "it hurt"})
    wait_until(lambda: last(0).child == 1, 30, "another takes its place")
    until_step(team, study, changed + 5, 1)
    (code / "enough-1").touch()
    team.wait_until_ended(study)

    client = MlflowClient(team.mlflow_url)
    runs = [client.get_run(str(trial(team, study, number).run_id)) for number in (0, 1)]
    values = client.get_metric_history(runs[0].info.run_id, "live/learning_rate")
    by_step = {each.step: each.value for each in values}
    assert by_step[changed] == 0.01
    assert by_step[changed + 1] == 0.1
    told = json.loads(runs[0].data.tags[f"{names.TAG_CHANGE}1"])
    assert told == {
        "after_step": changed,
        "learning_rate": [0.01, 0.1],
        "by": "operator",
        "why": "plateau",
    }
    origin = Origin.model_validate_json(runs[1].data.tags[names.TAG_ORIGIN])
    assert (origin.number, origin.in_place, origin.why) == (0, True, "it hurt")
    assert runs[0].data.tags[names.TAG_ABANDONED] == f"after step {origin.step}"
    assert [run.info.status for run in runs] == ["KILLED", "FINISHED"]
    rebuilt = f"sqlite:///{short_path / 'again.db'}"
    rebuild_store(rebuilt, team.mlflow_url, missing=False, tell=lambda _line: None)
    assert books(rebuilt, study) == books(f"sqlite:///{team.database}", study)
    history = client.get_metric_history(runs[1].info.run_id, "loss")
    assert min(each.step for each in history) == origin.step + 1  # type: ignore[operator]


def test_a_trial_that_ended_is_taken_up_by_hand_from_its_last_checkpoint(
    team: Team, short_path: Path
) -> None:
    """The checkpoint comes out of its MLflow run; the study that goes on has one model."""
    code = write_walk(short_path / "code")
    search = team.client.submit(Submission(text=SEARCH, folder=str(code))).id
    until_step(team, search, 12)
    (code / "enough-0").touch()
    team.wait_until_ended(search)
    (code / "enough-0").unlink()
    went_on = call(team, "POST", f"{search}/trials/0/panda", {})
    assert went_on["warnings"] == []
    study = went_on["id"]
    until_step(team, study, 20)
    begun = curve(team, study, 0).points[0][0]
    assert begun % 5 == 1  # behind a checkpoint, not at the start
    assert begun > 1
    assert trial(team, study, 0).params == trial(team, search, 0).params
    view = team.client.study(study)
    assert (view.name, view.mode) == ("search-t0", "panda")
    (code / "enough-0").touch()
    team.wait_until_ended(study)
