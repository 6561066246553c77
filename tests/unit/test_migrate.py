"""`caviar migrate`: the one step between an upgrade and a service that starts."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from caviar import bootstrap
from caviar.adapters.sql import Store, open_engine
from caviar.adapters.sql.engine import HEAD
from caviar.errors import InputError
from caviar.refinement import Refiner
from tests.support import wait_until


def versions(path: Path) -> list[str]:
    with sqlite3.connect(path) as connection:
        return [row[0] for row in connection.execute("select version_num from alembic_version")]


def test_it_makes_both_databases_what_this_version_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From nothing, and again without a change. The address may be a file, as every secret."""
    service, mlflow = tmp_path / "caviar.db", tmp_path / "mlflow.db"
    (tmp_path / "address").write_text(f"sqlite:///{service}\n")
    monkeypatch.setenv("CAVIAR_DATABASE_URL_FILE", str(tmp_path / "address"))
    monkeypatch.setenv("CAVIAR_MLFLOW_DATABASE_URL", f"sqlite:///{mlflow}")
    run = [sys.executable, "-W", "ignore", "-m", "caviar.cli", "migrate"]
    subprocess.run(run, check=True)
    assert versions(service) == [HEAD]
    (head,) = versions(mlflow)
    subprocess.run(run, check=True)
    assert versions(service) == [HEAD]
    assert versions(mlflow) == [head]


def test_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is touched."""
    for name in ("CAVIAR_DATABASE_URL", "CAVIAR_DATABASE_URL_FILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match="CAVIAR_DATABASE_URL: is not set"):
        bootstrap.run_migrate()


def test_a_refiner_says_that_it_turns_only_while_it_does(tmp_path: Path) -> None:
    """What its health check looks at is written by turns that succeed: not while the database is away."""
    engine = open_engine(f"sqlite:///{tmp_path / 'caviar.db'}")
    stop, turned = threading.Event(), threading.Event()
    refiner = Refiner(Store(engine), lambda _trial: None)
    thread = threading.Thread(target=refiner.run, args=(stop, turned.set))
    thread.start()
    try:
        assert not turned.wait(1.0), "it has no tables to look into"
        bootstrap.open_migrated(f"sqlite:///{tmp_path / 'caviar.db'}").dispose()
        wait_until(turned.is_set, 30, "it turns")
    finally:
        stop.set()
        thread.join()
        engine.dispose()
