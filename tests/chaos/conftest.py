"""One team for the whole suite: its parts take seconds to start. A test leaves it whole, or makes one of its own."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.bad_trainers import write_trainers
from tests.support.team import Team, running_team


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--chaos-seed", type=int, default=1, help="What faults are drawn from.")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "chaos" in Path(str(item.path)).parent.name:
            item.add_marker(pytest.mark.real)
            item.add_marker(pytest.mark.timeout(900))
            item.add_marker(
                pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
            )


FIGURES: list[str] = []


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for figure in FIGURES:
        terminalreporter.write_line(figure)


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Says a measured figure at the end of the run."""
    return lambda line: FIGURES.append(f"{request.node.name}: {line}")


@pytest.fixture(scope="session")
def seed(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--chaos-seed"))


@pytest.fixture(scope="session")
def chaos_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(
        prefix="chaos-", dir="/tmp", ignore_cleanup_errors=True
    ) as name:
        yield Path(name)


@pytest.fixture(scope="session")
def standing_team(chaos_folder: Path) -> Iterator[Team]:
    with running_team(chaos_folder / "team") as team:
        yield team


@pytest.fixture
def team(standing_team: Team) -> Iterator[Team]:
    """The standing team, whole before and after."""
    standing_team.whole()
    yield standing_team
    standing_team.whole()


@pytest.fixture
def code(tmp_path: Path) -> Iterator[Path]:
    """A folder of its own for each test, so that a file ``go`` lets only its trials go on."""
    folder = write_trainers(tmp_path / "code")
    yield folder
    shutil.rmtree(folder)
