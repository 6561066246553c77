"""A study's trials as a table shows them: filtered, sorted and cut into pages by the database."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, String, cast, func, or_, select

from caviar.adapters.sql.reads import LISTED
from caviar.adapters.sql.rows import TrialRow
from caviar.adapters.sql.tables import one_of, trials
from caviar.contract.views import TrialKind, TrialState
from caviar.errors import InputError, Problem
from caviar.space import Space, did_you_mean

COLUMNS = {
    name: trials.c[name]
    for name in ("number", "value", "seconds", "ended", "round", "state", "host")
}
"""What every study's trials can be sorted by."""
PARAM, METRIC = "param:", "metric:"
_METRIC = re.compile(r"[^\x00-\x1f\"\\\x7f]{1,250}")
"""A quote or a backslash would end the name in a path of JSON."""
LONGEST = 200
MOST = 2**31 - 1
"""As large as a number of a trial or a round can be in a database."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What of a study's trials is wanted.

    ``text``: those whose parameters, host or error have it somewhere, whatever the case of its letters; of digits
    alone, also the trial of that number. ``sort``: one of ``COLUMNS``, ``param:NAME`` or ``metric:NAME``; trials
    without it come last, and equals by number.
    """

    states: frozenset[TrialState] | None = None
    kinds: frozenset[TrialKind] | None = None
    round: int | None = None
    text: str = ""
    sort: str = "number"
    descending: bool = False
    offset: int = 0
    limit: int = 50


def listed(
    connection: Connection, study_id: str, space: Space, wanted: Listing
) -> tuple[list[TrialRow], int]:
    """The page, without outputs, and how many trials there are on all pages.

    Raises InputError where the study has no such parameter to sort by, or a name or number cannot be one.
    """
    order = _order(space, wanted.sort)
    filters = _filters(study_id, wanted)
    if not (0 <= wanted.offset <= MOST and 0 < wanted.limit <= MOST):
        raise InputError(Problem(("offset",), "a page begins at 0 or later and has a trial"))
    total = connection.execute(select(func.count()).where(*filters)).scalar_one()
    sides = order.desc() if wanted.descending else order.asc()
    # Numbers alone are sorted: with the rest of the rows a database would carry all of them along.
    page = (
        select(trials.c.number)
        .where(*filters)
        .order_by(sides.nulls_last(), trials.c.number)
        .offset(wanted.offset)
        .limit(wanted.limit)
    )
    numbers = list(connection.execute(page).scalars())
    found = select(*LISTED).where(trials.c.study_id == study_id, trials.c.number.in_(numbers))
    rows = {row.number: row for row in (TrialRow(*each) for each in connection.execute(found))}
    return [rows[number] for number in numbers], int(total)


def _order(space: Space, sort: str) -> ColumnElement[Any]:
    order: ColumnElement[Any]
    if sort in COLUMNS:
        return COLUMNS[sort]
    name = sort.partition(":")[2]
    if sort.startswith(PARAM) and name in space:
        value = trials.c.params[name]
        order = value.as_string() if space[name].type == "categorical" else value.as_float()
        return order
    if sort.startswith(METRIC) and _METRIC.fullmatch(name):
        order = trials.c.metrics[name].as_float()
        return order
    sorts = [*COLUMNS, *(PARAM + known for known in space.names)]
    way_out = did_you_mean(sort, sorts) or f"One of {', '.join(sorts)}, or {METRIC}NAME."
    raise InputError(Problem(("sort",), f"trials cannot be sorted by {sort!r}", way_out))


def _filters(study_id: str, wanted: Listing) -> list[ColumnElement[bool]]:
    filters: list[ColumnElement[bool]] = [trials.c.study_id == study_id]
    if wanted.states is not None:
        filters.append(trials.c.state.in_(one_of(wanted.states)))
    if wanted.kinds is not None:
        filters.append(trials.c.kind.in_(one_of(wanted.kinds)))
    if wanted.round is not None:
        if not 0 <= wanted.round <= MOST:
            raise InputError(Problem(("round",), f"there is no round {wanted.round}"))
        filters.append(trials.c.round == wanted.round)
    if wanted.text:
        filters.append(or_(*_having(wanted.text)))
    return filters


def _having(text: str) -> Iterable[ColumnElement[bool]]:
    if "\0" in text or len(text) > LONGEST:
        raise InputError(Problem(("text",), f"at most {LONGEST} characters, and no NUL"))
    if text.isdecimal() and int(text) <= MOST:
        yield trials.c.number == int(text)
    yield trials.c.host.icontains(text, autoescape=True)
    yield trials.c.error.icontains(text, autoescape=True)
    written = json.dumps(text)[1:-1]  # as the column has it
    yield cast(trials.c.params, String).icontains(written, autoescape=True)
