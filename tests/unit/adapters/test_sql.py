"""The SQL store's schema and its promises that do not need a scheduler."""

from __future__ import annotations

import threading
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from caviar.adapters.sql import Read, Start, Store, migrate, open_engine
from caviar.adapters.sql.engine import HEAD, MIGRATIONS
from caviar.adapters.sql.priors import NOTHING
from caviar.adapters.sql.tables import metadata
from caviar.contract.messages import Finish
from caviar.contract.views import Note
from caviar.search import Result
from caviar.studies.life import Verdict


def test_the_migrations_make_the_tables(tmp_path: Path) -> None:
    """From the first migration to the last: a change of the tables without a migration fails here."""
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    with engine.begin() as connection:
        # An old store: it has Alembic's table, and no migration was run.
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
    migrate(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_head_is_the_newest_migration() -> None:
    """The service skips Alembic where the schema says HEAD: it must be the newest script's."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_an_empty_store_gets_the_same_tables(tmp_path: Path) -> None:
    """The short way for a new store leads to the same schema, marked as the newest."""
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    migrate(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == HEAD


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    """Every process of the service migrates at start."""
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    migrate(engine)
    migrate(engine)


def _study(store: Store, start: Start = NOTHING) -> str:
    return store.add_study(
        name="a",
        fingerprint="f",
        source="",
        filename="a.yaml",
        folder=None,
        code_version=None,
        user=None,
        first_round={},
        start=start,
    ).id


def test_writers_wait_for_each_other(tmp_path: Path) -> None:
    """Several processes write the same SQLite file: none is turned away while another holds it."""
    url = f"sqlite:///{tmp_path / 'a.db'}"
    migrate(open_engine(url))
    stores = [Store(open_engine(url)) for _ in range(3)]
    study = _study(stores[0])
    errors: list[BaseException] = []

    def write(first: int, store: Store) -> None:
        try:
            for number in range(first, 60, 3):
                store.add_trial(study, number, 0, {"x": 1}, 0)
        except BaseException as error:
            errors.append(error)

    threads = [
        threading.Thread(target=write, args=(first, store)) for first, store in enumerate(stores)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(stores[0].trials(study)) == 60


def test_a_trial_number_is_taken_once(tmp_path: Path) -> None:
    """Two schedulers that propose the same trial make one."""
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    migrate(engine)
    store = Store(engine)
    study = _study(store)
    assert store.add_trial(study, 0, 0, {"x": 1}, 0) is not None
    assert store.add_trial(study, 0, 0, {"x": 2}, 0) is None


def test_complete_runs_are_noted_together(tmp_path: Path) -> None:
    """A run is known from then on; a trial that goes on is not complete with it."""
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    migrate(engine)
    store = Store(engine)
    study = _study(store)
    for number in range(3):
        store.add_trial(study, number, 0, {"x": 0.5}, 1)
    store.claim(f"{study}-0", 1, "nonce-00", "h", "i", 0)
    finish = Finish(trial=f"{study}-0", attempt=1, nonce="nonce-00", outcome="done", value=1.0)
    store.finish(finish, Verdict("done", 0, 0))
    store.shipped({})
    store.shipped({f"{study}-{number}": f"run-{number}" for number in range(2)})
    assert [(row.run_id, row.shipped) for row in store.trials(study)] == [
        *(("run-0", True), ("run-1", False), (None, False))
    ]


def test_a_round_is_written_once(tmp_path: Path) -> None:
    """The ledger is unique on (study, round): the second refiner's row is refused, not merged."""
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    migrate(engine)
    store = Store(engine)
    study = _study(store)
    assert store.add_round(study, 1, {"a": 1}, [["t", None]])
    assert not store.add_round(study, 1, {"a": 2}, [])
    assert [row.data for row in store.rounds(study, after=0)] == [{"a": 1}]


def test_results_from_elsewhere_are_numbered_in_the_order_they_came(tmp_path: Path) -> None:
    """Whoever adds them, two processes at once or one after the other: no number twice, none left out."""
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    migrate(engine)
    study = _study(Store(engine))

    def add(source: str) -> None:
        store = Store(open_engine(f"sqlite:///{tmp_path / 'a.db'}"))
        for value in range(5):
            store.add_priors(study, source, [({"x": 0.5}, float(value)), ({"x": 0.25}, 0.0)])

    threads = [threading.Thread(target=add, args=(source,)) for source in ("by hand", "study:a")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store = Store(engine)
    assert [row.number for row in store.priors(study)] == list(range(20))
    assert [row.number for row in store.priors(study, after=17)] == [18, 19]
    assert store.prior_counts() == {study: 20}


def test_a_study_is_primed_once(tmp_path: Path) -> None:
    """A second job that read the same experiments adds nothing."""
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    migrate(engine)
    store = Store(engine)
    study = _study(store, Start(primed=False))
    read = Read("experiment:a", [({"x": 0.5}, 1.0)], Note(text="1 run read from experiment a"))
    assert store.prime(study, [read])
    assert not store.prime(study, [read])
    record = store.study(study)
    assert record is not None
    assert (record.primed, len(record.notes)) == (True, 1)
    assert len(store.priors(study)) == 1


def test_results_from_elsewhere_are_numbered_on(tmp_path: Path) -> None:
    """Each source adds its own behind those that are there; a study that has none reads an empty list."""
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    migrate(engine)
    store = Store(engine)
    study, other = _study(store), _study(store)
    store.add_priors(study, "study:a", [({"x": 1}, 0.5), ({"x": 2}, 0.25)])
    store.add_priors(study, "experiment:b", [({"x": 3}, 1.0)])
    store.add_priors(study, "study:nothing", [])
    found = store.priors(study)
    assert [(row.number, row.source) for row in found] == [
        (0, "study:a"),
        (1, "study:a"),
        (2, "experiment:b"),
    ]
    assert found[1].result() == Result(1, {"x": 2}, 0.25)
    assert store.priors(other) == []
