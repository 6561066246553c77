"""What the tests of a worker's host share: a scheduler's side, user code, and the host itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.desk import Desk, open_desk
from tests.support.host import Host, worker_host
from tests.support.servers import RedisServer
from tests.support.user_code import write_user_code


@pytest.fixture
def desk() -> Iterator[Desk]:
    with open_desk() as desk:
        yield desk


@pytest.fixture
def code(short_path: Path) -> Path:
    return write_user_code(short_path / "code")


@pytest.fixture
def host(short_path: Path, redis_server: RedisServer, desk: Desk) -> Iterator[Host]:
    with worker_host(short_path, redis_server, desk) as host:
        yield host
