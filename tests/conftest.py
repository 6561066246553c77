"""Fixtures that every folder of tests may use."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.servers import MlflowServer, RedisServer, running_mlflow, running_redis

# How long an example takes, to make or to run, depends on the machine and on what else it does.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder whose path is short enough for a unix socket, which pytest's own often is not."""
    with tempfile.TemporaryDirectory(prefix="cav-", dir="/tmp") as name:
        yield Path(name)


@pytest.fixture
def redis_server(short_path: Path) -> Iterator[RedisServer]:
    """A private, empty Redis."""
    with running_redis(short_path) as server:
        yield server


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """One real MLflow server for the whole session: it takes 5 to 9 s to start."""
    with running_mlflow(tmp_path_factory.mktemp("mlflow")) as server:
        yield server
