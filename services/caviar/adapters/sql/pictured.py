"""What pictures take of a study's trials. The database chooses: of 50,000 trials few are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    and_,
    bindparam,
    func,
    literal,
    literal_column,
    or_,
    select,
)

from caviar.adapters.sql.engine import reading_together
from caviar.adapters.sql.reads import LISTED
from caviar.adapters.sql.rows import TrialRow
from caviar.adapters.sql.tables import DONE, one_of, rounds, trials
from caviar.contract.messages import ParameterValue
from caviar.contract.views import TrialKind, TrialState
from caviar.studies.life import LEARNT_FROM

T = TypeVar("T")
VALUED = ("done", "stopped")
"""How a trial ends that has a value."""
BEST = 300
"""Of the trials in a picture so many are the best ones, at most."""


@dataclass(frozen=True, slots=True)
class Dot:
    number: int
    round: int
    state: TrialState
    kind: TrialKind
    value: float | None
    violation: float
    params: dict[str, ParameterValue]


@dataclass(frozen=True, slots=True)
class Dots:
    of: int
    """So many trials have ended, but for those that were cancelled."""
    rows: list[Dot]
    """By number."""


@dataclass(frozen=True, slots=True)
class Step:
    """A trial with a value, in the order in which trials ended."""

    number: int
    state: TrialState
    kind: TrialKind
    value: float
    ended: float
    spent: float
    """Seconds that all trials took that had ended by then, this one included: of each its last attempt."""
    is_best: bool
    """It became the best."""


@dataclass(frozen=True, slots=True)
class Course:
    of: int
    """Trials with a value."""
    steps: list[Step]
    spent: float
    """Seconds that all trials took."""
    ended: float | None
    """When the last one ended."""


@dataclass(frozen=True, slots=True)
class Curved:
    """A trial that reported while it trained."""

    number: int
    state: TrialState
    value: float | None
    violation: float
    error: str
    curve: list[tuple[int, float | None]]


_OF_STUDY = trials.c.study_id == bindparam("study")
_ENDED = trials.c.state.in_(one_of(LEARNT_FROM))
_VALUED = trials.c.state.in_(one_of(VALUED))
_MAY_BE_BEST = and_(DONE, trials.c.kind != "confirm", trials.c.violation <= 0.0)

_COUNT = select(func.count()).where(_OF_STUDY, _ENDED)
_LAST = select(func.max(trials.c.number)).where(_OF_STUDY)
_FIRSTS = select(
    rounds.c["index"],
    select(func.min(trials.c.number))
    .where(trials.c.study_id == rounds.c.study_id, trials.c.round == rounds.c["index"])
    .correlate(rounds)
    .scalar_subquery(),
).where(rounds.c.study_id == bindparam("study"))
"""One look into an index for each round."""
_CONFIRM = (
    select(*LISTED)
    .where(
        _OF_STUDY,
        trials.c.number.in_(  # of an index alone: few are
            select(trials.c.number).where(
                _OF_STUDY, trials.c.ended.is_not(None), trials.c.kind == "confirm"
            )
        ),
    )
    .order_by(trials.c.number)
)


def _even(columns: list[Any]) -> Select[Any]:
    """Ended trials at every so many numbers: the numbers are made, and each trial is found by its own."""
    series = select(literal(0).label("number")).cte("series", recursive=True)
    following = series.c.number + bindparam("stride")
    series = series.union_all(select(following).where(following <= bindparam("last")))
    return (
        select(*columns)
        .where(_OF_STUDY, _ENDED, trials.c.number.in_(select(series.c.number)))
        .order_by(trials.c.number)
    )


def _best(columns: list[Any], maximize: bool) -> Select[Any]:
    order = trials.c.value.desc() if maximize else trials.c.value
    query = select(*columns).where(_OF_STUDY, _MAY_BE_BEST).order_by(order, trials.c.number)
    return query.limit(bindparam("limit"))


def _course(maximize: bool) -> Select[Any]:
    """Every so many by number, and each that became the best, in the order of their ends.

    What looks back is written out: with bound values in it SQLite would take each for a window of its own, and walk
    through the trials as often.
    """
    back = "OVER (ORDER BY ended, number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
    may = "CASE WHEN state = 'done' AND kind <> 'confirm' AND violation <= 0 THEN value END"
    took = "coalesce(seconds, 0.0)"
    spent: ColumnElement[float] = literal_column(f"{took} + coalesce(sum({took}) {back}, 0.0)")
    best: ColumnElement[float] = literal_column(f"{'max' if maximize else 'min'}({may}) {back}")
    course = (
        select(
            trials.c.number,
            trials.c.state,
            trials.c.kind,
            trials.c.value,
            trials.c.ended,
            spent.label("spent"),
            literal_column(may).label("may"),
            best.label("best"),
        )
        .where(_OF_STUDY, trials.c.ended.is_not(None))
        .subquery()
    )
    better = course.c.may > course.c.best if maximize else course.c.may < course.c.best
    is_best = and_(course.c.may.is_not(None), or_(course.c.best.is_(None), better))
    evenly = and_(
        course.c.number % bindparam("stride") == 0,
        course.c.state.in_(one_of(VALUED)),
        course.c.value.is_not(None),
    )
    shown = [course.c[name] for name in Step.__slots__ if name != "is_best"]
    return (
        select(*shown, is_best.label("is_best"))
        .where(or_(evenly, is_best))
        .order_by(course.c.ended, course.c.number)
    )


_DOT = [trials.c[name] for name in Dot.__slots__]
_CURVED = [trials.c[name] for name in Curved.__slots__]
_EVEN_DOTS, _EVEN_CURVED = _even(_DOT), _even(_CURVED)
_BEST_DOTS = {maximize: _best(_DOT, maximize) for maximize in (True, False)}
_BEST_CURVED = {maximize: _best(_CURVED, maximize) for maximize in (True, False)}
_STOPPED_CURVED = (
    select(*_CURVED)
    .where(_OF_STUDY, trials.c.state.in_(one_of(["stopped"])))
    .order_by(trials.c.number.desc())
    .limit(bindparam("limit"))
)
_COURSE = {maximize: _course(maximize) for maximize in (True, False)}
_SPENT = select(func.sum(trials.c.seconds), func.max(trials.c.ended)).where(
    _OF_STUDY, trials.c.ended.is_not(None)
)
_COUNT_VALUED = select(func.count()).where(_OF_STUDY, _VALUED)


class Pictured:
    """Each method sees one state of the database."""

    def __init__(self, engine: Engine) -> None:
        self._snapshot = reading_together(engine)

    def dots(self, study_id: str, maximize: bool, most: int) -> Dots:
        """At most ``most`` trials that ended: all, or the ``BEST`` best and others evenly by number.

        ``most`` is greater than ``BEST``.
        """
        given = {"study": study_id}
        with self._snapshot.begin() as connection:
            of = _number(connection, _COUNT, given)
            last = _number(connection, _LAST, given)
            fits = last < most
            stride = 1 if fits else stride_of(last + 1, most - BEST)
            even = connection.execute(_EVEN_DOTS, given | {"stride": stride, "last": last}).all()
            best = (
                []
                if fits
                else connection.execute(_BEST_DOTS[maximize], given | {"limit": BEST}).all()
            )
        rows = {row.number: Dot(*row) for row in (*even, *best)}
        return Dots(of, [rows[number] for number in sorted(rows)])

    def firsts(self, study_id: str) -> tuple[dict[int, int], int]:
        """The lowest number of a trial of each round that has one, and the number behind the last trial."""
        with self._snapshot.begin() as connection:
            found = connection.execute(_FIRSTS, {"study": study_id})
            firsts = {int(index): int(number) for index, number in found if number is not None}
            return firsts, _number(connection, _LAST, {"study": study_id}) + 1

    def course(self, study_id: str, maximize: bool, most: int) -> Course:
        """How the study came to its best: trials with a value, every so many, and each that became the best."""
        given: dict[str, Any] = {"study": study_id}
        with self._snapshot.begin() as connection:
            of = _number(connection, _COUNT_VALUED, given)
            last = _number(connection, _LAST, given)
            spent, ended = connection.execute(_SPENT, given).one()
            given |= {"stride": stride_of(last + 1, most)}
            steps = [Step(*row) for row in connection.execute(_COURSE[maximize], given)]
        return Course(of, steps, float(spent or 0.0), ended)

    def curved(
        self, study_id: str, maximize: bool, most: int, each: int
    ) -> tuple[list[Curved], int]:
        """Trials that have a curve, ``most`` of them at most and by number: the best ``each``, the newest ``each`` that
        were stopped early, of the rest some evenly by number. And how many trials there are that trained."""
        given: dict[str, Any] = {"study": study_id}
        limit = given | {"limit": 2 * each}
        with self._snapshot.begin() as connection:
            of = _number(connection, _COUNT_VALUED, given)
            last = _number(connection, _LAST, given)
            best = connection.execute(_BEST_CURVED[maximize], limit).all()
            stopped = connection.execute(_STOPPED_CURVED, limit).all()
            given |= {"stride": stride_of(last + 1, most), "last": last}
            even = connection.execute(_EVEN_CURVED, given).all()
        rows: dict[int, Curved] = {}
        for found, room in ((best, each), (stopped, each), (even, most)):
            having = [Curved(*row) for row in found if row.curve][:room]
            fresh = [row for row in having if row.number not in rows]
            rows |= {row.number: row for row in spread(fresh, most - len(rows))}
        return [rows[number] for number in sorted(rows)], of

    def confirming(self, study_id: str) -> list[TrialRow]:
        """The leaders' trainings on new seeds that have ended, by number, without their outputs."""
        with self._snapshot.begin() as connection:
            return [TrialRow(*row) for row in connection.execute(_CONFIRM, {"study": study_id})]


def stride_of(count: int, most: int) -> int:
    """The least power of two that leaves at most ``most`` of ``count``: as a study grows, what is shown stays or goes,
    and nothing comes in its place."""
    stride = 1
    while -(-count // stride) > most:
        stride *= 2
    return stride


def spread(rows: Sequence[T], most: int) -> list[T]:
    """At most ``most`` of them, evenly, the first and the last among them."""
    if len(rows) <= most:
        return list(rows)
    if most < 2:
        return list(rows[-1:]) if most > 0 else []
    return [rows[place * (len(rows) - 1) // (most - 1)] for place in range(most)]


def _number(connection: Connection, query: Select[Any], given: dict[str, Any]) -> int:
    """-1 where there is none."""
    found = connection.execute(query, given).scalar()
    return -1 if found is None else int(found)
