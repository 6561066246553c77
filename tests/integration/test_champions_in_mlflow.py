"""Champions in MLflow, on its own server: aliases of a registered model, tags, and digests that are read there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mlflow.entities import Dataset, DatasetInput, LoggedModelStatus
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from caviar.adapters.mlflow import Record
from caviar.contract.recheck import DataWatch, Policy
from caviar.recheck import Checks
from caviar.recheck.recording import DATASETS_S, Recording
from tests.support.servers import MlflowServer
from tests.support.town import Town

pytestmark = pytest.mark.real


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def opened(town: Town, study: str, server: MlflowServer, name: str) -> tuple[Record, str]:
    """The study's run, as the keeper makes it."""
    record = Record(server.uri)
    experiment = record.experiment(name)
    run = record.run(experiment, "the study", {"caviar.study": study, "caviar.kind": "study"}, 1.0)
    town.store.set_study_run(study, experiment, run)
    return record, experiment


def logged(server: MlflowServer, experiment: str) -> str:
    """A run that logged a model."""
    client = MlflowClient(server.uri)
    run = str(client.create_run(experiment).info.run_id)
    model = client.create_logged_model(experiment, name="model", source_run_id=run)
    client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
    return run


def propose(town: Town, study: str, run: str, trial: int) -> int:
    made = town.store.rechecks.propose(
        study,
        {"x": 0.1 * trial},
        study,
        trial,
        run_id=run,
        value=0.1,
        low=None,
        high=None,
        runs=1,
        data_version=None,
        code_version=None,
        why="",
        by="caviar",
        check_number=None,
    )
    assert made is not None
    return made.number


def test_the_alias_follows_the_champion(town: Town, mlflow_server: MlflowServer) -> None:
    """What a run logged becomes a version, which the alias names; a rejected one loses it."""
    study = town.begin("model: bowl")
    record, experiment = opened(town, study, mlflow_server, "aliases")
    recording, client = Recording(town.store, record), MlflowClient(mlflow_server.uri)
    runs = [logged(mlflow_server, experiment) for _ in range(2)]
    for trial, run in enumerate(runs, start=100):
        town.store.rechecks.promote(study, propose(town, study, run, trial), "ann", "")
    recording.turn()
    assert client.get_model_version_by_alias("bowl", "champion").run_id == runs[1]
    town.store.rechecks.promote(study, 2, "ann", "back")
    recording.turn()
    assert client.get_model_version_by_alias("bowl", "champion").run_id == runs[0]
    third = logged(mlflow_server, experiment)
    propose(town, study, third, 102)
    recording.turn()
    assert client.get_model_version_by_alias("bowl", "proposed").run_id == third
    town.store.rechecks.reject(study, 4, "ann", "")
    recording.turn()
    with pytest.raises(MlflowException):
        client.get_model_version_by_alias("bowl", "proposed")
    assert town.store.rechecks.unwritten() == []


def test_a_champion_without_a_model_is_a_tag(town: Town, mlflow_server: MlflowServer) -> None:
    """Other systems read its parameters from the study's run."""
    study = town.begin()
    record, _ = opened(town, study, mlflow_server, "tags")
    Recording(town.store, record).turn()
    found = town.store.study(study)
    assert found is not None
    assert found.run_id is not None
    tags = MlflowClient(mlflow_server.uri).get_run(found.run_id).data.tags
    told = json.loads(tags["caviar.champion"])
    assert told["params"] == town.champions(study)[0].params
    assert told["number"] == 1


def test_a_dataset_with_another_digest_calls_for_a_check(
    town: Town, mlflow_server: MlflowServer
) -> None:
    """The newest run of the experiment says which data there is; a digest counts where it was there twice."""
    study = town.begin()
    record, _ = opened(town, study, mlflow_server, "watching")
    found = town.store.study(study)
    assert found is not None
    policy = Policy(data=DataWatch(dataset="churn", experiment="features"))
    Checks(town.store, clock=lambda: town.day).set_policy(found, policy)
    now = [0.0]
    recording = Recording(town.store, record, clock=lambda: now[0])

    def look() -> list[list[str]]:
        for _ in range(2):
            now[0] += DATASETS_S
            recording.turn()
        return [list(check.causes) for check in town.checks(study)]

    assert look() == []
    ingest(mlflow_server, "one")
    assert look() == [], "seen for the first time"
    ingest(mlflow_server, "one")
    assert look() == [], "the same data"
    ingest(mlflow_server, "two")
    assert look() == [["data"]]
    assert look() == [["data"]]


def ingest(server: MlflowServer, digest: str) -> None:
    """A run of the data's pipeline."""
    client = MlflowClient(server.uri)
    experiment = Record(server.uri).experiment("features")
    run = client.create_run(experiment).info.run_id
    dataset = Dataset(name="churn", digest=digest, source_type="local", source="{}")
    client.log_inputs(run, datasets=[DatasetInput(dataset)])
