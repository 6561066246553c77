"""Trials as CSV, Parquet and an Optuna study: all states, stable columns and types, whole files."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import optuna
import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest

from caviar.contract.views import ParameterView, StudyView, TrialView
from caviar.errors import InputError
from caviar.moving.columns import Table, table_of
from caviar.moving.files import write_csv, write_parquet
from caviar.moving.optuna_out import STATES, not_kept, storage_file, write_optuna
from tests.support.studies_made_up import digits_study

PARAMETERS = [
    ParameterView(name="lr", type="float", scale="log", low=1e-4, high=1.0),
    ParameterView(name="momentum", type="float", scale="reverse_log", low=0.9, high=0.999),
    ParameterView(name="units", type="int", scale="linear", low=1, high=9),
    ParameterView(name="amp", type="categorical", choices=[True, False]),
    ParameterView(name="mixed", type="categorical", choices=["=1+1", 2, True]),
    ParameterView(name="batch", type="categorical", choices=[16, 32]),
    ParameterView(name="decay", type="float", scale="linear", low=0, high=1, when={"amp": [True]}),
]
STUDY = digits_study(parameters=PARAMETERS, goal="minimize", metric="loss")


def trial(number: int, state: str = "done", **fields: Any) -> TrialView:
    given: dict[str, Any] = {
        "id": f"{STUDY.id}-{number}",
        "number": number,
        "round": 0,
        "state": state,
        "attempt": 1,
        "params": {
            "lr": 0.1 + 0.2,
            "momentum": 0.99,
            "units": 3,
            "amp": number % 2 == 0,
            "mixed": ["=1+1", 2, True][number % 3],
            "batch": 16,
            **({"decay": 1} if number % 2 == 0 else {}),
        },
        "value": 0.5 - number / 100,
        "started": 1_700_000_000.25,
        "ended": 1_700_000_060.5,
        "seconds": 60.25,
        "host": "h1",
        "run_id": "r",
    }
    return TrialView(**(given | fields))


TRIALS = [
    trial(0, metrics={"test": 0.4}),
    trial(1, "stopped", error="stopped early at step 3"),
    trial(2, "failed", value=None, error='=cmd|"/c calc"!A1\nValueError: "no", good'),
    trial(3, "quarantined", value=None),
    trial(4, "cancelled", value=None),
    trial(5, "running", value=None, ended=None, seconds=None, step=7, last=0.9),
    trial(6, "dispatched", value=None, started=None, ended=None, seconds=None, host=None),
    trial(7, "queued", value=None, started=None, ended=None, seconds=None, host=None),
    trial(8, metrics={"latency": 3.0, "test": 0.3}, kind="confirm", repeats=0),
]


@pytest.fixture
def table() -> Iterator[Table]:
    with table_of(STUDY, [TRIALS[:4], TRIALS[4:]]) as table:
        yield table


EXPECTED_COLUMNS = [
    *("number", "state", "kind", "round", "attempt", "repeats", "value"),
    *("params.lr", "params.momentum", "params.units", "params.amp", "params.mixed"),
    *("params.batch", "params.decay", "metrics.latency", "metrics.test", "violation", "started"),
    *("ended", "seconds", "host", "gpu", "error", "run_id", "id"),
]


def test_csv_has_every_trial_and_survives_being_read(table: Table, tmp_path: Path) -> None:
    """Floats to the last digit, line ends in texts, nothing for what is not there."""
    write_csv(table, tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == EXPECTED_COLUMNS
    assert [row["state"] for row in rows] == [each.state for each in TRIALS]
    assert float(rows[0]["params.lr"]) == 0.1 + 0.2
    assert (rows[0]["params.decay"], rows[1]["params.decay"]) == ("1.0", "")
    assert [row["params.amp"] for row in rows[:2]] == ["true", "false"]
    assert rows[0]["started"] == "2023-11-14T22:13:20.250+00:00"
    assert rows[7]["started"] == rows[7]["value"] == ""
    assert (rows[8]["metrics.latency"], rows[8]["repeats"]) == ("3.0", "0")


def test_no_text_of_a_trial_is_a_formula_in_a_spreadsheet(table: Table, tmp_path: Path) -> None:
    """Errors and choices come from other people's code."""
    write_csv(table, tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert rows[2]["error"] == "'" + TRIALS[2].error
    assert rows[0]["params.mixed"] == "'=1+1"
    assert float(rows[0]["value"]) == 0.5


def test_parquet_has_the_same_columns_with_types_that_do_not_depend_on_the_data(
    table: Table, tmp_path: Path
) -> None:
    """A column without a value has its type too."""
    write_parquet(table, tmp_path / "t.parquet")
    found = parquet.read_table(tmp_path / "t.parquet")
    assert found.column_names == EXPECTED_COLUMNS
    types = dict(zip(found.column_names, found.schema.types, strict=True))
    assert types["params.units"] == types["params.batch"] == types["repeats"] == arrow.int64()
    assert types["params.decay"] == types["metrics.test"] == arrow.float64()
    assert types["params.amp"] == arrow.bool_()
    assert types["params.mixed"] == types["gpu"] == arrow.string()
    assert types["started"] == arrow.timestamp("us", tz="UTC")
    rows = found.to_pylist()
    assert rows[0]["params.lr"] == 0.1 + 0.2
    assert rows[2]["params.mixed"] == "true"
    assert rows[2]["error"] == TRIALS[2].error
    assert rows[0]["started"] == datetime(2023, 11, 14, 22, 13, 20, 250_000, tzinfo=UTC)
    with table_of(STUDY, []) as empty:
        write_parquet(empty, tmp_path / "empty.parquet")
    columns = [name for name in EXPECTED_COLUMNS if not name.startswith("metrics.")]
    without = parquet.read_schema(tmp_path / "empty.parquet")
    assert without.names == columns
    assert without.types == [types[name] for name in columns]


def test_optuna_opens_what_was_written(tmp_path: Path) -> None:
    """A real study: distributions, values, states, times, and what only Caviar has as attributes."""
    file = storage_file(f"sqlite:///{tmp_path / 'o.db'}")
    write_optuna(STUDY, iter(TRIALS), file)
    study = optuna.load_study(study_name=STUDY.name, storage=f"sqlite:///{file}")
    assert study.direction.name == "MINIMIZE"
    assert study.metric_names == ["loss"]
    trials = study.trials
    assert [each.number for each in trials] == [each.number for each in TRIALS]
    assert [each.state.name for each in trials] == [STATES[each.state] for each in TRIALS]
    assert [each.value for each in trials[:3]] == [0.5, 0.49, None]
    assert trials[0].params == TRIALS[0].params
    assert "decay" not in trials[1].params
    assert trials[5].intermediate_values == {7: 0.9}
    assert trials[0].distributions["lr"] == optuna.distributions.FloatDistribution(
        1e-4, 1.0, log=True
    )
    assert trials[0].datetime_start.timestamp() == 1_700_000_000.25
    assert trials[8].user_attrs["metrics.latency"] == 3.0
    assert trials[8].user_attrs["caviar"]["repeats"] == 0
    assert trials[2].user_attrs["caviar"]["error"] == TRIALS[2].error
    assert study.best_trial.number == 8
    assert [line.partition(":")[0] for line in not_kept(STUDY)] == ["momentum", "decay"]


def test_a_trial_that_waits_is_the_next_that_optuna_asks_for(tmp_path: Path) -> None:
    """Whoever goes on with Optuna trains the points that were left."""
    file = tmp_path / "o.db"
    write_optuna(STUDY, iter([trial(0), trial(1, "queued", value=None)]), file)
    study = optuna.load_study(study_name=STUDY.name, storage=f"sqlite:///{file}")
    asked = study.ask()
    assert asked.number == 1
    assert asked.suggest_int("units", 1, 9) == 3
    assert asked.suggest_float("lr", 1e-4, 1.0, log=True) == 0.1 + 0.2


def test_a_trial_beyond_the_constraints_is_not_optunas_best_either(tmp_path: Path) -> None:
    """Its violation is told in Optuna's own way."""
    bounded = STUDY.model_copy(update={"constraints": ["latency <= 2"]})
    file = tmp_path / "o.db"
    write_optuna(bounded, iter([trial(0), trial(1, violation=0.5), trial(2, value=0.9)]), file)
    study = optuna.load_study(study_name=STUDY.name, storage=f"sqlite:///{file}")
    assert study.best_trial.number == 0


def test_a_storage_that_is_there_is_not_touched(tmp_path: Path) -> None:
    """Other storages are reached with Optuna's own copy_study."""
    file = tmp_path / "o.db"
    file.write_text("mine")
    for address in (f"sqlite:///{file}", "postgresql://h/db", "o.db", "sqlite:///"):
        with pytest.raises(InputError, match="copy_study"):
            storage_file(address)
    assert file.read_text() == "mine"


def failing(number: int) -> Iterator[TrialView]:
    yield from TRIALS[:number]
    raise KeyboardInterrupt


def test_what_fails_on_the_way_leaves_nothing_behind(tmp_path: Path) -> None:
    """Nor does it touch a file of an earlier export."""
    (tmp_path / "t.csv").write_text("earlier")
    with pytest.raises(KeyboardInterrupt):
        write_optuna(STUDY, failing(3), tmp_path / "o.db")

    class Failing(Table):
        def rows(self) -> Iterator[list[Any]]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_csv(Failing([], [], 0, sys.stdin), tmp_path / "t.csv")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"t.csv": b"earlier"}


def test_a_folder_that_is_not_there_is_named(table: Table, tmp_path: Path) -> None:
    """As any wrong input."""
    with pytest.raises(InputError, match=r"none/t.csv: it cannot be written: No such file"):
        write_csv(table, tmp_path / "none" / "t.csv")


def test_a_missing_package_names_its_extra(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is written."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(InputError, match=r"pip install 'caviar\[parquet\]'"):
        write_parquet(table, tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"pip install 'caviar\[optuna\]'"):
        write_optuna(STUDY, iter(TRIALS), tmp_path / "o.db")
    assert list(tmp_path.iterdir()) == []


def test_the_view_of_a_study_has_what_the_table_needs() -> None:
    """The order of columns is that of the study file."""
    assert isinstance(STUDY, StudyView)
    with table_of(STUDY, [TRIALS]) as table:
        names = [column.name for column in table.columns if column.name.startswith("params.")]
    assert names == [f"params.{parameter.name}" for parameter in PARAMETERS]
