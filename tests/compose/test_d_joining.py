"""Another machine joins with an address and a token: another Compose project, in networks of its own."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compose.outside import this_machine
from tests.support import wait_until
from tests.support.bad_trainers import function
from tests.support.stack import (
    Stack,
    check_study,
    copy_of_repository,
    docker,
    study_text,
    submit,
    wait_until_complete,
)

MACHINE = "another-machine"


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Path]:
    """A checkout on the other machine: what was joined there is gone after the test."""
    folder = copy_of_repository(tmp_path / "machine")
    with (folder / ".env").open("w", encoding="utf-8") as file:
        file.write(f"CAVIAR_WORKER_HOST={MACHINE}\nCAVIAR_WORKER_SLOTS=2\n")
    yield folder
    files = ("--env-file", ".env", "-f", "deploy/compose.worker.yml")
    docker("compose", *files, "down", "--volumes", cwd=folder)


def join(machine: Path, url: str, token: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [machine / "deploy" / "bin" / "join", url],
        input=f"{token}\n",
        capture_output=True,
        text=True,
        check=False,
    )


def seen(stack: Stack) -> set[str]:
    """Hosts that were heard of in the last ten seconds."""
    with stack.operator() as operator:
        return {worker.host for worker in operator.workers() if worker.seen_s < 10}


def test_another_machine_works_for_the_service_until_its_token_is_revoked(
    stack: Stack, teams: dict[str, dict[str, str]], code: Path, machine: Path
) -> None:
    """It knows the gateway's address and a token, no more; a whole study is trained there; then it is cut off."""
    url = f"http://{this_machine()}:{stack.port}"
    identity, token = stack.worker_token(MACHINE)
    done = join(machine, url, token)
    assert done.returncode == 0, done.stdout + done.stderr
    assert token not in done.stdout + done.stderr
    name = f"{MACHINE}-1"
    assert name in seen(stack)
    submitter = teams["alpha"]["submitter"]
    try:
        stack.compose("stop", "worker")  # so that it is the other one's doing
        study = submit(stack, submitter, study_text("elsewhere", function("steady"), 8), code)
        wait_until_complete(stack, submitter, study)
    finally:
        stack.compose("start", "worker")
    check_study(stack, submitter, study, created=8, steps=5)
    with stack.operator() as operator:
        hosts = {trial.host for trial in operator.trials(study)}
        assert hosts == {name}
        operator.revoke_token(identity)
    wait_until(lambda: name not in seen(stack), 60, "it is heard of no more")


def test_a_wrong_token_is_told_where_one_joins(stack: Stack, machine: Path) -> None:
    """With what the service said, and the token nowhere in it. Then the right one is taken."""
    token = "cav_0000000000000000_" + "x" * 43
    begun = time.monotonic()
    done = join(machine, f"http://{this_machine()}:{stack.port}", token)
    assert done.returncode == 1
    assert time.monotonic() - begun < 60
    assert "401" in done.stderr
    assert token not in done.stdout + done.stderr
    again = join(machine, f"http://{this_machine()}:{stack.port}", stack.worker_token("right")[1])
    assert again.returncode == 0, again.stdout + again.stderr
    assert f"{MACHINE}-1" in seen(stack)
