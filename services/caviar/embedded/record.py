"""The embedded service's MLflow: how it is started, also alone, without the service."""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from caviar.embedded import leftovers
from caviar.embedded.parts import Part, Parts
from caviar.errors import InputError, Problem, ServiceError


def store(home: Path) -> str:
    """The address of MLflow's database."""
    return f"sqlite:///{home / 'mlflow.db'}"


def command(home: Path, url: str) -> list[str]:
    """MLflow's server of ``home``, listening at ``url``."""
    return [
        *(sys.executable, "-m", "mlflow", "server"),
        *("--host", "127.0.0.1", "--port", url.rpartition(":")[2]),
        *("--backend-store-uri", store(home)),
        *("--artifacts-destination", str(home / "artifacts")),
        *("--workers", "1"),
    ]


def prepare(home: Path) -> None:
    """Set WAL on MLflow's file, once: its writers then no longer wait for its readers."""
    (home / "artifacts").mkdir(exist_ok=True)
    connection = sqlite3.connect(home / "mlflow.db")
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()


def environment() -> dict[str, str]:
    """Settings of another service in the caller's environment are left out."""
    return {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("CAVIAR_", "MLFLOW_", "_MLFLOW_"))
    } | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}


@dataclass(frozen=True)
class Stopped:
    """A home whose service does not run, and will not while this is held."""

    database_url: str
    mlflow_uri: str


@contextmanager
def stopped(home: Path, mlflow_uri: str | None, notice: Callable[[str], None]) -> Iterator[Stopped]:
    """Hold the home of a service that is stopped, with its MLflow up; ``mlflow_uri`` names another one.

    Raises:
        InputError: there is no record in this home.
        ServiceError: its service runs, or MLflow does not start.
    """
    from caviar.adapters.health import wait_until_up
    from caviar.embedded.service import ended_by_signals, free_url, locked, uninterrupted

    if mlflow_uri is None and not (home / "mlflow.db").exists():
        way_out = "--home names the folder of another service, --mlflow another MLflow."
        raise InputError(Problem(("--home",), f"{home} has no mlflow.db", way_out))
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    database_url = f"sqlite:///{home / 'caviar.db'}"
    with (home / "lock").open("a+") as lock:
        if not locked(lock):
            raise ServiceError(f"The service of {home} is running. Stop it first.")
        if mlflow_uri is not None:
            yield Stopped(database_url, mlflow_uri)
            return
        with ended_by_signals():
            (home / "logs").mkdir(exist_ok=True)
            down = threading.Event()
            reasons: list[str] = []

            def give_up(reason: str) -> None:
                reasons.append(reason)
                down.set()

            noted = home / "parts.json"
            leftovers.end(noted, home)
            parts = Parts(notice, give_up, noted)
            try:
                prepare(home)
                url = free_url()
                log = home / "logs" / "mlflow.log"
                parts.start(Part("mlflow", command(home, url), environment(), log))
                if not wait_until_up(url, down):
                    raise ServiceError(reasons[0])
                yield Stopped(database_url, url)
            finally:
                with uninterrupted():
                    parts.close()
