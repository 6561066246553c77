"""The refinement job against a real MLflow server: what it writes there, and what it does while MLflow is away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mlflow.tracking.client import MlflowClient

from caviar.adapters.mlflow import Record
from caviar.adapters.sql import Store, migrate, open_engine
from caviar.contract import names
from caviar.contract.messages import ClaimRequest, Finish, Hello, Ticket
from caviar.contract.views import Submission
from caviar.errors import ServiceError
from caviar.refinement import Refiner
from caviar.refinement.keeper import Keeper
from caviar.refinement.refiner import Recorded
from caviar.scheduler import Scheduler
from tests.support.servers import MlflowServer

pytestmark = pytest.mark.real

TRIALS = 16
SERVICE = "http://caviar.example.org"
STUDY = f"""
name: parabola
project: refinement-tests
metric: {{name: loss, goal: minimize}}
trainer: {{function: "parabola:train"}}
space:
  x: {{type: float, low: -1.0, high: 1.0}}
  batch_size: {{type: categorical, choices: [16, 32]}}
budget: {{trials: {TRIALS}}}
"""


class World:
    """A store, a scheduler whose tickets are trained at once, and the two halves of the job."""

    def __init__(self, folder: Path, mlflow_uri: str) -> None:
        engine = open_engine(f"sqlite:///{folder / 'caviar.db'}")
        migrate(engine)
        self.store = Store(engine)
        self.tickets: list[Ticket] = []
        self.scheduler = Scheduler(
            self.store,
            lambda t, _: self.tickets.append(t),
            lease_s=60,
            claim_s=60,
            clock=lambda: 0.0,  # no turn takes long
        )
        self.recorded: dict[str, Recorded] = {}
        self.keeper = Keeper(self.store, Record(mlflow_uri), self.recorded, service=SERVICE)
        self.refiner = Refiner(self.store, self.recorded.get)
        self.study = self.scheduler.submit(Submission(text=STUDY, user="ada")).id

    def train(self, count: int) -> list[Ticket]:
        """Train the next ``count`` trials as a worker would, without MLflow."""
        trained = []
        for _ in range(count):
            self.scheduler.tick()
            ticket = self.tickets.pop()
            ask = ClaimRequest(
                trial=ticket.trial,
                attempt=ticket.attempt,
                nonce="nonce-00",
                host="h",
                incarnation="i",
                slot=0,
            )
            assert self.scheduler.claim(ask).granted
            self.scheduler.finish(
                Finish(
                    trial=ticket.trial,
                    attempt=ticket.attempt,
                    nonce="nonce-00",
                    outcome="done",
                    value=float(ticket.params["x"]) ** 2,
                )
            )
            trained.append(ticket)
        self.scheduler.tick()
        return trained

    def ship(self, client: MlflowClient, ticket: Ticket, value: float) -> str:
        """The trial's run, as a shipper writes it."""
        record = self.store.study(self.study)
        assert record is not None
        tags = {
            names.TAG_KIND: "trial",
            names.TAG_STUDY: self.study,
            names.TAG_TRIAL: ticket.trial,
            names.TAG_PARENT: record.run_id,
        }
        run = client.create_run(record.experiment_id, tags=tags)
        client.log_metric(run.info.run_id, "loss", value)
        client.set_terminated(run.info.run_id)
        self.store.shipped({ticket.trial: run.info.run_id})
        return str(run.info.run_id)


@pytest.fixture
def client(mlflow_server: MlflowServer) -> MlflowClient:
    return MlflowClient(mlflow_server.uri)


@pytest.fixture
def world(tmp_path: Path, mlflow_server: MlflowServer) -> World:
    return World(tmp_path, mlflow_server.uri)


def test_a_study_reads_naturally_in_mlflow(world: World, client: MlflowClient) -> None:
    """One run for the study, its rounds nested under it with box, picture and reason; closed when all is there."""
    world.keeper.turn()
    for ticket in world.train(TRIALS):
        world.ship(client, ticket, float(ticket.params["x"]) ** 2)
    for _ in range(4):
        world.refiner.turn()
        world.keeper.turn()
    record = world.store.study(world.study)
    assert record is not None
    assert record.closed
    parent = client.get_run(record.run_id)
    assert parent.info.status == "FINISHED"
    assert parent.info.run_name == f"parabola {world.study}"
    assert parent.data.tags[names.TAG_USER] == "ada"
    files = {file.path for file in client.list_artifacts(record.run_id)}
    assert {"study.yaml", "environment.txt", "summary.json", "zoom.svg", "progress.svg"} <= files
    nested = client.search_runs(
        [record.experiment_id],
        f"tags.`{names.TAG_KIND}` = 'round' and tags.`{names.TAG_PARENT}` = '{record.run_id}'",
    )
    rounds = world.store.rounds(world.study)
    assert {run.info.run_name for run in nested} == {f"round {row.index:02d}" for row in rounds}
    last = next(run for run in nested if run.info.run_id == rounds[-1].run_id)
    assert last.data.tags[names.TAG_REASON] == rounds[-1].data["reason"]
    box = json.loads(Path(client.download_artifacts(last.info.run_id, "box.json")).read_text())
    assert box["reason"] == rounds[-1].data["reason"]
    assert set(box["box"]) == {"x", "batch_size"}


def test_a_study_that_runs_says_so_in_mlflow(world: World, client: MlflowClient) -> None:
    """Before the first result, at each round, and when somebody pauses it: state, best so far, pictures, curves."""
    world.keeper.turn()
    world.keeper.turn()
    record = world.store.study(world.study)
    assert record is not None
    assert record.run_id is not None

    def note() -> str:
        return str(client.get_run(record.run_id).data.tags[names.TAG_NOTE])

    assert note().startswith(f"**running**, 0 of {TRIALS} trials: minimize loss")
    assert f"[The study in Caviar]({SERVICE}/studies/{world.study})" in note()
    assert "![" not in note()

    tickets = []
    while len(world.store.rounds(world.study)) < 3:
        tickets += world.train(1)
        world.refiner.turn()
    best = min(tickets, key=lambda ticket: abs(float(ticket.params["x"])))
    run_id = world.ship(client, best, float(best.params["x"]) ** 2)
    world.keeper.turn()
    assert f"{len(tickets)} of {TRIALS} trials ({len(tickets)} done)" in note()
    assert (
        f" in [trial {best.number}](#/experiments/{record.experiment_id}/runs/{run_id}?" in note()
    )
    assert f"![zoom.svg](get-artifact?path=zoom.svg&run_uuid={record.run_id})" in note()
    files = {file.path for file in client.list_artifacts(record.run_id)}
    assert {"zoom.svg", "progress.svg"} <= files
    widths = client.get_metric_history(record.run_id, "width/x")
    assert [point.step for point in widths] == [0, 1, 2]
    bests = client.get_metric_history(record.run_id, "best/loss")
    assert [point.step for point in bests] == [1, 2]

    world.scheduler.pause(world.study)
    world.keeper.turn()
    assert note().startswith("**paused**")


def test_an_experiment_offers_a_view_of_its_newest_study(
    world: World, client: MlflowClient
) -> None:
    """MLflow shows no metric and no parameter by itself; it takes the experiment for one of model training."""
    world.keeper.turn()
    record = world.store.study(world.study)
    assert record is not None
    tags = client.get_experiment(record.experiment_id).tags
    view = json.loads(tags["mlflow.sharedViewState.caviar-trials"])
    assert f"'{world.study}'" in json.loads(view["state"])["searchFilter"]
    assert tags["mlflow.experimentKind"] == "custom_model_development"


def test_an_undo_and_a_branch_read_in_mlflow(world: World, client: MlflowClient) -> None:
    """The undo is a run like every round's, with the box before and after; the branch's run says where it is from."""
    world.keeper.turn()
    while len(world.store.rounds(world.study)) < 3:
        world.train(1)
        world.refiner.turn()
    world.scheduler.undo(world.study, 2, "ada")
    origin = world.store.study(world.study)
    assert origin is not None
    branch = world.scheduler.branch(origin, 1).id
    world.keeper.turn()
    world.keeper.turn()
    _, first, second, undo = world.store.rounds(world.study)
    found = client.get_run(undo.run_id)
    assert found.data.tags[names.TAG_REASON].startswith("Round 2 was taken back by ada")
    boxes = [
        json.loads(Path(client.download_artifacts(row.run_id, "box.json")).read_text())
        for row in (first, second, undo)
    ]
    assert boxes[2]["kind"] == "undo"
    assert boxes[2]["before"] == boxes[1]["box"]
    assert boxes[2]["box"] == boxes[0]["box"]
    assert boxes[1]["support"] == second.data["support"]
    assert boxes[1]["edges"] == second.data["edges"]
    assert len(boxes[2]["computed_from"]) == undo.data["results"]
    note = client.get_run(second.run_id).data.tags[names.TAG_NOTE]
    assert "| parameter | before | box | change | best trial |" in note
    assert f"It rests on trials {second.data['support'][0]}, " in note
    assert f"![The boxes until here](get-artifact?path=zoom.svg&run_uuid={second.run_id})" in note
    record = world.store.study(branch)
    assert record is not None
    assert record.run_id is not None
    tags = client.get_run(record.run_id).data.tags
    assert tags[names.TAG_BRANCH] == f"{world.study}/r1"


def test_rounds_come_while_mlflow_is_away(world: World) -> None:
    """No trial is in MLflow: the rounds are computed from the workers' reports, and the ledger says so."""
    world.train(12)
    world.refiner.turn()
    newest = world.store.rounds(world.study)[-1]
    assert newest.index == 1
    sources = world.store.computed_from(world.study, newest.index)
    assert len(sources) == 12
    assert {run for _, run in sources} == {None}


def test_mlflow_is_the_record_of_results(world: World, client: MlflowClient) -> None:
    """Where a run says another value than the report, the round believes the run, and names it."""
    world.keeper.turn()
    tickets = world.train(12)
    best = max(tickets, key=lambda ticket: float(ticket.params["x"]))
    run_id = world.ship(client, best, -100.0)
    world.keeper.turn()
    world.refiner.turn()
    newest = world.store.rounds(world.study)[-1]
    assert newest.data["incumbent"] == best.number
    assert [best.trial, run_id] in world.store.computed_from(world.study, newest.index)


def test_no_run_is_made_twice(world: World, client: MlflowClient) -> None:
    """A refiner that died after it made a run, before it noted it, finds the run again."""
    world.keeper.turn()
    record = world.store.study(world.study)
    assert record is not None
    world.store.set_study_run(world.study, None, None)  # type: ignore[arg-type]
    world.keeper.turn()
    again = world.store.study(world.study)
    assert again is not None
    assert again.run_id == record.run_id


def test_a_study_ends_although_a_host_is_lost_for_good(world: World, client: MlflowClient) -> None:
    """The run that no worker will complete is ended as failed by the service, and the study is closed."""
    world.keeper.turn()
    for ticket in world.train(TRIALS - 1):
        world.ship(client, ticket, 1.0)
    world.scheduler.tick()
    ticket = world.tickets.pop()
    ask = ClaimRequest(
        trial=ticket.trial, attempt=1, nonce="nonce-00", host="h", incarnation="i", slot=0
    )
    assert world.scheduler.claim(ask).granted
    record = world.store.study(world.study)
    assert record is not None
    run = client.create_run(record.experiment_id, tags={names.TAG_TRIAL: ticket.trial})
    world.scheduler.stop(world.study)
    world.scheduler.hello(Hello(host="h", incarnation="another", slots=1))
    for _ in range(2):
        world.refiner.turn()
        world.keeper.turn()
    closed = world.store.study(world.study)
    assert closed is not None
    assert closed.closed
    assert client.get_run(run.info.run_id).info.status == "FAILED"


def test_an_unreachable_mlflow_is_a_service_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller tries again later; nothing is noted as written."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    world = World(tmp_path, "http://127.0.0.1:9")
    with pytest.raises(ServiceError):
        world.keeper.turn()
    record = world.store.study(world.study)
    assert record is not None
    assert record.run_id is None
