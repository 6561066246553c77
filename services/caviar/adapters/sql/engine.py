"""Opening the SQL store and bringing its schema up to date."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, insert, inspect, text

from caviar.adapters.sql.tables import metadata, teams, triggers_of
from caviar.teams import DEFAULT_TEAM

MIGRATIONS = Path(__file__).parent / "migrations"
THREADS = 50
"""Connections that are kept, one for each thread that answers requests and some: to open one costs more than to ask."""
HEAD = "0007"
"""The newest migration. A test compares it with the scripts in ``migrations/versions``."""


def open_engine(url: str) -> Engine:
    """An engine for ``url``; on SQLite with WAL, foreign keys, and writes that wait for each other.

    The sqlite3 driver opens a transaction late and as a reader; a read that turns into a write then fails at once
    with SQLITE_BUSY. Beginning each transaction with BEGIN IMMEDIATE makes it wait its turn instead. SQLite waits by
    sleeping and trying again, longer each time: within this process the writers queue before it.
    """
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True, pool_size=THREADS)
    engine = create_engine(
        url, connect_args={"timeout": 30, "check_same_thread": False}, pool_size=THREADS
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    writing = threading.Lock()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        if connection.get_execution_options().get("caviar_read_only", False):
            connection.exec_driver_sql("BEGIN")
            return
        writing.acquire()
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except BaseException:
            writing.release()
            raise
        connection.info["caviar_writing"] = True

    @event.listens_for(engine, "commit")
    @event.listens_for(engine, "rollback")
    def _end(connection: Any) -> None:
        """Called before the transaction ends: the next writer waits for SQLite itself, a moment."""
        if connection.info.pop("caviar_writing", False):
            writing.release()

    return engine


def migrate(engine: Engine) -> None:
    """Bring the schema to :data:`HEAD`.

    An empty store gets today's tables at once, which a test holds equal to what the migrations make. Alembic, half
    a second to import and run, is only needed where an older schema is found.
    """
    with engine.begin() as connection:
        tables = inspect(connection).get_table_names()
        if not tables:
            metadata.create_all(connection)
            connection.execute(
                insert(teams).values(name=DEFAULT_TEAM, weight=1.0, quota={}, created=time.time())
            )
            for statement in triggers_of(connection.dialect.name):
                connection.exec_driver_sql(statement)
            connection.execute(
                text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
            )
            connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})
            return
        if "alembic_version" in tables:
            current = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            if current == HEAD:
                return
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


__all__ = ["HEAD", "MIGRATIONS", "metadata", "migrate", "open_engine"]
