"""Teams in one MLflow server: they do not meet in an experiment, and a warm start reads what its team may see."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from caviar.adapters.sql import Teams
from caviar.contract import names
from caviar.contract.access import Quota
from caviar.contract.queue import StudyEdit
from tests.support.servers import MlflowServer
from tests.support.whole_service import Service

pytestmark = pytest.mark.real

SIX = "search: {strategy: random, seed: 3}\nbudget: {trials: 6}\nstop: none"


@pytest.fixture
def service(tmp_path: Path, mlflow_server: MlflowServer) -> Iterator[Service]:
    made = Service(tmp_path, mlflow_server.uri, f"teams-{uuid.uuid4().hex[:8]}")
    for team in ("alpha", "beta"):
        Teams(made.engine).add(team, 2.0, Quota(slots=4))
    yield made
    made.close()


def learnt(service: Service, experiment: str, team: str, name: str) -> tuple[int, str]:
    """How many results a new study of ``team`` read from an experiment, and the note on it."""
    more = f'budget: {{trials: 20}}\nwarm_start: {{experiments: ["{experiment}"]}}'
    study = service.submit(more, name, team)
    service.keeper.turn()
    record = service.store.study(study)
    assert record is not None
    assert record.primed
    service.scheduler.stop(study)
    return len(service.store.priors(study)), str(record.notes[-1]["text"])


def test_two_teams_with_one_project_have_two_experiments(service: Service) -> None:
    """The team is in the experiment's name, but for the default team, and a tag of the study's run."""
    found = {}
    for team in ("default", "alpha", "beta"):
        study = service.submit(SIX, team=team)
        record = service.store.study(study)
        assert record is not None
        assert record.run_id is not None
        run = service.client.get_run(record.run_id)
        assert run.data.tags[names.TAG_TEAM] == team
        found[team] = service.client.get_experiment(run.info.experiment_id).name
    project = service.project
    assert found == {"default": project, "alpha": f"alpha/{project}", "beta": f"beta/{project}"}


def test_another_teams_experiment_is_as_if_it_were_not_there(service: Service) -> None:
    """The words are those for one that nobody has; its own team reads it."""
    service.submit(SIX, team="alpha")
    service.work()
    service.settle()
    name = f"alpha/{service.project}"
    assert learnt(service, name, "alpha", "own") == (6, f"6 runs read from experiment {name}")
    for team in ("beta", "default"):
        count, note = learnt(service, name, team, f"thief-of-{team}")
        assert (count, note) == (0, f"no experiment {name} in MLflow")
    nowhere = f"alpha/{uuid.uuid4().hex}"
    assert learnt(service, nowhere, "beta", "other") == (0, f"no experiment {nowhere} in MLflow")


def test_runs_of_a_study_that_is_not_shared_are_left_out_of_any_experiment(
    service: Service,
) -> None:
    """The default team's experiments have no team in their name. A person's own run in one is everybody's."""
    study = service.submit(SIX)
    service.work()
    service.settle()
    experiment = service.client.get_experiment_by_name(service.project)
    run = service.client.create_run(experiment.experiment_id)
    for key, value in {"x": 0.1, "layers": 3, "solver": "adam"}.items():
        service.client.log_param(run.info.run_id, key, value)
    service.client.log_metric(run.info.run_id, "loss", 0.5)
    service.client.set_terminated(run.info.run_id)
    assert learnt(service, service.project, "beta", "before")[0] == 1
    service.scheduler.edit(study, StudyEdit(shared=True))
    assert learnt(service, service.project, "beta", "after")[0] == 7


def test_rebuild_brings_the_team_back(service: Service) -> None:
    """And the priority, the place, and that it was shared, though it was shared after its end."""
    study = service.submit(SIX, team="alpha")
    service.scheduler.edit(study, StudyEdit(priority=5, place="last"))
    service.work()
    service.settle()
    service.settle()
    record = service.store.study(study)
    assert record is not None
    assert record.closed
    service.scheduler.edit(study, StudyEdit(shared=True))
    service.settle()
    service.wipe()
    service.rebuild()
    service.start()
    back = service.store.study(study)
    assert back is not None
    assert (back.team, back.priority, back.place, back.shared) == ("alpha", 5, "last", True)
    assert back.closed
    team = Teams(service.engine).all()["alpha"]
    assert (team.weight, team.quota) == (1.0, Quota())  # an operator's to set again
