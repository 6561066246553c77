"""One deployment for all of these tests: it takes minutes to build and start. A test leaves it whole and healthy.

`stack` is the deployment, with two teams' tokens in `teams`; `figure` says a measured figure in the table at the end.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.compose.outside import listening
from tests.support import wait_until
from tests.support.bad_trainers import function, write_trainers
from tests.support.stack import (
    PARTS,
    Stack,
    docker,
    image_mb,
    memory,
    study_text,
    submit,
    wait_until_complete,
    wait_until_done,
    why_no_engine,
)

Figure = Callable[[str, object], None]
FIGURES: list[tuple[str, str]] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "compose" in Path(str(item.path)).parent.name:
            item.add_marker(pytest.mark.compose)
            item.add_marker(pytest.mark.real)
            item.add_marker(pytest.mark.timeout(1800))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if FIGURES:
        terminalreporter.section("figures")
        width = max(len(name) for name, _ in FIGURES)
        for name, value in FIGURES:
            terminalreporter.write_line(f"{name:<{width}}  {value}")


@pytest.fixture(scope="session")
def figure() -> Figure:
    return lambda name, value: FIGURES.append((name, str(value)))


@pytest.fixture(scope="session")
def engine() -> None:
    missing = why_no_engine()
    if missing is not None:
        pytest.exit(missing, returncode=2)


@dataclass(frozen=True)
class Before:
    """What was so before anything was started."""

    listening: frozenset[int]
    """Ports that another machine could reach on this one."""


@dataclass
class Built:
    stack: Stack
    before: Before
    healthy_s: float
    study: str
    """The first study, complete in MLflow."""
    teams: dict[str, dict[str, str]]
    """Tokens by team and role."""


@pytest.fixture(scope="session")
def built(engine: None, figure: Figure) -> Iterator[Built]:
    """From nothing to a team's first finished study, measured on the way."""
    import time

    folder = Path(tempfile.mkdtemp(prefix="caviar-compose-", dir="/tmp"))
    stack = Stack(folder / "caviar", "caviar-test")
    begun = time.monotonic()
    try:
        stack.prepare()
        stack.compose("build", "--quiet")
        figure("images built, s", f"{time.monotonic() - begun:.0f}")
        for image in ("caviar-service", "caviar-worker"):
            figure(f"size of {image}, MB", f"{image_mb(image):.0f}")
        before = Before(frozenset(listening()))
        up = time.monotonic()
        healthy_s = stack.up()
        figure("from up to all healthy, s", f"{healthy_s:.1f}")
        used = memory(stack)
        figure("memory of the idle stack, MB", f"{sum(used.values()):.0f}")
        figure(
            "  by part, MB",
            ", ".join(f"{name.removesuffix('-1')} {mb:.0f}" for name, mb in sorted(used.items())),
        )
        teams = {name: stack.add_team(name) for name in ("alpha", "beta")}
        token = teams["alpha"]["submitter"]
        code = write_trainers(folder / "code")
        study = submit(stack, token, study_text("first", function("steady"), 8), code)
        wait_until_done(stack, token, study, 1)
        figure("from up to the first finished trial, s", f"{time.monotonic() - up:.1f}")
        wait_until_complete(stack, token, study)
        yield Built(stack, before, healthy_s, study, teams)
        figure("all of it, s", f"{time.monotonic() - begun:.0f}")
    except BaseException:
        (folder.parent / "caviar-compose.log").write_text(stack.logs())
        raise
    finally:
        stack.down()
        shutil.rmtree(folder, ignore_errors=True)
        assert not docker("ps", "--quiet", "--filter", "name=caviar-test").stdout


@pytest.fixture
def stack(built: Built) -> Iterator[Stack]:
    """The deployment, healthy before; whatever a test did to it is mended after."""
    wait_until(lambda: built.stack.healthy(*PARTS), 240, "every part is healthy")
    yield built.stack
    wait_until(lambda: built.stack.healthy(*PARTS), 240, "every part is healthy again")


@pytest.fixture
def teams(built: Built) -> dict[str, dict[str, str]]:
    return built.teams


@pytest.fixture
def code(tmp_path: Path) -> Path:
    return write_trainers(tmp_path / "code")
