"""`caviar trial stop` on a real worker: counted in heartbeats, which is what the promise is made of."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from caviar.contract.messages import Heartbeat, HeartbeatAnswer
from caviar.contract.views import Submission
from tests.support import wait_until
from tests.support.desk import Desk
from tests.support.host import worker_host
from tests.support.servers import RedisServer
from tests.support.service import service

pytestmark = pytest.mark.real

STUDY = """
name: patience
metric: {name: score, goal: maximize}
trainer: {function: "patient:train"}
space: {x: {type: float, low: 0.0, high: 1.0}}
search: {strategy: random}
budget: {trials: 2}
"""
PATIENT = """
import time
from pathlib import Path

def train(trial):
    trial.report(0, score=0.5)
    while not trial.should_stop():
        time.sleep(0.01)
    Path(f"heard-{trial.number}").write_text(str(time.monotonic()))
    return 0.7
"""


def test_a_trial_hears_within_two_heartbeats_that_it_is_to_stop(
    short_path: Path, redis_server: RedisServer
) -> None:
    """The other trial of the study trains on, and the stopped one keeps what it returned."""
    code = short_path / "code"
    code.mkdir()
    (code / "patient.py").write_text(PATIENT)
    with (
        service(short_path, redis_server, lease_s=4.0) as caviar,
        worker_host(short_path, redis_server, Desk(url=caviar.url)) as host,
    ):
        beats: list[float] = []
        answer = caviar.scheduler.heartbeat

        def heartbeat(message: Heartbeat) -> HeartbeatAnswer:
            beats.append(time.monotonic())
            return answer(message)

        caviar.scheduler.heartbeat = heartbeat  # type: ignore[method-assign]
        study = caviar.scheduler.submit(Submission(text=STUDY, folder=str(code))).id
        host.start()
        wait_until(lambda: caviar.store.counts(study)["running"] == 2, 60, "both trials run")
        both = [f"{study}-{number}" for number in range(2)]
        wait_until(lambda: all(map(caviar.scheduler.progress, both)), 60, "the worker holds both")
        asked = time.monotonic()
        said = caviar.post(f"/studies/{study}/trials/0/stop").json()
        assert (said["state"], said["stop_asked"]) == ("running", True)
        wait_until(lambda: caviar.store.counts(study)["stopped"] == 1, 60, "it has ended")
        heard = float((code / "heard-0").read_text())
        assert sum(asked < beat < heard for beat in beats) <= 2
        row = caviar.store.trial(f"{study}-0")
        assert row is not None
        assert row.value == 0.7
        assert not (code / "heard-1").exists()
        refused = caviar.post(f"/studies/{study}/trials/0/stop")
        assert (refused.status_code, "is stopped" in refused.json()["detail"]) == (409, True)
