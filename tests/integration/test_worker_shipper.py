"""A real worker host and a real MLflow server: what stands there when the trials are over."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from caviar.contract.messages import ShipTarget, Trainer
from caviar_worker.folders import attempts
from tests.support import wait_until
from tests.support.desk import Desk
from tests.support.host import Host, worker_host
from tests.support.servers import MlflowServer, RedisServer
from tests.support.user_code import trainer, write_user_code

pytestmark = pytest.mark.real

SLOW = '''
import os, time


def points(trial):
    """Report until there is enough."""
    step = 0
    while not os.path.exists("enough"):
        trial.report(step, score=step / 1000)
        step += 1
        time.sleep(0.005)
    return -1.0
'''


@pytest.fixture
def code(short_path: Path) -> Path:
    folder = write_user_code(short_path / "code")
    (folder / "slow.py").write_text(SLOW)
    return folder


@pytest.fixture(params=["over HTTP", "into the database"])
def host(
    request: pytest.FixtureRequest,
    short_path: Path,
    redis_server: RedisServer,
    desk: Desk,
    mlflow_server: MlflowServer,
) -> Iterator[Host]:
    """A team's worker, and the embedded service's, which writes where MLflow's server writes."""
    store = mlflow_server.store if request.param == "into the database" else None
    with worker_host(short_path, redis_server, desk, mlflow_server.uri, store=store) as host:
        yield host


def make_study(host: Host, name: str) -> tuple[MlflowClient, str]:
    """The study's own run, as the service makes it; the client and the experiment."""
    client = MlflowClient(host.settings.mlflow)
    way = "HTTP" if host.settings.mlflow_store is None else "database"
    experiment = client.create_experiment(f"{name}, {way}")
    parent = client.create_run(experiment, run_name="the study")
    host.desk.targets["study-1"] = ShipTarget(
        experiment_id=experiment, parent_run_id=parent.info.run_id
    )
    return client, experiment


def runs_of(client: MlflowClient, experiment: str, trial: str) -> list[Run]:
    found: list[Run] = list(
        client.search_runs([experiment], f"tags.`caviar.trial` = '{trial}'", max_results=10)
    )
    return found


def shipped(host: Host, client: MlflowClient, experiment: str, trial: str) -> Run:
    """The trial's one run, once the scheduler's side heard that it is complete."""
    wait_until(lambda: trial in host.desk.shipped, 120, f"{trial} is shipped")
    (run,) = runs_of(client, experiment, trial)
    assert run.info.run_id == host.desk.shipped[trial]
    return run


def history(client: MlflowClient, run: Run, name: str) -> list[tuple[int, float]]:
    metrics: Any = client.get_metric_history(run.info.run_id, name)
    return sorted((m.step, m.value) for m in metrics)


def test_a_trial_reads_well_in_mlflow(host: Host, code: Path) -> None:
    """Name, parent, parameters, metrics by step, final values, state and times are all there."""
    client, experiment = make_study(host, "reads well")
    host.start()
    params = {"learning_rate": 0.001, "units": 64, "solver": "adam"}
    host.train("quick", trainer(code, "quick"), number=17, params=params)
    host.train("broken", trainer(code, "broken"))

    run = shipped(host, client, experiment, "quick")
    assert run.info.run_name == "trial 0017"
    assert run.info.status == "FINISHED"
    assert 0 < run.info.start_time <= run.info.end_time
    assert run.data.params == {"learning_rate": "0.001", "units": "64", "solver": "adam"}
    assert run.data.metrics == {"score": 0.95, "test": 0.9}
    assert history(client, run, "score") == [*((s, s / 10) for s in range(10)), (9, 0.95)]
    tags = run.data.tags
    assert tags["mlflow.parentRunId"] == host.desk.targets["study-1"].parent_run_id
    assert tags["caviar.state"] == "done"
    assert (tags["caviar.kind"], tags["caviar.number"], tags["caviar.seed"]) == ("trial", "17", "7")
    assert tags["mlflow.source.name"] == "users_trainer:quick"

    broken = shipped(host, client, experiment, "broken")
    assert (broken.info.status, broken.data.tags["caviar.state"]) == ("FAILED", "failed")
    assert [a.path for a in client.list_artifacts(broken.info.run_id)] == ["output.txt"]

    left = host.settings.folder / "trials"
    wait_until(lambda: not list(left.iterdir()), why="what is shipped is removed")
    assert not list((host.settings.folder / "runs").iterdir())


def test_a_second_attempt_goes_on_in_the_same_run(host: Host, code: Path) -> None:
    """A crash, a checkpoint, another attempt: one run, every step once, and its state is the last one's."""
    client, experiment = make_study(host, "second attempt")
    host.start()
    host.train("resumes", trainer(code, "resumes"))
    assert host.finish_of("resumes", 1).outcome == "crashed"
    wait_until(lambda: "resumes" in host.desk.shipped, 120, "the first attempt is shipped")
    (run,) = runs_of(client, experiment, "resumes")
    assert (run.info.status, run.data.tags["caviar.state"]) == ("FAILED", "crashed")
    host.desk.shipped.clear()

    host.train("resumes", trainer(code, "resumes"), attempt=2)
    assert host.finish_of("resumes", 2).outcome == "done"
    run = shipped(host, client, experiment, "resumes")
    assert run.info.status == "FINISHED"
    assert history(client, run, "score") == [(s, s / 10) for s in range(6)]
    assert (run.data.tags["caviar.attempt"], run.data.tags["caviar.state"]) == ("2", "done")
    wait_until(
        lambda: not list((host.settings.folder / "checkpoints").iterdir()),
        why="the checkpoints of a trial that is done are removed",
    )


def test_a_worker_that_goes_ships_what_its_trials_said(host: Host, code: Path) -> None:
    """Nobody may ever start it again: what ended is complete in MLflow, what was given back has its points."""
    client, experiment = make_study(host, "goes")
    host.start()
    host.train("first", trainer(code, "quick"))
    shipped(host, client, experiment, "first")  # the shipper is up
    host.train("back", Trainer(function="slow:points", folder=str(code)))
    wait_until((host.attempt_folder("back") / "spool.jsonl").exists, why="it trains")
    host.train("ended", trainer(code, "quick"))
    host.finish_of("ended")
    assert host.stop() == 0
    assert host.finish_of("back", deadline=1).outcome == "released"
    assert not list(attempts(host.settings.folder))
    assert "ended" in host.desk.shipped
    (run,) = runs_of(client, experiment, "back")
    assert client.get_metric_history(run.info.run_id, "score")


def test_a_shipper_that_is_killed_again_and_again(host: Host, code: Path) -> None:
    """kill -9 at any point: no point is lost, none is doubled, and there is one run."""
    client, experiment = make_study(host, "kills")
    host.start()
    host.train("points", Trainer(function="slow:points", folder=str(code)))
    state = host.settings.folder / "runs" / "points.json"
    wait_until(state.exists, 120, "the shipper has begun")
    for kill in range(3):
        before = state.read_text()
        wait_until(lambda b=before: state.read_text() != b, 120, f"it went on, kill {kill}")  # type: ignore[misc]
        host.part("shipper").kill()
    (code / "enough").touch()
    count = host.finish_of("points").steps
    run = shipped(host, client, experiment, "points")
    final = (count - 1, -1.0)
    assert history(client, run, "score") == sorted([final, *((s, s / 1000) for s in range(count))])
    assert run.data.metrics["score"] == -1.0


def test_training_goes_on_while_mlflow_is_away(
    host: Host, code: Path, mlflow_server: MlflowServer
) -> None:
    """Trials end and are reported with MLflow down; when it is back, everything arrives."""
    client, experiment = make_study(host, "away")
    mlflow_server.kill()
    try:
        host.start()
        for number in range(3):
            host.train(f"quick-{number}", trainer(code, "quick"), number=number)
        for number in range(3):
            assert host.finish_of(f"quick-{number}").outcome == "done"
        assert not host.desk.shipped
    finally:
        mlflow_server.start()
        mlflow_server.wait()
    for number in range(3):
        run = shipped(host, client, experiment, f"quick-{number}")
        assert len(history(client, run, "score")) == 11


def test_a_command_logs_with_plain_mlflow(host: Host, code: Path) -> None:
    """A script finds its run in the environment; the metric that it logged is the trial's value, and
    what the study bounds comes along."""
    client, experiment = make_study(host, "commands")
    script = code / "train.py"
    script.write_text(
        "import json, os, sys\n"
        "from mlflow.tracking import MlflowClient\n"
        "client = MlflowClient()\n"
        "run = os.environ['MLFLOW_RUN_ID']\n"
        "rate = json.loads(os.environ['CAVIAR_PARAMS'])['rate']\n"
        "assert sys.argv[1] == f'--rate={rate}'\n"
        "client.log_metric(run, 'size', 40, step=0)\n"
        "client.log_metric(run, 'score', 0.1, step=0)\n"
        "client.log_metric(run, 'score', 1 - rate, step=1)\n"
        "print('logged with seed', os.environ['CAVIAR_SEED'])\n"
    )
    python = sys.executable
    host.start()
    command = Trainer(command=(python, "train.py", "--rate={rate}"), folder=str(code))
    host.train("good", command, params={"rate": 0.25}, bounded=("size",))
    host.train("owes", command, params={"rate": 0.25}, bounded=("size", "never"))
    silent = Trainer(command=(python, "-c", "print('nothing logged')"), folder=str(code))
    host.train("silent", silent)
    host.train("exits", Trainer(command=(python, "-c", "raise SystemExit(3)")))
    host.train("missing", Trainer(command=("no-such-program",)))
    host.train("misspelt", Trainer(command=("echo", "{raet}")))

    good = host.finish_of("good")
    assert (good.outcome, good.value) == ("done", 0.75)
    assert good.metrics == {"size": 40.0}
    assert "logged with seed 7" in good.output
    assert "has no finite metric 'score'" in host.finish_of("silent").error
    assert "exit status 3" in host.finish_of("exits").error
    assert "'no-such-program' did not start" in host.finish_of("missing").error
    assert "{raet}, which is no parameter" in host.finish_of("misspelt").error

    run = shipped(host, client, experiment, "good")
    assert (run.info.status, run.data.params) == ("FINISHED", {"rate": "0.25"})
    assert history(client, run, "score") == [(0, 0.1), (1, 0.75)]
    owes = host.finish_of("owes")
    assert (owes.outcome, owes.value) == ("failed", None)
    assert "bounds 'never'" in owes.error
    assert shipped(host, client, experiment, "owes").info.status == "FAILED"


def test_a_fenced_attempt_leaves_the_run_alone(host: Host, code: Path, desk: Desk) -> None:
    """A report that is refused as stale ends no run: the attempt that replaced it will."""
    client, experiment = make_study(host, "fenced")
    host.start()
    host.train("polite", trainer(code, "polite"))
    folder = host.attempt_folder("polite")
    wait_until((folder / "run_id").exists, 120, "the run exists")
    with desk.lock:
        stale = desk.assignments["polite"]
        desk.assignments["polite"] = stale.model_copy(update={"attempt": 2})
    desk.to_stop.append(("polite", 1))
    wait_until(lambda: not folder.exists(), 120, "the fenced attempt is removed")
    (run,) = runs_of(client, experiment, "polite")
    assert run.info.status == "RUNNING"
    assert "caviar.state" not in run.data.tags
    assert not desk.finished
    assert not desk.shipped


def test_the_database_is_written_to_while_its_server_is_away(
    short_path: Path, redis_server: RedisServer, desk: Desk, mlflow_server: MlflowServer, code: Path
) -> None:
    """Once it is open, a trial's run is complete before the server is back; only files wait for that."""
    with worker_host(
        short_path, redis_server, desk, mlflow_server.uri, store=mlflow_server.store
    ) as host:
        client, experiment = make_study(host, "no server")
        host.start()
        host.train("first", trainer(code, "quick"))
        shipped(host, client, experiment, "first")
        mlflow_server.kill()
        try:
            host.train("second", trainer(code, "quick"))
            wait_until(lambda: "second" in desk.shipped, 120, "it needs no server")
            host.train("broken", trainer(code, "broken"))
            state = host.settings.folder / "runs" / "broken.json"
            wait_until(state.exists, 120, "its run is made")
            assert "broken" not in desk.shipped, "its output is not in MLflow yet"
        finally:
            mlflow_server.start()
            mlflow_server.wait()
        run = shipped(host, client, experiment, "broken")
        assert [a.path for a in client.list_artifacts(run.info.run_id)] == ["output.txt"]
        assert len(history(client, shipped(host, client, experiment, "second"), "score")) == 11
