"""The benchmark believes no row unread: it counts in MLflow's own database."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[3] / "benchmarks" / "engine"


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(FOLDER))
    import throughput_book  # type: ignore[import-not-found]

    yield throughput_book
    for path in FOLDER.glob("*.py"):
        sys.modules.pop(path.stem, None)


def book(path: Path, points: dict[str, int]) -> None:
    """A database with these finished runs, by the columns that are counted."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE runs (run_uuid, experiment_id, status);"
            "CREATE TABLE metrics (run_uuid, key);"
            "CREATE TABLE params (run_uuid, key);"
        )
        for run, count in points.items():
            connection.execute("INSERT INTO runs VALUES (?, '1', 'FINISHED')", (run,))
            connection.executemany("INSERT INTO metrics VALUES (?, 'loss')", [(run,)] * count)
            connection.executemany("INSERT INTO params VALUES (?, 'x')", [(run,)] * 3)
        connection.execute("INSERT INTO runs VALUES ('open', '1', 'RUNNING')")
        connection.execute("INSERT INTO runs VALUES ('other', '2', 'FINISHED')")
        connection.commit()


@pytest.mark.parametrize(
    "points, right",
    [
        ({"a": 10, "b": 10}, True),
        ({"a": 10, "b": 11}, False),
        ({"a": 10, "b": 0}, False),
        ({"a": 10}, False),
        ({"a": 10, "b": 10, "c": 10}, False),
    ],
)
def test_a_row_is_right_where_every_run_has_every_point_once(
    counting: Any, tmp_path: Path, points: dict[str, int], right: bool
) -> None:
    """A point too many or too few, a run too many or too few: the row says WRONG."""
    book(tmp_path / "mlflow.db", points)
    found = counting.Book(tmp_path / "mlflow.db", "1").measured("a row", 2.0, 2, 10, 0.1)
    assert found.right is right
    assert found.rate == len(points) / 2
