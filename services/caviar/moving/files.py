"""A table of trials as CSV or Parquet. A file is there whole or not at all."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from caviar.errors import InputError, Problem
from caviar.moving.columns import Column, Kind, Table, moment, text_of
from caviar.moving.extras import parquet_package

BATCH = 5_000
"""Rows of a Parquet row group."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_csv(table: Table, file: Path) -> None:
    """UTF-8 with a header; numbers as Python writes them, times in ISO 8601, nothing where there is no value.

    Text that a spreadsheet would take for a formula begins with an apostrophe.
    """
    columns = table.columns
    written = [_WORDS[column.kind] for column in columns]
    with (
        whole_file(file) as part,
        part.open("w", encoding="utf-8", newline="") as stream,
    ):
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([column.name for column in columns])
        for row in table.rows():
            writer.writerow(
                "" if value is None else word(value)
                for value, word in zip(row, written, strict=True)
            )


def write_parquet(table: Table, file: Path) -> None:
    """Raises InputError where pyarrow is not installed."""
    arrow, parquet = parquet_package()
    columns = table.columns
    types: dict[Kind, Any] = {
        "int": arrow.int64(),
        "float": arrow.float64(),
        "bool": arrow.bool_(),
        "text": arrow.string(),
        "time": arrow.timestamp("us", tz="UTC"),
    }
    schema = arrow.schema([(column.name, types[column.kind]) for column in columns])
    with whole_file(file) as part, parquet.ParquetWriter(part, schema) as writer:
        for batch in _batches(table, columns):
            arrays = [
                arrow.array(values, type=types[column.kind])
                for column, values in zip(columns, batch, strict=True)
            ]
            writer.write_batch(arrow.record_batch(arrays, schema=schema))


def _batches(table: Table, columns: list[Column]) -> Iterator[list[list[Any]]]:
    """Column by column, BATCH rows at a time."""
    rows = table.rows()
    while batch := list(islice(rows, BATCH)):
        yield [
            [moment(v) if v is not None else None for v in values]
            if column.kind == "time"
            else list(values)
            for column, values in zip(columns, zip(*batch, strict=True), strict=True)
        ]


@contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """A file beside ``file`` that takes its place at the end; gone if anything fails on the way.

    Raises InputError where it cannot be written.
    """
    part: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{file.name}.", suffix=".part", dir=file.parent)
        os.close(handle)
        part = Path(name)
        yield part
        part.chmod(0o666 & ~_umask())
        part.replace(file)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(Problem((str(file),), f"it cannot be written: {reason}")) from None
    finally:
        if part is not None:
            part.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _safe(text: str) -> str:
    """Text that no spreadsheet executes."""
    if not text.startswith(FORMULA):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


_WORDS: dict[Kind, Callable[[Any], str]] = {
    "int": str,
    "float": repr,
    "bool": text_of,
    "text": _safe,
    "time": lambda seconds: moment(seconds).isoformat(timespec="milliseconds"),
}
