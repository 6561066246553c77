"""A store on each of the two databases."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from caviar.adapters.sql import Store, migrate, open_engine
from tests.support.large_study import make_large_study
from tests.support.postgres import PostgresServer, running_postgres


@pytest.fixture(scope="session")
def one_postgres() -> Iterator[PostgresServer]:
    with (
        tempfile.TemporaryDirectory(prefix="cav-", dir="/tmp") as name,
        running_postgres(Path(name)) as server,
    ):
        yield server


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Store, str]]:
    """A store and an ended study of 400 trials in it, which a module's tests read; another study is there too."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('store') / 'a.db'}"
    else:
        server: PostgresServer = request.getfixturevalue("one_postgres")
        url = server.new_database("filled")
    engine = open_engine(url)
    migrate(engine)
    store = Store(engine)
    make_large_study(store, 30, 2, name="other", seed=1)
    yield store, make_large_study(store, 400, 12)
    engine.dispose()
