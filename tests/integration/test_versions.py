"""Workers and services of different versions, as real processes: they go on together, or one says why not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import redis

from caviar.api import workers as routes
from caviar.contract import protocol
from caviar.contract.names import TASK_TRIAL, queue_name
from caviar.contract.views import Submission
from caviar_worker.app import make_app
from tests.support import wait_until
from tests.support.desk import TOKEN, Desk
from tests.support.host import Host, worker_host
from tests.support.servers import RedisServer
from tests.support.service import Service, service

pytestmark = pytest.mark.real

STUDY = """
name: versions
metric: {name: score, goal: maximize}
trainer: {function: "plain:train"}
space: {x: {type: float, low: 0.0, high: 1.0}}
search: {strategy: random, seed: 3}
stop: none
budget: {trials: 2}
"""


@pytest.fixture
def caviar(short_path: Path, redis_server: RedisServer) -> Iterator[Service]:
    with service(short_path, redis_server, lease_s=4.0) as caviar:
        yield caviar


@pytest.fixture
def host(short_path: Path, redis_server: RedisServer, caviar: Service) -> Iterator[Host]:
    with worker_host(short_path, redis_server, Desk(url=caviar.url)) as host:
        yield host


def submit(caviar: Service, folder: Path) -> str:
    (folder / "plain.py").write_text("def train(trial):\n    return trial.params['x']\n")
    return caviar.scheduler.submit(Submission(text=STUDY, folder=str(folder))).id


def done(caviar: Service, study: str) -> bool:
    return caviar.store.counts(study)["done"] == 2


def test_a_worker_that_is_not_served_takes_no_ticket_and_goes_on_after_the_upgrade(
    caviar: Service,
    host: Host,
    short_path: Path,
    redis_server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A service of the next version but one: what lies on the queue stays there, and the log says what to do."""

    def refusal(stated: str | None) -> str | None:
        with pytest.MonkeyPatch.context() as later:
            later.setattr(protocol, "OLDEST", 2)
            later.setattr(protocol, "PROTOCOL", 3)
            return protocol.refusal(stated)

    study = submit(caviar, short_path)
    queue = redis.Redis(unix_socket_path=str(redis_server.socket))
    wait_until(lambda: queue.llen(queue_name("cpu")), why="a ticket waits")
    tickets = queue.lrange(queue_name("cpu"), 0, -1)
    with monkeypatch.context() as later:
        later.setattr(routes, "refusal", refusal)
        host.start()
        host.wait_for(lambda: "No ticket is taken." in host.log.read_text(), "it says so")
        said = host.log.read_text()
        assert "This worker speaks version 1 of the workers' protocol" in said
        assert "this service versions 2 to 3. Upgrade this worker" in said
        assert queue.lrange(queue_name("cpu"), 0, -1) == tickets
        assert caviar.store.counts(study)["running"] == 0
    host.wait_for(lambda: done(caviar, study), "it is served, and trains", 60)
    assert [row.attempt for row in caviar.store.trials(study)] == [1, 1]


def test_a_ticket_of_a_later_version_is_refused_and_its_trial_not_lost(
    caviar: Service, host: Host, short_path: Path, redis_server: RedisServer
) -> None:
    """The slot says so and leaves it to others; the scheduler sends it again in a version that is read."""
    study = submit(caviar, short_path)
    queue = redis.Redis(unix_socket_path=str(redis_server.socket))
    wait_until(lambda: queue.llen(queue_name("cpu")), why="a ticket waits")
    true = caviar.store.trials(study)[0]
    queue.delete(queue_name("cpu"))
    with make_app(redis_server.url) as app:
        later = {"v": 2, "trial": true.id, "attempt": 1, "where": {"study": study}}
        app.send_task(TASK_TRIAL, args=[later], queue=queue_name("cpu"))
    host.start()
    host.wait_for(lambda: done(caviar, study), "the other slot has trained both", 60)
    said = host.log.read_text()
    assert "version 2 of the protocol; this side understands version 1" in said
    assert "This one has to be upgraded." in said


def test_an_older_and_a_newer_worker_are_served_over_http(caviar: Service, tmp_path: Path) -> None:
    """One leaves out all that it may and states no version; the other adds fields everywhere. Both train a trial."""
    study = submit(caviar, tmp_path)
    base = f"{caviar.url}/api/v1/worker"
    token = {"Authorization": f"Bearer {TOKEN}"}
    later = {"later": {"what": 1}}
    for number, (headers, more) in enumerate(
        ((token, {}), ({**token, protocol.HEADER: str(protocol.PROTOCOL)}, later))
    ):
        with httpx2.Client(headers=headers, trust_env=False) as worker:

            def ask(path: str, body: dict[str, object]) -> dict[str, object]:
                answer = worker.post(f"{base}/{path}", json=body | more)  # noqa: B023
                assert answer.status_code == 200, answer.text
                found: dict[str, object] = answer.json()
                assert found["v"] == 1
                return found

            name = f"host-{number}"
            assert worker.get(f"{base}/protocol").status_code == 204
            who = {"host": name, "incarnation": "one"}
            assert ask("hello", who | {"slots": 1})["lease_s"] == 4.0
            row = wait_until(lambda: waiting(caviar, study), why="a trial is dispatched")
            claim = {"trial": row.id, "attempt": 1, "nonce": "n" * 32, "slot": 0}
            assert ask("claim", claim | who)["granted"] is True
            held = [{"trial": row.id, "attempt": 1} | more]
            assert ask("heartbeat", who | {"free": 0, "held": held})["known"] is True
            end = {
                "trial": row.id,
                "attempt": 1,
                "nonce": "n" * 32,
                "outcome": "done",
                "value": 0.5,
            }
            assert ask("finish", end)["verdict"] == "accepted"
    assert done(caviar, study)


def waiting(caviar: Service, study: str):  # type: ignore[no-untyped-def]
    rows = caviar.store.trials(study, states=("dispatched",))
    return rows[0] if rows else None


@pytest.mark.parametrize(
    "path", ["protocol", "hello", "claim", "heartbeat", "finish", "shipped", "run"]
)
def test_every_route_refuses_a_version_before_it_looks_at_the_message(
    caviar: Service, path: str
) -> None:
    """With the token's check first: who has none learns nothing of versions."""
    url = f"{caviar.url}/api/v1/worker/{path}"
    newer = {protocol.HEADER: str(protocol.PROTOCOL + 1)}
    method = "GET" if path == "protocol" else "POST"
    body = None if path == "protocol" else b"{no JSON"
    with httpx2.Client(trust_env=False) as client:
        assert client.request(method, url, content=body, headers=newer).status_code == 401
        told = newer | {"Authorization": f"Bearer {TOKEN}"}
        answer = client.request(method, url, content=body, headers=told)
    assert answer.status_code == 409
    problem = json.loads(answer.text)
    assert problem["type"] == protocol.PROBLEM
    assert "speaks version 2 of the workers' protocol, this service version 1." in problem["detail"]
