"""The zoom as data: the box of each round, and the trials, on each parameter's own scale."""

from __future__ import annotations

from collections.abc import Sequence

from caviar.adapters.sql import Store, StudyRecord
from caviar.adapters.sql.pictured import BEST, Dot
from caviar.contract.figures import MOST_DOTS, BoxView, DotsView, ZoomView
from caviar.contract.messages import ParameterValue
from caviar.figures.axes import axes
from caviar.figures.boxes import extents, periods, words
from caviar.figures.ranks import ranks
from caviar.search import Round, in_force
from caviar.space import Parameter, Space
from caviar.studies.spec import Study

CELLS = 8_000
"""Values in one picture, dots times parameters: what a browser gets stays small where there are many parameters."""


def zoom(store: Store, record: StudyRecord, study: Study, until: int | None = None) -> ZoomView:
    """``until``: the last round that is shown, with the trials that began before the next; all by default."""
    space, maximize = study.space, study.metric.goal == "maximize"
    most = min(MOST_DOTS, max(BEST + 100, CELLS // len(space)))
    dots = store.pictured.dots(record.id, maximize, most)
    rounds = [Round.from_json(space, row.data) for row in store.rounds(record.id)]
    firsts, end = store.pictured.firsts(record.id)
    rows, of = dots.rows, dots.of
    if until is not None:
        end = min((first for index, first in firsts.items() if index > until), default=end)
        rounds = rounds[: until + 1]
        firsts = {index: first for index, first in firsts.items() if index <= until}
        rows = [row for row in rows if row.round <= until]
        of -= len(dots.rows) - len(rows)
    return ZoomView(
        study=record.id,
        name=record.name,
        metric=study.metric.name,
        goal=study.metric.goal,
        axes=axes(space),
        rounds=boxes(space, rounds, periods(len(rounds), firsts, end)),
        dots=columns(space, rows, of, maximize),
    )


def boxes(
    space: Space, rounds: Sequence[Round], places: Sequence[tuple[int, int]]
) -> list[BoxView]:
    valid = in_force(rounds)
    return [
        BoxView(
            round=round_.index,
            kind=round_.kind,
            reason=round_.reason,
            undone=round_.index not in valid,
            first=first,
            last=last,
            box={
                name: (round(low, 4), round(high, 4))
                for name, (low, high) in extents(space, round_).items()
            },
            sides={
                parameter.name: words(parameter, side)
                for parameter, side in zip(space, round_.box.sides, strict=True)
            },
            changes={name: said for name, said in round_.changes.items() if said != "kept"},
            edges=dict(round_.edges),
            support=list(round_.support),
        )
        for round_, (first, last) in zip(rounds, places, strict=True)
    ]


def columns(space: Space, rows: Sequence[Dot], of: int, maximize: bool) -> DotsView:
    return DotsView(
        of=of,
        number=[row.number for row in rows],
        round=[row.round for row in rows],
        state=[row.state for row in rows],
        kind=[row.kind for row in rows],
        value=[row.value for row in rows],
        rank=ranks(rows, maximize),
        positions={parameter.name: _positions(parameter, rows) for parameter in space},
        values={
            parameter.name: [_short(row.params.get(parameter.name)) for row in rows]
            for parameter in space
        },
    )


def _positions(parameter: Parameter, rows: Sequence[Dot]) -> list[float | None]:
    given = [row.params.get(parameter.name) for row in rows]
    units = parameter.to_units([value for value in given if value is not None])
    places = iter(units.round(4).tolist())
    return [None if value is None else next(places) for value in given]


def _short(value: ParameterValue | None) -> ParameterValue | None:
    return float(f"{value:.4g}") if isinstance(value, float) else value
