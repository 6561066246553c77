"""What happened is told once to each who wants it, over real sockets, until it is taken."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from caviar.adapters.sql import Store, Teams, WebhookRow, Webhooks, migrate, open_engine
from caviar.contract.access import Quota
from caviar.contract.messages import ClaimRequest, Finish, Hello, Ticket
from caviar.contract.views import Submission
from caviar.scheduler import Scheduler
from caviar.webhooks import Allowed, Courier, new_secret, signature
from caviar.webhooks import courier as courier_module
from caviar.webhooks.courier import RETRIES_S
from caviar.webhooks.posting import Failed, post

STUDY = """
name: bowl
metric: {name: loss, goal: minimize}
trainer: {function: "train:main"}
space: {x: {type: float, low: 0.0, high: 1.0}}
budget: {trials: 3}
"""


@dataclass
class Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Receiver:
    """A real HTTP server; ``answers`` are the status codes of the next requests, 204 after them."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            found.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(found.answers.pop(0) if found.answers else 204)
            self.send_header("location", "http://127.0.0.1:1/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_port}/hook"
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


LOCAL = Allowed.parse("127.0.0.0/8")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'caviar.db'}")
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def webhooks(engine: Engine, clock: Clock) -> Webhooks:
    return Webhooks(engine, clock)


@pytest.fixture
def store(engine: Engine, clock: Clock) -> Store:
    return Store(engine, clock)


@pytest.fixture
def scheduler(store: Store, clock: Clock) -> Scheduler:
    return Scheduler(store, lambda *_: None, lease_s=10, claim_s=5, clock=clock, wall=clock)


@pytest.fixture
def courier(store: Store, webhooks: Webhooks, engine: Engine) -> Courier:
    return Courier(store, Teams(engine), webhooks, LOCAL)


def hook(webhooks: Webhooks, receiver: Receiver, *events: Any, team: str = "default") -> WebhookRow:
    row = WebhookRow(
        f"hook{len(webhooks.all())}", team, receiver.url, new_secret(), events, webhooks.clock()
    )
    webhooks.add(row)
    return row


def serve(courier: Courier, webhooks: Webhooks) -> None:
    """All that is due now."""
    while due := webhooks.due():
        for identifier in due:
            courier._serve(identifier)


def test_the_end_of_a_study_is_told_once_and_signed(
    scheduler: Scheduler, webhooks: Webhooks, receiver: Receiver, courier: Courier, clock: Clock
) -> None:
    row = hook(webhooks, receiver)
    study = scheduler.submit(Submission(text=STUDY)).id
    courier.look()
    assert webhooks.due() == []
    clock.now += 5
    scheduler.stop(study)
    for _ in range(3):
        courier.look()
        serve(courier, webhooks)
    [(headers, body)] = receiver.got
    told = json.loads(body)
    assert (told["type"], told["data"]["study"]["id"]) == ("study.finished", study)
    assert told["data"]["study"]["reason"] == "stopped by hand"
    stamp = int(headers["webhook-timestamp"])
    assert headers["webhook-signature"] == signature(row.secret, headers["webhook-id"], stamp, body)


def test_a_webhook_hears_what_it_wants_of_its_own_team(
    scheduler: Scheduler, webhooks: Webhooks, receiver: Receiver, courier: Courier, engine: Engine
) -> None:
    Teams(engine).add("vision", 1.0, Quota())
    hook(webhooks, receiver, "study.failed")
    hook(webhooks, receiver, team="vision")
    scheduler.stop(scheduler.submit(Submission(text=STUDY)).id)
    courier.look()
    assert webhooks.due() == []


def test_what_is_not_taken_is_tried_again_and_given_up_in_the_end(
    webhooks: Webhooks, receiver: Receiver, courier: Courier, clock: Clock
) -> None:
    """Longer waits each time, the same id and body; then a person can send it again."""
    row = hook(webhooks, receiver)
    webhooks.enqueue(row.id, "ping", "one", "{}")
    receiver.answers = [500, 302] + [503] * (len(RETRIES_S) - 1)
    waits = []
    for _ in range(len(RETRIES_S) + 1):
        serve(courier, webhooks)
        [delivery] = webhooks.deliveries(row.id, 5)
        if delivery.due is not None:
            waits.append(delivery.due - clock.now)
            clock.now = delivery.due
    assert len(receiver.got) == len(RETRIES_S) + 1
    assert waits == sorted(waits)
    assert all(0.9 * s <= w <= 1.1 * s for s, w in zip(RETRIES_S, waits, strict=True))
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    assert (delivery.due, delivery.delivered, delivery.error) == (None, None, "answered 503")
    assert webhooks.again(row.id, delivery.id)
    serve(courier, webhooks)
    assert webhooks.deliveries(row.id, 5)[0].delivered == clock.now


def test_gone_is_believed_at_once(webhooks: Webhooks, receiver: Receiver, courier: Courier) -> None:
    row = hook(webhooks, receiver)
    webhooks.enqueue(row.id, "ping", "one", "{}")
    receiver.answers = [410]
    serve(courier, webhooks)
    assert webhooks.deliveries(row.id, 1)[0].due is None


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    """It could lead anywhere, inside too."""
    receiver.answers = [307]
    with pytest.raises(Failed, match="redirects are not followed"):
        post(receiver.url, b"{}", {}, LOCAL)


def test_the_address_is_checked_again_at_each_delivery(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that answered with a public address when the webhook was made, and with an inner one now."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(0, 0, 0, "", ("127.0.0.1", 80))])
    with pytest.raises(Failed, match="not a public address"):
        post("http://rebound.example/", b"{}", {}, Allowed())
    assert receiver.got == []


def test_a_receiver_that_never_ends_its_answer_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A byte now and then keeps each read alive; the whole has one deadline."""
    monkeypatch.setattr("caviar.webhooks.posting.DEADLINE_S", 0.3)
    over = threading.Event()

    def drip(listener: socket.socket) -> None:
        with listener.accept()[0] as connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nx: ")
            while not over.wait(0.02):
                try:
                    connection.sendall(b"a")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        with pytest.raises(Failed, match="no answer"):
            post(f"http://127.0.0.1:{listener.getsockname()[1]}/", b"{}", {}, LOCAL)
        over.set()
        thread.join()


def test_a_delivery_whose_sender_died_is_taken_up_again(
    webhooks: Webhooks, receiver: Receiver, clock: Clock
) -> None:
    """Taken is not delivered: it is due again after a while, and nobody else takes it before."""
    row = hook(webhooks, receiver)
    webhooks.enqueue(row.id, "ping", "one", "{}")
    assert webhooks.take(row.id, clock.now + courier_module.CLAIM_S) is not None
    assert webhooks.take(row.id, clock.now + courier_module.CLAIM_S) is None
    clock.now += courier_module.CLAIM_S
    assert webhooks.take(row.id, clock.now + courier_module.CLAIM_S) is not None


def test_a_study_of_which_nothing_moves_is_told_once(
    scheduler: Scheduler, webhooks: Webhooks, receiver: Receiver, courier: Courier, clock: Clock
) -> None:
    hook(webhooks, receiver)
    study = scheduler.submit(Submission(text=STUDY)).id
    clock.now += 3500
    courier.look()
    assert webhooks.due() == []
    clock.now += 200
    for _ in range(2):
        courier.look()
        serve(courier, webhooks)
    [(_, body)] = receiver.got
    told = json.loads(body)
    assert (told["type"], told["data"]["study"]["id"]) == ("study.stale", study)


def test_what_happened_before_a_webhook_was_made_is_no_news_to_it(
    scheduler: Scheduler, webhooks: Webhooks, receiver: Receiver, courier: Courier, clock: Clock
) -> None:
    scheduler.stop(scheduler.submit(Submission(text=STUDY)).id)
    clock.now += 1
    hook(webhooks, receiver)
    courier.look()
    assert webhooks.due() == []


def test_a_quota_is_told_when_it_is_nearly_used_and_when_it_is(
    store: Store,
    webhooks: Webhooks,
    receiver: Receiver,
    courier: Courier,
    clock: Clock,
    engine: Engine,
) -> None:
    """Once each in a month."""
    tickets: list[Ticket] = []
    scheduler = Scheduler(
        store,
        lambda t, _: tickets.append(t),
        lease_s=10_000,
        claim_s=10_000,
        clock=clock,
        wall=clock,
    )
    scheduler.hello(Hello(host="h", incarnation="i", slots=1))
    Teams(engine).edit("default", None, Quota(slot_hours=1.0))
    hook(webhooks, receiver, "quota.near")
    scheduler.submit(Submission(text=STUDY))
    told = []
    for _ in range(3):  # of 25 minutes each
        scheduler.tick()
        ticket, nonce = tickets.pop(0), f"nonce-{clock.now}"
        claim = ClaimRequest(
            trial=ticket.trial, attempt=1, nonce=nonce, host="h", incarnation="i", slot=0
        )
        assert scheduler.claim(claim).granted
        clock.now += 1500
        scheduler.finish(
            Finish(trial=ticket.trial, attempt=1, nonce=nonce, outcome="done", value=0.5)
        )
        for _ in range(2):
            courier.look()
            serve(courier, webhooks)
        told.append([json.loads(body)["data"]["used"] for _, body in receiver.got])
    assert told == [[], [0.833], [0.833, 1.25]]
