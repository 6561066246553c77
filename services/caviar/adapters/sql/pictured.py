"""What pictures take of a study's trials. The database chooses: of 50,000 trials few are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Select, and_, bindparam, case, func, literal, or_, select

from caviar.adapters.sql.engine import reading_together
from caviar.adapters.sql.reads import LISTED
from caviar.adapters.sql.rows import TrialRow
from caviar.adapters.sql.tables import DONE, one_of, trials
from caviar.contract.messages import ParameterValue
from caviar.contract.views import TrialKind, TrialState
from caviar.studies.life import LEARNT_FROM

T = TypeVar("T")
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
_VALUED = trials.c.state.in_(one_of(["done", "stopped"]))
_MAY_BE_BEST = and_(DONE, trials.c.kind != "confirm", trials.c.violation <= 0.0)

_COUNT = select(func.count()).where(_OF_STUDY, _ENDED)
_LAST = select(func.max(trials.c.number)).where(_OF_STUDY)
_FIRSTS = (
    select(trials.c.round, func.min(trials.c.number)).where(_OF_STUDY).group_by(trials.c.round)
)
_CONFIRM = (
    select(*LISTED)
    .where(_OF_STUDY, trials.c.kind == "confirm", trials.c.repeats.is_not(None))
    .order_by(trials.c.number)
)


def _even(columns: list[Any]) -> Select[Any]:
    """Ended trials at every so many numbers: the numbers are made, and each trial is found by its own."""
    series = select(literal(0).label("number")).cte("series", recursive=True)
    following = series.c.number + bindparam("stride")
    series = series.union_all(select(following).where(following <= bindparam("last")))
    return (
        select(*columns)
        .join(series, trials.c.number == series.c.number)
        .where(_OF_STUDY, _ENDED)
        .order_by(trials.c.number)
    )


def _best(columns: list[Any], maximize: bool) -> Select[Any]:
    order = trials.c.value.desc() if maximize else trials.c.value
    query = select(*columns).where(_OF_STUDY, _MAY_BE_BEST).order_by(order, trials.c.number)
    return query.limit(bindparam("limit"))


def _course(maximize: bool) -> Select[Any]:
    """Every so many in the order of their ends, each that became the best, and the last."""
    may = case((_MAY_BE_BEST, trials.c.value))
    so_far: dict[str, Any] = {"order_by": (trials.c.ended, trials.c.number)}
    best = (func.max if maximize else func.min)(may).over(**so_far, rows=(None, -1))
    course = (
        select(
            trials.c.number,
            trials.c.state,
            trials.c.kind,
            trials.c.value,
            trials.c.ended,
            func.sum(func.coalesce(trials.c.seconds, 0.0))
            .over(**so_far, rows=(None, 0))
            .label("spent"),
            func.row_number().over(**so_far, rows=(None, 0)).label("place"),
            may.label("may"),
            best.label("best"),
        )
        .where(_OF_STUDY, trials.c.ended.is_not(None))
        .subquery()
    )
    better = course.c.may > course.c.best if maximize else course.c.may < course.c.best
    is_best = and_(course.c.may.is_not(None), or_(course.c.best.is_(None), better))
    thinned = course.c.place % bindparam("stride") == 0
    return (
        select(
            course.c.number,
            course.c.state,
            course.c.kind,
            course.c.value,
            course.c.ended,
            course.c.spent,
            is_best.label("is_best"),
        )
        .where(or_(thinned, is_best, course.c.place == bindparam("count")))
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
_COUNT_ENDS = select(func.count()).where(_OF_STUDY, trials.c.ended.is_not(None))
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
            firsts = {int(round_): int(number) for round_, number in found}
            return firsts, _number(connection, _LAST, {"study": study_id}) + 1

    def course(self, study_id: str, maximize: bool, most: int) -> Course:
        """How the study came to its best: trials with a value, every so many, and each that became the best."""
        given: dict[str, Any] = {"study": study_id}
        with self._snapshot.begin() as connection:
            of = _number(connection, _COUNT_VALUED, given)
            count = _number(connection, _COUNT_ENDS, given)
            given |= {"stride": stride_of(count, most), "count": count}
            found = connection.execute(_COURSE[maximize], given).all()
        steps = [
            Step(*row)
            for row in found
            if row.value is not None and row.state in ("done", "stopped")
        ]
        spent, ended = (float(found[-1].spent), found[-1].ended) if found else (0.0, None)
        return Course(of, steps, spent, ended)

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
        """The leaders' trainings on new seeds, by number, without their outputs."""
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
