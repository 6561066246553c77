"""What is asked often is found by an index, whatever the number of trials; SQLite says how it would look."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert

from caviar.adapters.sql import Store, migrate, open_engine
from caviar.adapters.sql.tables import trials
from caviar.contract.names import trial_id

STATES = ("done", "done", "failed", "quarantined", "running", "cancelled", "stopped")


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    engine = open_engine(f"sqlite:///{tmp_path / 'caviar.db'}")
    migrate(engine)
    return engine


@pytest.fixture
def store(engine: Engine) -> Store:
    return Store(engine)


def _study(engine: Engine, store: Store, count: int, name: str = "a") -> str:
    """Trial n is in the n-th of ``STATES``, over and over; the values of the done ones fall and are equal in pairs."""
    study = store.add_study(
        name=name,
        fingerprint="f",
        source="text",
        filename="study.yaml",
        folder=None,
        code_version=None,
        user=None,
        first_round={},
    ).id
    rows = [
        {
            "id": trial_id(study, number),
            "study_id": study,
            "number": number,
            "round": 0,
            "state": STATES[number % len(STATES)],
            "params": {},
            "seed": 0,
            "value": 1.0 - number // 2 / 100 if STATES[number % len(STATES)] == "done" else None,
            "created": 1.0,
            "started": 1.0,
            "ended": None if STATES[number % len(STATES)] == "running" else 2.0 + number,
            "output": "a long text",
        }
        for number in range(count)
    ]
    if rows:
        with engine.begin() as connection:
            connection.execute(insert(trials), rows)
    return study


@pytest.mark.parametrize(
    "ask",
    [
        lambda store, study: store.counts(study),
        lambda store, study: store.best(study, True),
        lambda store, study: store.best(study, False),
        lambda store, study: store.failures(study, 5),
        lambda store, study: store.trials(study, ("running",)),
        lambda store, study: store.unshipped(study),
        lambda store, study: store.shipped_count(study),
        lambda store, _: store.newest_ends(),
        lambda store, _: store.latest_rounds(),
        lambda store, _: store.prior_counts(),
    ],
)
def test_nothing_that_is_asked_often_scans_a_table(
    engine: Engine, store: Store, ask: Callable[[Store, str], Any]
) -> None:
    """A scan is invisible with 10 trials and takes a second with 100,000. Every search has a condition in it."""
    study = _study(engine, store, 3)
    asked: list[tuple[str, Any]] = []

    @event.listens_for(engine, "before_cursor_execute")
    def _note(_connection: Any, _cursor: Any, statement: str, given: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            asked.append((statement, given))

    ask(store, study)
    event.remove(engine, "before_cursor_execute", _note)
    assert asked
    with engine.connect() as connection:
        for statement, given in asked:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)
            steps = [row[3] for row in plan]
            assert not [
                step for step in steps if step.startswith("SCAN") and "CONSTANT" not in step
            ]
            for step in steps:
                if step.startswith("SEARCH trials"):
                    assert "ix_trials" in step


def test_counts_of_several_studies_are_those_of_each(engine: Engine, store: Store) -> None:
    """One question for the whole page; a study without trials is there with zeros."""
    large, empty = _study(engine, store, 21), _study(engine, store, 0, "b")
    found = store.counts_of([large, empty])
    assert found[large] == store.counts(large)
    assert (found[large]["done"], found[large]["queued"]) == (6, 0)
    assert set(found[empty].values()) == {0}


def test_of_equal_values_the_earlier_trial_is_the_best(engine: Engine, store: Store) -> None:
    """Both ways round, although the index runs the other way for one of them."""
    study = _study(engine, store, 9)
    highest, lowest = store.best(study, True), store.best(study, False)
    assert highest
    assert (highest.number, highest.value) == (0, 1.0)
    assert lowest
    assert (lowest.number, lowest.value) == (8, 0.96)


def test_the_newest_failures_are_of_both_kinds(engine: Engine, store: Store) -> None:
    """Failed and quarantined trials in one list, the newest first."""
    study = _study(engine, store, 21)
    assert [row.number for row in store.failures(study, 3)] == [17, 16, 10]


def test_a_list_of_trials_leaves_the_output_out(engine: Engine, store: Store) -> None:
    """It is most of a row; a single trial has it."""
    study = _study(engine, store, 1)
    assert [row.output for row in store.trials(study)] == [""]
    single = store.trial(f"{study}-0")
    assert single
    assert single.output == "a long text"


def test_the_newest_studies_come_first_by_name_or_start_of_id(engine: Engine, store: Store) -> None:
    """What the command line needs to find the study that is meant, without the list of all."""
    first, second, other = (_study(engine, store, 0, name) for name in ("a", "a", "b%"))
    assert [record.id for record in store.newest_studies(2)] == [other, second]
    assert {record.id for record in store.newest_studies(9, "a")} >= {first, second}
    assert [record.id for record in store.newest_studies(9, other[:6])] == [other]
    assert store.newest_studies(9, "%") == []


def test_the_last_end_is_that_of_studies_that_go_on(engine: Engine, store: Store) -> None:
    """The refiner looks at a study again once something new ended."""
    study, over = _study(engine, store, 9), _study(engine, store, 9, "b")
    _study(engine, store, 0, "c")
    store.move_study(over, ("running",), "done")
    assert store.newest_ends() == {study: 10.0}
