"""A real PostgreSQL, where one is installed: its own folder, a port of loopback, gone after the test."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, text

from tests.support import wait_until
from tests.support.servers import free_port

USERS = ("postgres", "nobody")
"""The server refuses to run as root: one of these is it then."""


@dataclass(frozen=True)
class PostgresServer:
    port: int
    binaries: Path

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://caviar@127.0.0.1:{self.port}/{database}"

    def new_database(self, name: str) -> str:
        """An empty one; its address."""
        engine = create_engine(
            self.url("postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool
        )
        with engine.connect() as connection:
            connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
            connection.execute(text(f'CREATE DATABASE "{name}"'))
        return self.url(name)


def _binaries() -> Path | None:
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@contextmanager
def running_postgres(folder: Path) -> Iterator[PostgresServer]:
    """Skips the test where PostgreSQL or its driver is not installed."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    binaries = _binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed")
    server = PostgresServer(free_port(), binaries)
    user = None
    if os.getuid() == 0:
        for name in USERS:
            with suppress(KeyError):
                user = pwd.getpwnam(name)
                break
        assert user is not None
        os.chown(folder, user.pw_uid, user.pw_gid)
    drop = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    data = folder / "data"
    with (folder / "log").open("wb") as log:
        subprocess.run(
            [binaries / "initdb", "-D", data, "-U", "caviar", "-A", "trust", "-N", "-E", "UTF8"],
            stdout=log,
            stderr=log,
            check=True,
            cwd=folder,
            **drop,
        )
        settings = ("fsync=off", "listen_addresses=127.0.0.1", f"port={server.port}")
        process = subprocess.Popen(
            [
                binaries / "postgres",
                "-D",
                data,
                "-k",
                folder,
                *(w for s in settings for w in ("-c", s)),
            ],
            stdout=log,
            stderr=log,
            cwd=folder,
            **drop,
        )
    try:
        ready = [binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(server.port)]
        wait_until(lambda: subprocess.call(ready) == 0, 60, "PostgreSQL answers")
        yield server
    finally:
        process.kill()
        process.wait()
