"""The table of a study's trials: what is asked of it in its address, and what the templates show."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final, get_args
from urllib.parse import urlencode

from fastapi import Query

from caviar.adapters.sql import StudyRecord
from caviar.contract.views import StudyView, TrialKind, TrialState, TrialView
from caviar.errors import InputError, Problem
from caviar.web.shared import Shared

PAGE: Final = 50
METRICS_SHOWN: Final = 4
KIND_WORDS: Final[dict[TrialKind, str]] = {
    "search": "by the search",
    "added": "added by hand",
    "confirm": "on a new seed",
    "fork": "a fork",
}
_SORTABLE: Final = re.compile(r"[^\x00-\x1f\"\\\x7f]{1,250}")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the table shows. ``page`` counts from 1."""

    state: str
    kind: str
    round: str
    text: str
    sort: str
    down: bool
    page: int

    def query(self, **changes: Any) -> str:
        """The same but for ``changes``, without what is as it is by default."""
        given = {name: getattr(self, name) for name in self.__slots__} | changes
        kept = {name: value for name, value in given.items() if value != _DEFAULT[name]}
        return urlencode({name: "1" if value is True else value for name, value in kept.items()})

    @property
    def filtered(self) -> bool:
        return bool(self.state or self.kind or self.round or self.text)


_DEFAULT: Final[dict[str, Any]] = {
    "state": "",
    "kind": "",
    "round": "",
    "text": "",
    "sort": "number",
    "down": True,
    "page": 1,
}


def asked(
    state: Annotated[str, Query(max_length=16)] = "",
    kind: Annotated[str, Query(max_length=16)] = "",
    round: Annotated[str, Query(pattern=r"^\d{0,9}$")] = "",
    text: Annotated[str, Query(max_length=200)] = "",
    sort: Annotated[str, Query(max_length=300)] = "number",
    down: bool = True,
    page: Annotated[int, Query(ge=1, le=10_000_000)] = 1,
) -> Asked:
    """From the address. Raises InputError for a state or kind that there is not."""
    for given, known, name in (
        (state, get_args(TrialState), "state"),
        (kind, get_args(TrialKind), "kind"),
    ):
        if given and given not in known:
            raise InputError(
                Problem((name,), f"trials have no {name} {given!r}", f"One of {', '.join(known)}.")
            )
    return Asked(state, kind, round, text.strip(), sort, down, page)


@dataclass(frozen=True, slots=True)
class Column:
    """``sort`` is what the header's link sorts by; empty where it cannot."""

    words: str
    sort: str
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    asked: Asked
    rows: list[TrialView]
    total: int
    columns: list[Column]
    metrics: list[str]

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // PAGE))

    @property
    def first(self) -> int:
        return (self.asked.page - 1) * PAGE + 1

    def turned(self, column: Column) -> str:
        """The address's query of a click on the column's header: its order, then that order upside down."""
        again = column.sort == self.asked.sort
        return self.asked.query(
            sort=column.sort, down=not self.asked.down if again else False, page=1
        )


def table_of(shared: Shared, record: StudyRecord, study: StudyView, asked: Asked) -> Table:
    """Raises InputError where trials cannot be sorted so."""
    rows, total = shared.store.listed(
        record.id,
        states=[asked.state] if asked.state else None,  # type: ignore[list-item]
        kinds=[asked.kind] if asked.kind else None,  # type: ignore[list-item]
        round=int(asked.round) if asked.round else None,
        text=asked.text,
        sort=asked.sort,
        descending=asked.down,
        offset=(asked.page - 1) * PAGE,
        limit=PAGE,
    )
    views = [shared.presenter.trial(row) for row in rows]
    metrics = sorted({name for view in views for name in view.metrics})[:METRICS_SHOWN]
    columns = [
        Column("Trial", "number", True),
        Column("State", "state"),
        Column(study.metric, "value", True),
        *(
            Column(each.name, f"param:{each.name}", each.choices is None)
            for each in study.parameters
        ),
        *(
            Column(name, f"metric:{name}" if _SORTABLE.fullmatch(name) else "", True)
            for name in metrics
        ),
        Column("Round", "round", True),
        Column("Took", "seconds", True),
        Column("Host", "host"),
        Column("Attempt", "", True),
    ]
    return Table(asked, views, total, columns, metrics)
