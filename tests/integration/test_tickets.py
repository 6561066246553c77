"""Tickets on the real broker, for as long as nobody takes them."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

from caviar.adapters.queue import drop_tickets, ticket_sender
from caviar.adapters.sql import Store, migrate, open_engine
from caviar.contract.messages import Heartbeat, Hello
from caviar.contract.names import queue_name
from caviar.contract.views import Submission
from caviar.scheduler import Scheduler
from tests.support.servers import RedisServer

pytestmark = pytest.mark.real

STUDY = """
name: study-%d
metric: {name: loss, goal: minimize}
trainer: {function: "parabola:train"}
space: {x: {type: float, low: -1.0, high: 1.0}}
search: {strategy: random, seed: 0}
budget: {trials: 500}
"""
CLAIM_S = 5.0
SLOTS = 4
WINDOW = SLOTS + 1
DAY_S = 86400.0


class Alone:
    """A scheduler on the real queue, whose clock the test holds."""

    def __init__(self, folder: Path, server: RedisServer) -> None:
        engine = open_engine(f"sqlite:///{folder / 'caviar.db'}")
        migrate(engine)
        self.store = Store(engine)
        self.server = server
        self.redis = redis.Redis(unix_socket_path=str(server.socket))
        self.now = 1000.0
        self.start()

    def start(self) -> None:
        """As the process does it."""
        self.scheduler = Scheduler(
            self.store,
            ticket_sender(self.server.url),
            lease_s=20.0,
            claim_s=CLAIM_S,
            clock=lambda: self.now,
        )
        drop_tickets(self.server.url, self.scheduler.queues())

    def waiting(self) -> int:
        return int(self.redis.llen(queue_name("cpu")))  # type: ignore[arg-type]


@pytest.fixture
def alone(short_path: Path, redis_server: RedisServer) -> Alone:
    return Alone(short_path, redis_server)


def test_without_workers_tickets_do_not_pile_up(alone: Alone) -> None:
    """Three studies for a day, the scheduler killed and started again every hour: one ticket waits at the end."""
    for number in range(3):
        alone.scheduler.submit(Submission(text=STUDY % number))
    most = 0
    for _ in range(24):
        for _ in range(5):
            alone.now += DAY_S / 24 / 5
            alone.scheduler.tick()
        most = max(most, alone.waiting())
        alone.start()
        alone.scheduler.tick()
    assert most <= 3
    assert alone.waiting() <= 3


def test_workers_that_leave_leave_no_heap_behind(alone: Alone) -> None:
    """Their window of tickets stays, once: it is not sent again while no slot is free."""
    alone.scheduler.submit(Submission(text=STUDY % 0))
    alone.scheduler.hello(Hello(host="host", incarnation="one", slots=SLOTS))
    alone.scheduler.tick()
    assert alone.waiting() == WINDOW
    for _ in range(200):
        alone.now += 60.0
        alone.scheduler.tick()
    assert alone.waiting() <= 2 * WINDOW


def test_tickets_go_out_again_ever_more_slowly_while_a_free_slot_takes_none(alone: Alone) -> None:
    """A worker that is heard of but does not listen to the queue: what an hour adds, the back-off says."""
    alone.scheduler.submit(Submission(text=STUDY % 0))
    alone.scheduler.hello(Hello(host="host", incarnation="one", slots=SLOTS))
    for _ in range(720):
        alone.now += 5.0
        alone.scheduler.heartbeat(Heartbeat(host="host", incarnation="one", free=SLOTS))
        alone.scheduler.tick()
    assert alone.waiting() <= WINDOW * (3600 / (8 * CLAIM_S) + 5)


def test_a_start_with_the_broker_away_goes_on(alone: Alone) -> None:
    """Then there is nothing to drop, and the tickets wait for it."""
    alone.scheduler.submit(Submission(text=STUDY % 0))
    alone.server.kill()
    alone.start()
    alone.scheduler.tick()
    alone.server.start()
    alone.scheduler.tick()
    assert alone.waiting() == 1
