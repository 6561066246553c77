"""Whoever reaches Redis may put anything on the queue: what is trained, and with what, is the scheduler's to say."""

from __future__ import annotations

from pathlib import Path

import pytest

from caviar.contract.messages import Ticket
from caviar.contract.names import TASK_TRIAL, queue_name
from caviar.contract.views import Submission
from caviar_worker.app import make_app
from tests.support import wait_until
from tests.support.desk import Desk
from tests.support.host import worker_host
from tests.support.servers import RedisServer
from tests.support.service import service

pytestmark = pytest.mark.real

STUDY = """
name: queue
metric: {name: score, goal: maximize}
trainer: {function: "honest:train"}
space: {x: {type: float, low: 0.0, high: 1.0}}
search: {strategy: random, seed: 3}
stop: none
budget: {trials: 3}
"""
HONEST = """
from pathlib import Path

def train(trial):
    with open("trained", "a") as stream:
        stream.write(f"{trial.number} {trial.params['x']!r}\\n")
    return trial.params["x"]
"""


def test_a_forged_ticket_trains_nothing_of_its_own(
    short_path: Path, redis_server: RedisServer
) -> None:
    """Written straight into Redis before the true ones are taken: other parameters, attempts, studies and trainers.

    Each trial trains once, with the parameters that the scheduler drew, and that is its result.
    """
    code = short_path / "code"
    code.mkdir()
    (code / "honest.py").write_text(HONEST)
    with (
        service(short_path, redis_server, lease_s=4.0) as caviar,
        worker_host(short_path, redis_server, Desk(url=caviar.url)) as host,
        make_app(redis_server.url) as queue,
    ):
        study = caviar.scheduler.submit(Submission(text=STUDY, folder=str(code))).id

        def put(ticket: dict[str, object]) -> None:
            queue.send_task(TASK_TRIAL, args=[ticket], queue=queue_name("cpu"))

        for number in range(3):
            for attempt in (1, 1, 2):
                forged = Ticket(
                    trial=f"{study}-{number}",
                    study=study,
                    number=number,
                    attempt=attempt,
                    params={"x": 99.0},
                ).model_dump(mode="json")
                put(forged)
                put(forged | {"study": "another", "number": 7})
                put(forged | {"trainer": {"function": "os:system"}, "command": ["touch", "owned"]})
        for trial in ("nobody-0", f"{study}-77", "../../x"):
            put(forged | {"trial": trial})
        host.start()
        wait_until(lambda: caviar.store.counts(study)["done"] == 3, 90, "all three are done")
        rows = caviar.store.trials(study)
        trained = sorted((code / "trained").read_text().splitlines())
        assert trained == [f"{row.number} {row.params['x']!r}" for row in rows]
        assert [row.value for row in rows] == [row.params["x"] for row in rows]
        assert all(0.0 <= float(str(row.params["x"])) <= 1.0 for row in rows)
        assert [row.attempt for row in rows] == [1, 1, 1]
        assert not list(short_path.rglob("owned"))
