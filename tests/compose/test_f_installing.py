"""A team's service from a checkout with one command, on a machine that has nothing of it yet."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compose.conftest import Figure
from tests.support.bad_trainers import function
from tests.support.stack import (
    Stack,
    check_study,
    copy_of_repository,
    script,
    study_text,
    submit,
    wait_until_complete,
)


@pytest.fixture
def checkout(stack: Stack, tmp_path: Path) -> Iterator[Stack]:
    """A fresh one beside the deployment, with another port: ``stack`` has built the images, and installs nothing."""
    fresh = Stack(copy_of_repository(tmp_path / "caviar"), "caviar-test-install")
    (fresh.folder / ".env").write_text(f"CAVIAR_LISTEN=127.0.0.1:{fresh.port}\n", encoding="utf-8")
    yield fresh
    fresh.down()


def test_a_service_is_installed_and_a_second_time_changes_nothing(
    checkout: Stack, code: Path, figure: Figure
) -> None:
    """A port that is taken is told before anything is drawn; then a member's token, which a study is submitted with."""
    with socket.create_server(("127.0.0.1", checkout.port)):
        refused = script(checkout, "install", "vision", "ada", code=2)
    assert f"Port {checkout.port} is taken" in refused.stderr
    assert not (checkout.folder / "deploy" / "secrets").exists()

    begun = time.monotonic()
    said = script(checkout, "install", "vision", "ada", "--url", checkout.url).stdout
    figure("install with images built, s", f"{time.monotonic() - begun:.0f}")
    (token,) = re.findall(r"cav_[\w-]+", said)
    assert f"The service is at {checkout.url}" in said
    secrets = {p.name: p.read_text() for p in (checkout.folder / "deploy" / "secrets").iterdir()}
    assert not [name for name, text in secrets.items() if text.strip() in said]
    study = submit(checkout, token, study_text("first", function("steady"), 2), code)
    wait_until_complete(checkout, token, study)

    containers = checkout.containers()
    again = script(checkout, "install", "vision", "ada").stdout
    assert "The team vision is there already" in again
    assert not re.search(r"cav_[\w-]+", again)
    assert checkout.containers() == containers
    assert {
        p.name: p.read_text() for p in (checkout.folder / "deploy" / "secrets").iterdir()
    } == secrets
    assert check_study(checkout, token, study, created=2, steps=5) == {"done": 2}
