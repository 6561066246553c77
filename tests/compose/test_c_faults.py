"""What holds when parts of a deployment are killed, the engine is restarted, and workers come and go under a study."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.compose.conftest import Figure
from tests.support import wait_until
from tests.support.bad_trainers import function
from tests.support.stack import (
    ENDED,
    PARTS,
    Stack,
    check_study,
    leaked_keys,
    read_books,
    restart_engine,
    study_text,
    submit,
    view,
    wait_until_complete,
    wait_until_done,
)

STEPS = 15
"""Of the trainer `slow`: three seconds a trial."""


def check(stack: Stack, token: str, study: str, trials: int) -> None:
    """Each trial counted once in PostgreSQL and in MLflow, nothing left in Redis, and the doctor finds nothing."""
    assert check_study(stack, token, study, created=trials, steps=STEPS) == {"done": trials}
    wait_until(lambda: leaked_keys(stack) == [], 60, "Redis is empty")
    with stack.operator() as operator:
        wrong = [finding for finding in operator.doctor(mend=False) if not finding.note]
    assert wrong == []


def over(stack: Stack, token: str, study: str) -> bool:
    found = view(stack, token, study)
    return found is not None and found.state in ENDED


def test_every_part_is_killed_in_the_middle_of_a_study(
    stack: Stack, teams: dict[str, dict[str, str]], code: Path, figure: Figure
) -> None:
    """kill -9 of each container's first process in turn, the next one when the last is healthy again."""
    trials, token = 120, teams["alpha"]["submitter"]
    study = submit(stack, token, study_text("killed", function("slow"), trials), code)
    wait_until_done(stack, token, study, 1)
    back = {}
    for part in PARTS:
        assert not over(stack, token, study), f"the study was over before {part} was killed"
        before = stack.started(stack.containers(part)[0])
        container = stack.kill(part)
        killed = time.monotonic()
        wait_until(lambda: stack.started(container) != before, 60, f"{part} is started again")  # noqa: B023
        wait_until(lambda: stack.healthy(part), 120, f"{part} is healthy again")  # noqa: B023
        back[part] = time.monotonic() - killed
    wait_until_complete(stack, token, study)
    check(stack, token, study, trials)
    figure("healthy again after kill -9, s", ", ".join(f"{p} {s:.0f}" for p, s in back.items()))


def test_the_engine_is_restarted_in_the_middle_of_a_study(
    stack: Stack, teams: dict[str, dict[str, str]], code: Path, figure: Figure
) -> None:
    """As an update of Docker does: every container ends and comes back by itself."""
    trials, token = 20, teams["alpha"]["submitter"]
    study = submit(stack, token, study_text("restarted", function("slow"), trials), code)
    wait_until_done(stack, token, study, 2)
    begun = time.monotonic()
    restart_engine()
    wait_until(lambda: stack.healthy(*PARTS), 240, "everything is healthy again")
    figure("healthy again after a restart of the engine, s", f"{time.monotonic() - begun:.0f}")
    wait_until_complete(stack, token, study)
    check(stack, token, study, trials)


def test_workers_are_scaled_up_and_down_under_a_study(
    stack: Stack, teams: dict[str, dict[str, str]], code: Path
) -> None:
    """Three workers share a study; two of them leave in the middle; their trials go on at the third."""
    trials, token = 36, teams["alpha"]["submitter"]
    study = submit(stack, token, study_text("scaled", function("slow"), trials), code)
    wait_until_done(stack, token, study, 1)
    try:
        stack.up("--no-recreate", "--scale", "worker=3", "worker")
        with stack.operator() as operator:
            hosts = {worker.host for worker in operator.workers() if worker.seen_s < 30}
        assert len(hosts) >= 3, hosts
        wait_until_done(stack, token, study, 14)
        assert not over(stack, token, study)
    finally:
        stack.up("--no-recreate", "--scale", "worker=1", "worker")
    wait_until_complete(stack, token, study)
    check(stack, token, study, trials)
    attempts = [outcome for book in read_books(stack, study) for outcome in book.attempts]
    assert "lost" not in attempts, "a worker that was stopped in peace gives its trials back"


def test_sigterm_to_everything_ends_it_in_ten_seconds(
    stack: Stack, teams: dict[str, dict[str, str]], code: Path, figure: Figure
) -> None:
    """With trials running. They are given back, and go on when it is up again."""
    trials, token = 12, teams["alpha"]["submitter"]
    study = submit(stack, token, study_text("stopped", function("slow"), trials), code)
    wait_until_done(stack, token, study, 1)
    begun = time.monotonic()
    stack.compose("kill", "--signal", "SIGTERM", *(part for part in PARTS if part != "postgres"))
    # PostgreSQL calls what the others call SIGTERM a fast shutdown: the image's stop signal.
    stack.compose("kill", "--signal", "SIGINT", "postgres")
    wait_until(lambda: not stack.containers(*PARTS), 60, "all of it is gone")
    took = time.monotonic() - begun
    figure("SIGTERM until all is gone, s", f"{took:.1f}")
    stack.up()
    wait_until_complete(stack, token, study)
    check(stack, token, study, trials)
    assert took < 10


@pytest.mark.parametrize("service", ["worker", "scheduler", "refiner", "mlflow", "gateway"])
def test_stopping_one_part_is_quick_and_in_peace(stack: Stack, service: str) -> None:
    """`docker compose stop` needs no kill: exit status 137 would be one."""
    try:
        stack.compose("stop", service)
        state = stack.about(service, stopped=True)[0]["State"]
        assert state["ExitCode"] in (0, 143), state
    finally:
        stack.compose("start", service)
