"""A real worker host whose trial makes way for another study, and goes on later: the run in MLflow shows no seam."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from caviar.contract.messages import ShipTarget, Trainer
from tests.support import wait_until
from tests.support.desk import Desk
from tests.support.host import Host, worker_host
from tests.support.servers import MlflowServer, RedisServer

pytestmark = pytest.mark.real

LONG = '''
import time


def train(trial):
    """Forty steps; the first attempt waits at step 15 until it is asked to end, and only then saves."""
    found = trial.load_checkpoint()
    print("FROM", None if found is None else found.step)
    for step in range(0 if found is None else found.step + 1, 40):
        trial.report(step, score=step / 100)
        while trial.attempt == 1 and step == 15 and not trial.should_stop():
            time.sleep(0.02)
        if trial.should_stop():
            trial.save_checkpoint(step, lambda folder: (folder / "weights").write_text(str(step)))
            return step / 100
    return 0.5
'''


@pytest.fixture
def host(
    short_path: Path, redis_server: RedisServer, desk: Desk, mlflow_server: MlflowServer
) -> Iterator[Host]:
    with worker_host(
        short_path, redis_server, desk, mlflow_server.uri, store=mlflow_server.store
    ) as host:
        yield host


def test_a_trial_makes_way_and_goes_on_from_its_checkpoint(
    host: Host, desk: Desk, short_path: Path, mlflow_server: MlflowServer
) -> None:
    """It hears ``should_stop``, saves, is released; the slot trains another; then no step is trained twice."""
    client = MlflowClient(mlflow_server.uri)
    experiment = client.create_experiment("makes way")
    parent = client.create_run(experiment)
    desk.targets["study-1"] = ShipTarget(experiment_id=experiment, parent_run_id=parent.info.run_id)
    code = short_path / "code"
    code.mkdir()
    (code / "long.py").write_text(LONG)
    (code / "short.py").write_text("def train(trial):\n    return 1.0\n")
    train = Trainer(function="long:train", folder=str(code))
    host.start()
    host.train("long", train)
    wait_until(lambda: any(h.step == 15 for beat in desk.beats for h in beat.held), 90, "step 15")

    desk.to_release.append(("long", 1))
    assert host.finish_of("long", 1).outcome == "released"
    desk.to_release.clear()
    wait_until(lambda: "long" in desk.shipped, 120, "what it has done is shipped")
    desk.shipped.clear()
    host.train("short", Trainer(function="short:train", folder=str(code)), number=1)
    assert host.finish_of("short").outcome == "done"

    host.train("long", train, attempt=2)
    assert host.finish_of("long", 2).outcome == "done"
    assert "FROM 15" in host.finish_of("long", 2).output
    wait_until(lambda: "long" in desk.shipped, 120, "its run is complete")
    run = client.get_run(desk.shipped["long"])
    history = client.get_metric_history(run.info.run_id, "score")
    steps = sorted((point.step, point.value) for point in history)
    assert steps == sorted([(39, 0.5), *((step, step / 100) for step in range(40))])
    assert (run.info.status, run.data.tags["caviar.attempt"]) == ("FINISHED", "2")
