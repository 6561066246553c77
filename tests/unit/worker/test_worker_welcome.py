"""What a worker does before it takes a ticket, against a scheduler's side that answers over real HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from caviar_worker import welcome
from caviar_worker.scheduler import Scheduler
from caviar_worker.welcome import wait_until_welcome
from tests.support import wait_until
from tests.support.desk import TOKEN, Desk, open_desk


@pytest.fixture
def desk() -> Iterator[Desk]:
    with open_desk() as desk:
        yield desk


def waiting(desk: Desk, token: str, ended: threading.Event) -> tuple[threading.Thread, list[bool]]:
    """A thread that waits, and what it comes to."""
    found: list[bool] = []
    scheduler = Scheduler(desk.url, token)

    def wait() -> None:
        found.append(wait_until_welcome(scheduler, ended.is_set))
        scheduler.close()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread, found


def test_it_waits_for_a_scheduler_that_is_away_and_starts_soon_after_it_is_back(desk: Desk) -> None:
    """Less than a second later: the first trial is not kept waiting."""
    desk.away = True
    thread, found = waiting(desk, TOKEN, threading.Event())
    time.sleep(0.5)
    assert not found
    desk.away = False
    thread.join(5)
    assert found == [True]


def test_a_refused_token_is_not_asked_about_all_the_time(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    """A line in the log each time, and few of them; the end of the host is heard at once."""
    ended = threading.Event()
    thread, found = waiting(desk, "another-token", ended)
    wait_until(lambda: "refuses this worker's token" in caplog.text, why="it is said")
    time.sleep(1.0)
    assert caplog.text.count("refuses this worker's token") == 1
    ended.set()
    thread.join(2 * welcome.LOOK_S + 2)
    assert found == [False]
