"""The shell completes what there is."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.answering_service import Service


def completed(words: str, service: Service | None = None) -> list[str]:
    """What bash is offered after ``words``."""
    environment = os.environ | {
        "_CAVIAR_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
        "CAVIAR_URL": service.url if service else "http://127.0.0.1:1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "caviar.cli"],
        check=False,
        env=environment,
        capture_output=True,
        text=True,
    )
    return [line.partition(",")[2] for line in done.stdout.split()]


def test_commands_and_options() -> None:
    assert {"run", "rounds", "resume", "rebuild"} <= set(completed("caviar r"))
    assert "--json" in completed("caviar best --")


def test_names_of_studies(service: Service) -> None:
    row = {
        "state": "done",
        "strategy": "zoom",
        "done": 1,
        "budget": 1,
        "goal": "maximize",
        "created": 1.0,
    }
    service.answers["GET /studies"] = (
        200,
        [row | {"id": "1f0c2a9e", "name": "digits-mlp"}, row | {"id": "77aa0b1c", "name": "bowl"}],
    )
    assert completed("caviar show d", service) == ["digits-mlp"]
    assert completed("caviar show 77", service) == ["77aa0b1c"]


def test_without_a_service_nothing_is_offered_and_nothing_said() -> None:
    assert completed("caviar show d") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_the_shells_own(shell: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "caviar.cli", "completion", shell],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "_CAVIAR_COMPLETE" in done.stdout
