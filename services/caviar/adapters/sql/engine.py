"""Opening the SQL store and bringing its schema up to date."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, text

from caviar.adapters.sql.tables import metadata, teams, triggers_of
from caviar.errors import CaviarError, ServiceError
from caviar.teams import DEFAULT_TEAM

MIGRATIONS = Path(__file__).parent / "migrations"
THREADS = 50
"""Connections that are kept, one for each thread that answers requests and some: to open one costs more than to ask."""
BUSY_S = 30.0
"""So long a writer of SQLite waits for another process."""
MIGRATING = 0x6361_7669_6172
"""The key of PostgreSQL's lock while somebody migrates: ``caviar``."""
HEAD = "0010"
"""The newest migration. A test compares it with the scripts in ``migrations/versions``."""


def _write_ahead(cursor: sqlite3.Cursor) -> None:
    """WAL mode. To switch a new file to it takes the file alone, and for that SQLite does not wait by itself."""
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


class NewerStore(CaviarError):
    """The database is of a newer version than this program, which would read it wrongly."""

    def __init__(self, found: str) -> None:
        super().__init__(
            f"The database is at revision {found}, this version of Caviar knows it up to {HEAD}: "
            "a newer version has been there. Start that version, or restore the backup from before the upgrade "
            "(docs/operations.md). Nothing was changed."
        )


def reading(engine: Engine) -> Engine:
    """The same engine for single statements that read: on SQLite each is a transaction by itself, and none is begun."""
    return engine.execution_options(caviar_reads="statement")


def reading_together(engine: Engine) -> Engine:
    """The same engine for statements that read the same state of the database in one transaction."""
    return engine.execution_options(caviar_reads="snapshot")


def open_engine(url: str) -> Engine:
    """An engine for ``url``; on SQLite with WAL, foreign keys, and writes that wait for each other.

    The sqlite3 driver opens a transaction late and as a reader; a read that turns into a write then fails at once
    with SQLITE_BUSY. Beginning each transaction with BEGIN IMMEDIATE makes it wait its turn instead. SQLite waits by
    sleeping and trying again, longer each time: within this process the writers queue before it.
    """
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True, pool_size=THREADS)
    engine = create_engine(
        url, connect_args={"timeout": BUSY_S, "check_same_thread": False}, pool_size=THREADS
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        _write_ahead(cursor)
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    writing = threading.Lock()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        reads = connection.get_execution_options().get("caviar_reads")
        if reads is not None:
            if reads == "snapshot":
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


def migrate(engine: Engine) -> str | None:
    """Bring the schema to :data:`HEAD`. The revision that it had before; None where the store was empty.

    An empty store gets today's tables at once, which a test holds equal to what the migrations make. Alembic, half
    a second to import and run, is only needed where an older schema is found. Processes that come at once wait for
    each other: on SQLite a transaction is alone from its beginning, on PostgreSQL they take a lock.

    Raises:
        NewerStore: a newer version has been there. Nothing was changed.
    """
    with _alone(engine) as connection:
        tables = inspect(connection).get_table_names()
        if not tables:
            _create(connection)
            return None
        current: str | None = None
        if "alembic_version" in tables:
            current = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        if current == HEAD:
            return current
        if current is not None and not any((MIGRATIONS / "versions").glob(f"{current}_*.py")):
            raise NewerStore(current)
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return current


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """A transaction in which nobody else migrates.

    SQLite changes a table by writing it anew and dropping the old one, which foreign keys would forbid: they are
    looked at once, at the end. They can only be switched outside of a transaction.
    """
    with engine.connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        cursor = (
            connection.connection.cursor()
        )  # of the driver: none of SQLAlchemy's transactions begins
        try:
            if sqlite:
                cursor.execute("PRAGMA foreign_keys=OFF")
            with connection.begin():
                if not sqlite:
                    connection.execute(
                        text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATING}
                    )
                yield connection
                if sqlite and (
                    broken := connection.exec_driver_sql("PRAGMA foreign_key_check").all()
                ):
                    raise ServiceError(f"The migration would break what belongs together: {broken}")
        finally:
            if sqlite:
                cursor.execute("PRAGMA foreign_keys=ON")
            cursor.close()


def _create(connection: Connection) -> None:
    metadata.create_all(connection)
    connection.execute(
        insert(teams).values(name=DEFAULT_TEAM, weight=1.0, quota={}, created=time.time())
    )
    for statement in triggers_of(connection.dialect.name):
        connection.exec_driver_sql(statement)
    connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
    connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})


__all__ = ["HEAD", "MIGRATIONS", "NewerStore", "metadata", "migrate", "open_engine"]
