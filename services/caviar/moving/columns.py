"""The trials of a study as a table: which columns, in which order, of which types.

The columns follow from the study alone, but for those of its metrics, which come sorted by name. So do the types: a
column is the same whether it is empty or full.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any, Literal

from caviar.contract.messages import ParameterValue
from caviar.contract.views import ParameterView, StudyView, TrialView

Kind = Literal["int", "float", "bool", "text", "time"]
"""time: seconds since the epoch."""

BEFORE: tuple[tuple[str, Kind], ...] = (
    ("number", "int"),
    ("state", "text"),
    ("kind", "text"),
    ("round", "int"),
    ("attempt", "int"),
    ("repeats", "int"),
    ("value", "float"),
)
AFTER: tuple[tuple[str, Kind], ...] = (
    ("violation", "float"),
    ("started", "time"),
    ("ended", "time"),
    ("seconds", "float"),
    ("host", "text"),
    ("gpu", "text"),
    ("error", "text"),
    ("run_id", "text"),
    ("id", "text"),
)
"""Fields of a trial before and after its parameters and metrics."""


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    kind: Kind


def kind_of(parameter: ParameterView) -> Kind:
    """The type of a parameter's column; choices of several types are text."""
    if parameter.type != "categorical":
        return "int" if parameter.type == "int" else "float"
    types = {type(choice) for choice in parameter.choices or ()}
    if types == {bool}:
        return "bool"
    if types == {int}:
        return "int"
    return "float" if types and types <= {int, float} else "text"


def text_of(value: ParameterValue) -> str:
    """A value as text, as a command of a trainer gets it."""
    return json.dumps(value) if isinstance(value, bool) else str(value)


def moment(seconds: float) -> datetime:
    """A time of a trial, in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


@dataclass
class Table:
    """The trials of a study, kept on disk: how many there are does not matter to the memory."""

    parameters: Sequence[ParameterView]
    metrics: list[str]
    count: int
    _spool: IO[str]

    @property
    def columns(self) -> list[Column]:
        return [
            *(Column(name, kind) for name, kind in BEFORE),
            *(Column(f"params.{each.name}", kind_of(each)) for each in self.parameters),
            *(Column(f"metrics.{name}", "float") for name in self.metrics),
            *(Column(name, kind) for name, kind in AFTER),
        ]

    def trials(self) -> Iterator[TrialView]:
        self._spool.seek(0)
        for line in self._spool:
            yield TrialView.model_validate_json(line)

    def rows(self) -> Iterator[list[Any]]:
        """One value for each column; None where there is none. Choices in a text column are text."""
        kinds = {parameter.name: kind_of(parameter) for parameter in self.parameters}
        for trial in self.trials():
            params, metrics = trial.params, trial.metrics
            yield [
                *(getattr(trial, name) for name, _ in BEFORE),
                *(_typed(params.get(name), kind) for name, kind in kinds.items()),
                *(metrics.get(name) for name in self.metrics),
                *(getattr(trial, name) for name, _ in AFTER),
            ]


def _typed(value: ParameterValue | None, kind: Kind) -> ParameterValue | None:
    if value is None:
        return None
    if kind == "text":
        return text_of(value)
    return float(value) if kind == "float" else value


@contextmanager
def table_of(study: StudyView, pages: Iterable[Sequence[TrialView]]) -> Iterator[Table]:
    """The trials of ``study``, in the order in which they come. Each page is read once."""
    names: set[str] = set()
    count = 0
    with tempfile.TemporaryFile("w+", encoding="utf-8") as spool:
        for page in pages:
            for trial in page:
                spool.write(f"{trial.model_dump_json()}\n")
                names.update(trial.metrics)
                count += 1
        yield Table(study.parameters, sorted(names), count, spool)
