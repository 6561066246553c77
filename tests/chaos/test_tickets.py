"""What lies on the queue is hostile until checked: forged, stale, doubled and malformed tickets start nothing."""

from __future__ import annotations

import base64
import json
import pickle
import uuid
from pathlib import Path
from typing import Any

import pytest
import redis

from caviar.contract.messages import Ticket
from caviar.contract.names import TASK_TRIAL, queue_name
from caviar_worker.app import make_app
from tests.support import wait_until
from tests.support.bad_trainers import function
from tests.support.books import check_books, read_sql
from tests.support.team import Team

pytestmark = pytest.mark.chaos
QUEUE = queue_name("cpu")


class Opens:
    """Unpickling it makes a file: what an attacker would send."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return open, (str(self.path), "w")


def envelope(body: bytes, content_type: str, task: str = TASK_TRIAL) -> str:
    """A message as kombu puts it on a Redis list."""
    return json.dumps(
        {
            "body": base64.b64encode(body).decode(),
            "content-encoding": "utf-8" if content_type.endswith("json") else "binary",
            "content-type": content_type,
            "headers": {"lang": "py", "task": task, "id": str(uuid.uuid4()), "argsrepr": ""},
            "properties": {
                "delivery_mode": 2,
                "delivery_info": {"exchange": QUEUE, "routing_key": QUEUE},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": str(uuid.uuid4()),
            },
        }
    )


def arguments(*args: object) -> bytes:
    return json.dumps([args, {}, {"callbacks": None, "errbacks": None}]).encode()


def put(team: Team, *messages: str | bytes) -> None:
    with redis.Redis(unix_socket_path=str(team.folder / "redis.sock")) as client:
        for message in messages:
            client.lpush(QUEUE, message)


def test_forged_stale_and_doubled_tickets_start_nothing(team: Team, code: Path) -> None:
    """Real ones many times over, of earlier and later attempts, and of trials that nobody made."""
    trials = 10
    study = team.submit("tickets", function("steady"), trials, code)
    with make_app(team.broker) as app:
        for number in range(trials):
            for attempt in (1, 1, 2, 3):
                ticket = Ticket(
                    trial=f"{study}-{number}",
                    study=study,
                    number=number,
                    attempt=attempt,
                    params={"x": 0.5},
                )
                app.send_task(TASK_TRIAL, args=[ticket.model_dump(mode="json")], queue=QUEUE)
        for trial in ("nobody-0", "x", f"{study}-x", f"{study}-999"):
            forged = {"v": 1, "trial": trial, "study": study, "number": 0, "attempt": 1}
            app.send_task(TASK_TRIAL, args=[forged | {"params": {}}], queue=QUEUE)
    team.wait_until_ended(study)
    assert check_books(team, study, created=trials, steps=5) == {"done": trials}
    assert all(book.attempts == ("done",) for book in read_sql(team, study))


def test_malformed_messages_are_dropped_and_nothing_of_them_runs(
    team: Team, code: Path, tmp_path: Path
) -> None:
    """Pickles, other tasks, wrong arguments, 5 MB, no JSON at all: no worker dies of it, trials that train go on."""
    study = team.submit("malformed", function("waits"), 4, code)
    wait_until(lambda: [b.state for b in read_sql(team, study)][:4] == ["running"] * 4, 60, "4 run")
    starts = {host: team.parts[host].starts for host in team.hosts}
    bomb = tmp_path / "bomb"
    evil = pickle.dumps([(Opens(bomb),), {}, {}])
    put(
        team,
        envelope(evil, "application/x-python-serialize"),
        envelope(evil, "application/json"),
        envelope(arguments({"v": 1}), "application/json", task="os.system"),
        *(envelope(arguments(*args), "application/json") for args in ((), (1, 2), (None,), ({},))),
        envelope(arguments({"v": 1, "trial": "x" * 5_000_000}), "application/json"),
        envelope(b"\xff\xfe", "application/json"),
        envelope(b"[]", "text/plain"),
        "{}",
        "[1, 2]",
        "no JSON",
        b"\xff\xfe\x00",
        "",
    )
    (code / "go").touch()
    team.wait_until_ended(study)
    with redis.Redis(unix_socket_path=str(team.folder / "redis.sock")) as client:
        wait_until(lambda: client.llen(QUEUE) == 0, 90, "the queue is empty")
    assert not bomb.exists()
    assert check_books(team, study, created=4) == {"done": 4}
    assert all(book.attempts == ("done",) for book in read_sql(team, study))
    assert starts == {host: team.parts[host].starts for host in team.hosts}
    after = team.submit("after", function("steady"), 4, code)
    team.wait_until_ended(after)
    assert check_books(team, after, created=4, steps=5) == {"done": 4}
