"""Runs that Caviar never started, read from a real MLflow server into the first trials of a study."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow.tracking.client import MlflowClient

from caviar.adapters.mlflow import Record
from caviar.adapters.sql import Store, migrate, open_engine
from caviar.contract import names
from caviar.contract.messages import ClaimRequest, Ticket
from caviar.contract.views import Note, Submission
from caviar.errors import ServiceError
from caviar.refinement import priming
from caviar.refinement.keeper import Keeper
from caviar.scheduler import Scheduler
from tests.support.servers import MlflowServer

pytestmark = pytest.mark.real

STUDY = """
name: warm
project: warm-start-tests
metric: {{name: val_loss, goal: minimize}}
trainer: {{function: "parabola:train"}}
space:
  learning_rate: {{type: float, low: 1.0e-4, high: 1.0, scale: log}}
  hidden_units: {{type: int, low: 16, high: 256, default: 64}}
  solver: {{type: categorical, choices: [sgd, adam]}}
budget: {{trials: 30}}
warm_start: {{experiments: [{}]}}
"""


class World:
    """A store, a scheduler and the half of the refinement job that talks to MLflow."""

    def __init__(self, folder: Path, mlflow_uri: str, *experiments: str) -> None:
        engine = open_engine(f"sqlite:///{folder / 'caviar.db'}")
        migrate(engine)
        self.store = Store(engine)
        self.tickets: list[Ticket] = []
        self.scheduler = Scheduler(
            self.store,
            lambda ticket, _: self.tickets.append(ticket),
            lease_s=60,
            claim_s=60,
            clock=lambda: 0.0,  # no turn takes long
        )
        self.keeper = Keeper(self.store, Record(mlflow_uri), {})
        text = STUDY.format(", ".join(experiments))
        self.study = self.scheduler.submit(Submission(text=text)).id

    @property
    def notes(self) -> list[Note]:
        record = self.store.study(self.study)
        assert record is not None
        return [Note.model_validate(note) for note in record.notes]

    @property
    def primed(self) -> bool:
        record = self.store.study(self.study)
        assert record is not None
        return record.primed

    def proposed(self, count: int) -> list[Ticket]:
        """The first tickets, as that many free slots would get them."""
        for number in range(count):
            self.scheduler.tick()
            if len(self.tickets) > number:
                row = self.tickets[number]
                request = ClaimRequest(
                    trial=row.trial,
                    attempt=row.attempt,
                    nonce=f"nonce-{number:03}",
                    host="h",
                    incarnation="i",
                    slot=0,
                )
                assert self.scheduler.claim(request).granted
        return self.tickets[:count]


@pytest.fixture
def client(mlflow_server: MlflowServer) -> MlflowClient:
    return MlflowClient(mlflow_server.uri)


def log_run(
    client: MlflowClient,
    experiment: str,
    params: dict[str, object],
    loss: float | None,
    status: str = "FINISHED",
    tags: dict[str, str] | None = None,
) -> None:
    """As anybody logs a run by hand."""
    run = client.create_run(experiment, tags=tags)
    for name, value in params.items():
        client.log_param(run.info.run_id, name, value)
    if loss is not None:
        client.log_metric(run.info.run_id, "val_loss", loss)
    client.set_terminated(run.info.run_id, status)


@pytest.fixture
def vision(client: MlflowClient) -> str:
    """An experiment of the team, with names of its own and runs that tell nothing."""
    name = "Team vision, 2nd try"
    found = client.get_experiment_by_name(name)
    if found is not None:
        return name
    experiment = client.create_experiment(name)
    for exponent in range(9):
        rate = 10 ** (-exponent / 2)
        params = {"optimizer.lr": rate, "hidden_dim": 128, "solver": "Adam", "epochs": 3}
        log_run(client, experiment, params, abs(exponent - 5) / 10)
    log_run(client, experiment, {"optimizer.lr": 3.0, "solver": "adam"}, 0.0)
    log_run(client, experiment, {"optimizer.lr": 0.01, "solver": "adam"}, 0.0, "FAILED")
    log_run(client, experiment, {"optimizer.lr": 0.01, "solver": "adam"}, None)
    round_tags = {names.TAG_KIND: "round", names.TAG_STUDY: "other"}
    log_run(client, experiment, {}, None, tags=round_tags)
    return name


def test_the_first_trials_are_the_best_runs_of_anybody(
    tmp_path: Path, mlflow_server: MlflowServer, vision: str
) -> None:
    """Mapped by names and read as the parameters' types; what does not fit is counted, with the reason."""
    world = World(tmp_path, mlflow_server.uri, f"'{vision}'")
    world.keeper.turn()
    assert world.primed
    assert world.notes == [
        Note(
            text=f"9 runs read from experiment {vision}, 2 left out: "
            "1 learning_rate outside [0.0001, 1], 1 without val_loss"
        )
    ]
    first = [ticket.params for ticket in world.proposed(3)]
    best = {"learning_rate": pytest.approx(10**-2.5), "hidden_units": 128, "solver": "adam"}
    assert first[1] == best
    assert all(params["solver"] == "adam" for params in first[1:])


def test_the_record_in_mlflow_says_what_was_known(
    tmp_path: Path, mlflow_server: MlflowServer, client: MlflowClient, vision: str
) -> None:
    """In the description of the study's run, once it has ended."""
    world = World(tmp_path, mlflow_server.uri, f"'{vision}'")
    world.keeper.turn()
    world.scheduler.stop(world.study)
    world.store.set_importance(world.study, [])
    world.keeper.turn()
    record = world.store.study(world.study)
    assert record is not None
    assert record.closed
    description = client.get_run(record.run_id).data.tags[names.TAG_NOTE]
    assert f"Known before:\n\n- 9 runs read from experiment {vision}" in description


def test_it_is_read_once(tmp_path: Path, mlflow_server: MlflowServer, vision: str) -> None:
    """The job's next look, or another job beside it, adds nothing."""
    world = World(tmp_path, mlflow_server.uri, f"'{vision}'")
    record = world.store.study(world.study)
    assert record is not None
    world.keeper.turn()
    world.keeper.turn()
    case = world.keeper._cases[world.study]
    priming.prime(world.store, Record(mlflow_server.uri), record, case.study)
    assert len(world.store.priors(world.study)) == 9
    assert len(world.notes) == 1


def test_an_experiment_that_is_not_there_is_said(
    tmp_path: Path, mlflow_server: MlflowServer, vision: str
) -> None:
    """The study goes on with what there is; a quote in a name is only a letter."""
    world = World(tmp_path, mlflow_server.uri, "'it''s gone'", f"'{vision}'")
    world.keeper.turn()
    assert world.primed
    assert world.notes[0] == Note(text="no experiment it's gone in MLflow", warning=True)
    assert not world.notes[1].warning
    assert len(world.store.priors(world.study)) == 9


def test_a_studys_own_runs_are_not_news(
    tmp_path: Path, mlflow_server: MlflowServer, client: MlflowClient
) -> None:
    """Its project is the very experiment that it reads: only the others' runs count."""
    world = World(tmp_path, mlflow_server.uri, "warm-start-tests")
    experiment = Record(mlflow_server.uri).experiment("warm-start-tests")
    params = {"learning_rate": 0.5, "solver": "sgd"}
    for study in (world.study, "another"):
        tags = {names.TAG_KIND: "trial", names.TAG_STUDY: study}
        log_run(client, experiment, params, 0.25, tags=tags)
    world.keeper.turn()
    (known,) = world.store.priors(world.study)
    assert (known.params["learning_rate"], known.value) == (0.5, 0.25)


def test_an_experiment_that_cannot_be_read_keeps_no_other_waiting(
    tmp_path: Path, mlflow_server: MlflowServer, vision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow refuses one study's experiment: the next study is primed all the same, and the first is tried again."""
    world = World(tmp_path, mlflow_server.uri, "forbidden")
    other = world.scheduler.submit(Submission(text=STUDY.format(f"'{vision}'"))).id
    read = Record.finished_runs

    def refused(self: Record, experiment: str, metric: str, most: int) -> object:
        if experiment == "forbidden":
            raise ServiceError("MLflow: permission denied")
        return read(self, experiment, metric, most)

    monkeypatch.setattr(Record, "finished_runs", refused)
    with pytest.raises(ServiceError, match="permission"):
        world.keeper.turn()
    assert not world.primed
    assert len(world.store.priors(other)) == 9
    monkeypatch.setattr(Record, "finished_runs", read)
    world.keeper.turn()
    assert world.primed


def test_more_runs_than_one_page(
    tmp_path: Path,
    mlflow_server: MlflowServer,
    client: MlflowClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The newest ones, page by page, as many as are wanted."""
    experiment = client.create_experiment("many")
    for number in range(7):
        params = {"learning_rate": 0.1 + number / 100, "solver": "sgd"}
        log_run(client, experiment, params, float(number))
    monkeypatch.setattr("caviar.adapters.mlflow.PAGE_OF_RUNS", 2)
    monkeypatch.setattr("caviar.refinement.priming.MOST_RUNS", 5)
    world = World(tmp_path, mlflow_server.uri, "many")
    world.keeper.turn()
    assert [row.value for row in world.store.priors(world.study)] == [2.0, 3.0, 4.0, 5.0, 6.0]


def test_no_trial_waits_for_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With MLflow away the study starts cold; it stays unprimed, so that it is warmed once MLflow is there."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    world = World(tmp_path, "http://127.0.0.1:9", "vision")
    with pytest.raises(ServiceError):
        world.keeper.turn()
    assert len(world.proposed(2)) == 2
    assert not world.primed
