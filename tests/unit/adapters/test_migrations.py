"""From every earlier schema to today's, with what was in it: nothing is lost, and the service goes on with it.

`stores/` has a store of each revision before the newest, as the version of that time left it: a study that ended, one
that was paused in the middle, results from elsewhere, a team, tokens, an audit log, a webhook and a code bundle as far
as there were any. Whoever adds a migration adds the dump of the revision before it.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, Boolean, Engine, MetaData, Table, create_engine, inspect, text
from sqlalchemy.exc import DatabaseError

from caviar.adapters.sql import NewerStore, Store, Teams, migrate, open_engine
from caviar.adapters.sql.engine import HEAD, MIGRATIONS
from caviar.adapters.sql.tables import metadata
from caviar.scheduler import Scheduler
from caviar.studies.life import OPEN
from tests.support.postgres import PostgresServer, running_postgres

STORES = Path(__file__).parent / "stores"
Rows = dict[str, list[dict[str, Any]]]
"""By table, in the order of the first column."""


def config(**attributes: object) -> Config:
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS))
    made.attributes.update(attributes)
    return made


REVISIONS = sorted(s.revision for s in ScriptDirectory.from_config(config()).walk_revisions())
OLD = [revision for revision in REVISIONS if revision != HEAD]


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with (
        tempfile.TemporaryDirectory(prefix="cav-", dir="/tmp") as name,
        running_postgres(Path(name)) as server,
    ):
        yield server


def sqlite_of(revision: str, folder: Path) -> str:
    path = folder / f"{revision}.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((STORES / f"{revision}.sql").read_text(encoding="utf-8"))
    return f"sqlite:///{path}"


def postgres_of(revision: str, folder: Path, server: PostgresServer) -> str:
    """The same rows in PostgreSQL, in the tables that the migrations make there."""
    url = server.new_database(f"at_{revision}")
    source, target = create_engine(sqlite_of(revision, folder)), create_engine(url)
    with target.begin() as connection:
        command.upgrade(config(connection=connection), revision)
    known = MetaData()
    known.reflect(target)
    with source.connect() as reading, target.begin() as writing:
        writing.execute(text("DELETE FROM teams") if "teams" in known.tables else text("SELECT 1"))
        for table in known.sorted_tables:
            rows = reading.execute(text(f'SELECT * FROM "{table.name}"')).mappings().all()
            if rows and table.name != "alembic_version":
                writing.execute(table.insert(), [_typed(table, dict(row)) for row in rows])
    source.dispose(), target.dispose()
    return url


def _typed(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """SQLite keeps JSON as text and truth as a number."""
    for column in table.columns:
        value = row[column.name]
        if isinstance(column.type, JSON) and isinstance(value, str):
            row[column.name] = json.loads(value)
        elif isinstance(column.type, Boolean) and value is not None:
            row[column.name] = bool(value)
    return row


def rows_of(engine: Engine) -> Rows:
    known = MetaData()
    known.reflect(engine)
    with engine.connect() as connection:
        return {
            name: [
                dict(row)
                for row in connection.execute(
                    table.select().order_by(*table.primary_key.columns)
                ).mappings()
            ]
            for name, table in known.tables.items()
            if name != "alembic_version"
        }


def check_intact(before: Rows, after: Rows) -> None:
    """Every row is there with what it had; what is new beside it has a value of its column's type."""
    for name, rows in before.items():
        assert rows or name in EMPTY, f"the dump has no row of {name}"
        old = [{column: row[column] for column in rows[0]} for row in after[name]] if rows else []
        assert old == rows, name


EMPTY = {"deliveries", "priors"}
"""Tables of which a dump need have no row."""


@pytest.mark.parametrize("revision", OLD)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_store_of_every_revision_is_brought_up_with_its_rows(
    revision: str, kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Row by row what was there; the tables as a new store has them; and a scheduler goes on with the paused study."""
    if kind == "sqlite":
        url = sqlite_of(revision, tmp_path)
    else:
        url = postgres_of(revision, tmp_path, request.getfixturevalue("postgres"))
    engine = open_engine(url)
    before = rows_of(engine)
    assert migrate(engine) == revision
    after = rows_of(engine)
    check_intact(before, after)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == HEAD
    assert "default" in [team["name"] for team in after["teams"]]
    goes_on(engine)
    engine.dispose()


def goes_on(engine: Engine) -> None:
    """As a service that was upgraded: what was paused is resumed, its open trials are handed out again."""
    store, sent = Store(engine), []
    scheduler = Scheduler(
        store, lambda ticket, _: sent.append(ticket), lease_s=60, claim_s=60, local=True
    )
    (paused,) = [record for record in store.studies(closed=False) if record.state == "paused"]
    assert paused.team == "default"
    waiting = [row.id for row in store.trials(paused.id, states=OPEN) if row.state != "running"]
    scheduler.resume(paused.id)
    scheduler.tick()
    assert waiting[0] in {ticket.trial for ticket in sent}
    ended = [record for record in store.studies() if record.state == "done"]
    assert store.best(ended[0].id, False) is not None
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO audit VALUES (99, 1, 'a', 't', NULL, 'x', 'y', 'z', NULL, NULL)")
        )
    with engine.connect() as connection, pytest.raises(DatabaseError, match="append-only"):
        connection.execute(text("DELETE FROM audit"))
    assert Teams(engine).all()["default"].weight == 1.0


def test_every_revision_but_the_newest_has_a_dump() -> None:
    """Of the one before a new migration too."""
    assert [path.stem for path in sorted(STORES.glob("*.sql"))] == OLD


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_store_of_a_newer_version_is_refused_and_left_as_it_is(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Both revisions are named, and what to do."""
    if kind == "sqlite":
        url = f"sqlite:///{tmp_path / 'a.db'}"
    else:
        url = request.getfixturevalue("postgres").new_database("newer")
    engine = open_engine(url)
    assert migrate(engine) is None
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text("CREATE TABLE later (id INTEGER)"))
    before = rows_of(engine)
    with pytest.raises(
        NewerStore, match=f"at revision 9999, .* up to {HEAD}: .* restore the backup"
    ):
        migrate(engine)
    assert rows_of(engine) == before
    engine.dispose()


@pytest.mark.parametrize("start", ["empty", "0001", OLD[-1]])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_processes_that_migrate_at_once_wait_for_each_other(
    start: str, kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Scheduler, refiner and the one-shot start together: one migrates, the others find it done."""
    if kind == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        url = (
            server.new_database("at_once")
            if start == "empty"
            else postgres_of(start, tmp_path, server)
        )
    else:
        url = f"sqlite:///{tmp_path / 'a.db'}" if start == "empty" else sqlite_of(start, tmp_path)
    ready, found, failed = threading.Barrier(4), [], []

    def come() -> None:
        engine = open_engine(url)
        ready.wait()
        try:
            found.append(migrate(engine))
        except Exception as error:
            failed.append(error)
        engine.dispose()

    threads = [threading.Thread(target=come) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert sorted(map(str, found)) == sorted(
        [str(None if start == "empty" else start), *[HEAD] * 3]
    )
    engine = open_engine(url)
    assert set(inspect(engine).get_table_names()) == {*metadata.tables, "alembic_version"}
    engine.dispose()
