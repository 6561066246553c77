"""What stands in MLflow's database after a row of :mod:`throughput`: counted there, not taken from whoever wrote it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PARAMS = 3
PATIENCE_S = 240.0
"""A row that is not done by then is reported as what it got to."""


@dataclass(frozen=True)
class Measured:
    title: str
    seconds: float
    wanted: int
    points_wanted: int
    runs: int
    points: tuple[int, int]
    """Of the metric, in the run with fewest and in the one with most."""
    params: tuple[int, int]
    cpu_s: float

    @property
    def rate(self) -> float:
        return self.runs / self.seconds

    @property
    def right(self) -> bool:
        """One run a trial, every point and every parameter once."""
        points, params = (self.points_wanted,) * 2, (PARAMS,) * 2
        return (self.runs, self.points, self.params) == (self.wanted, points, params)


class Book:
    """What MLflow's database holds of one experiment, or of one study in it."""

    def __init__(self, database: Path, experiment: str, study: str | None = None) -> None:
        self._uri = f"file:{database}?mode=ro"
        where = "r.experiment_id = ? AND r.status = 'FINISHED'"
        self._values: tuple[str, ...] = (experiment,)
        if study is not None:
            tagged = "SELECT run_uuid FROM tags WHERE key = ? AND value = ?"
            where += f" AND r.run_uuid IN ({tagged}) AND r.run_uuid IN ({tagged})"
            self._values += ("caviar.study", study, "caviar.kind", "trial")
        self._where = where

    def _ask(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self._uri, uri=True, timeout=30)) as connection:
            return connection.execute(query, self._values).fetchall()

    def runs(self) -> int:
        return int(self._ask(f"SELECT count(*) FROM runs r WHERE {self._where}")[0][0])

    def each(self, table: str, condition: str = "1") -> tuple[int, int]:
        """The fewest and the most rows of ``table`` that one run has."""
        counts = self._ask(
            f"SELECT (SELECT count(*) FROM {table} x WHERE x.run_uuid = r.run_uuid AND {condition}) "
            f"FROM runs r WHERE {self._where}"
        )
        found = [int(count) for (count,) in counts] or [0]
        return min(found), max(found)

    def measured(
        self, title: str, seconds: float, wanted: int, points: int, cpu: float
    ) -> Measured:
        return Measured(
            title,
            seconds,
            wanted,
            points,
            self.runs(),
            self.each("metrics", "x.key = 'loss'"),
            self.each("params"),
            cpu,
        )

    def wait_for(self, runs: int, going: Callable[[], bool] = lambda: True) -> None:
        """Until that many runs are whole, patience ends, or nobody is ``going`` to write any more."""
        deadline = time.monotonic() + PATIENCE_S
        while going() and self.runs() < runs and time.monotonic() < deadline:
            time.sleep(0.05)
