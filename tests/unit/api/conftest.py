"""The API in this process, over SQLite and a scheduler that sends its tickets nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from caviar.adapters.sql import Store, Teams, migrate, open_engine
from caviar.api import create_app
from caviar.api.access import Access
from caviar.scheduler import Scheduler


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    engine = open_engine(f"sqlite:///{tmp_path / 'caviar.db'}")
    migrate(engine)
    yield Store(engine)
    engine.dispose()


@pytest.fixture
def access(store: Store) -> Access:
    return Access(Teams(store.engine), "client-token", "worker-token")


@pytest.fixture
def scheduler(store: Store) -> Scheduler:
    return Scheduler(store, lambda *_: None, lease_s=10, claim_s=5, local=True)


@pytest.fixture
def api(store: Store, access: Access, scheduler: Scheduler) -> TestClient:
    """As an operator, unless a request says otherwise."""
    app = create_app(store, scheduler, access, mlflow_uri="http://mlflow", metrics_token="m" * 16)
    headers = {"Authorization": "Bearer client-token"}
    return TestClient(app, raise_server_exceptions=False, headers=headers)
