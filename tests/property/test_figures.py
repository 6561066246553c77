"""Laws of pictures as data, whatever the trials."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from caviar.adapters.sql import Store, migrate, open_engine
from caviar.adapters.sql.tables import studies, trials
from caviar.figures.axes import ticks
from caviar.figures.boxes import periods
from caviar.figures.ranks import ranks
from caviar.space import Numeric

VALUES = st.one_of(st.none(), st.sampled_from([-1.0, 0.0, 2.5, 1e300]), st.floats(-1e6, 1e6))

STUDY = {
    "name": "a",
    "fingerprint": "f",
    "state": "done",
    "source": "",
    "filename": "",
    "created": 0.0,
}
TRIAL = {"round": 0, "params": {}, "seed": 0, "created": 0.0}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('store') / 'a.db'}")
    migrate(engine)
    yield Store(engine)
    engine.dispose()


@dataclass(frozen=True)
class Judged:
    value: float | None
    violation: float


@st.composite
def numerics(draw: st.DrawFn) -> Numeric:
    scale = draw(st.sampled_from(["linear", "log", "reverse_log"]))
    if scale == "linear" and draw(st.booleans()):
        low = draw(st.integers(-1000, 1000))
        return Numeric("x", "int", low, low + draw(st.integers(1, 10_000)))
    a, b = draw(st.floats(-6, 2)), draw(st.floats(0.01, 6))
    if scale == "linear":
        return Numeric("x", "float", a, a + b)
    if scale == "log":
        return Numeric("x", "float", 10**a, 10 ** (a + b), "log")
    a = min(a, 0.0)
    return Numeric("x", "float", 1 - 10**a, 1 - 10 ** (a - b), "reverse_log")


@given(numerics())
def test_ticks_rise_within_the_axis_from_end_to_end(parameter: Numeric) -> None:
    """No two at one place, not too many, and both ends are there."""
    found = ticks(parameter)
    places = [place for place, _ in found]
    assert places == sorted(set(places))
    assert 0.0 <= places[0] <= places[-1] <= 1.0
    assert 2 <= len(found) <= 8
    assert found[0][1] == parameter.say(parameter.low)
    assert found[-1][1] == parameter.say(parameter.high)


@given(st.lists(st.builds(Judged, VALUES, st.sampled_from([0.0, 0.0, 0.5, 2.0]))), st.booleans())
def test_ranks_are_the_order_of_the_values(rows: list[Judged], maximize: bool) -> None:
    """From 0 to 1; a better value never has a lower rank, equals have the same, beyond a bound is behind all within."""
    found = ranks(rows, maximize)
    assert [rank is None for rank in found] == [row.value is None for row in rows]
    placed = [
        (row.violation, -row.value if maximize else row.value, rank)
        for row, rank in zip(rows, found, strict=True)
        if row.value is not None and rank is not None
    ]
    if not placed:
        return
    assert all(0.0 <= rank <= 1.0 for *_, rank in placed)
    assert max(rank for *_, rank in placed) == 1.0
    for beyond, loss, rank in placed:
        for other_beyond, other_loss, other in placed:
            if beyond < other_beyond or (beyond == other_beyond == 0.0 and loss < other_loss):
                assert rank >= other
            if (beyond, loss) == (other_beyond, other_loss):
                assert rank == other


def naive(count: int, rounds: Sequence[int]) -> list[int]:
    return [
        min((n for n, round_ in enumerate(rounds) if round_ >= index), default=len(rounds))
        for index in range(1, count)
    ]


@given(st.integers(1, 6), st.lists(st.integers(0, 8), max_size=30))
def test_rounds_follow_each_other_without_gap(count: int, rounds: list[int]) -> None:
    """Each begins at the first trial of it or of a later one, from 0 to behind the last trial."""
    firsts: dict[int, int] = {}
    for number, round_ in enumerate(rounds):
        firsts.setdefault(round_, number)
    found = periods(count, firsts, max(1, len(rounds)))
    starts = [first for first, _ in found]
    assert starts[0] == 0
    assert starts[1:] == [max(1, start) if not rounds else start for start in naive(count, rounds)]
    assert [last for _, last in found[:-1]] == starts[1:]
    assert found[-1][1] >= len(rounds)


@st.composite
def courses(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Trials as they may have ended: in any order, some at once, some without a value or a length."""
    return [
        {
            "state": draw(st.sampled_from(["done", "done", "stopped", "failed", "cancelled"])),
            "kind": draw(st.sampled_from(["search", "search", "added", "confirm"])),
            "value": draw(VALUES),
            "violation": draw(st.sampled_from([0.0, 0.0, 1.5])),
            "ended": draw(st.one_of(st.none(), st.integers(0, 20))),
            "seconds": draw(st.one_of(st.none(), st.integers(0, 100))),
        }
        for _ in range(draw(st.integers(0, 25)))
    ]


@given(rows=courses(), maximize=st.booleans())
@settings(max_examples=60)
def test_the_best_so_far_is_what_one_finds_trial_by_trial(
    store: Store, rows: list[dict[str, Any]], maximize: bool
) -> None:
    """Strictly better each time, and of each step it is known what all that had ended by then have taken."""
    study = uuid.uuid4().hex[:8]
    with store.engine.begin() as connection:
        connection.execute(insert(studies), STUDY | {"id": study})
        for number, row in enumerate(rows):
            connection.execute(
                insert(trials),
                {**TRIAL, **row, "id": f"{study}-{number}", "study_id": study, "number": number},
            )
    best: float | None = None
    spent, wanted = 0.0, []
    over = [
        (row["ended"], number, row) for number, row in enumerate(rows) if row["ended"] is not None
    ]
    for _, number, row in sorted(over, key=lambda each: each[:2]):
        spent += row["seconds"] or 0.0
        value = row["value"]
        able = row["state"] == "done" and row["kind"] != "confirm" and row["violation"] == 0.0
        if not able or value is None:
            continue
        if best is None or (value > best if maximize else value < best):
            best = value
            wanted.append((number, value, spent))
    course = store.pictured.course(study, maximize, 2000)
    assert [(s.number, s.value, s.spent) for s in course.steps if s.is_best] == wanted
    assert course.spent == spent
