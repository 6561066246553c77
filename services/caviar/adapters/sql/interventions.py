"""Reads and writes of what is done to trainings while they run. Each public method is one transaction.

asked -> applied | refused | void, each by a compare-and-set: what is told twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, func, insert, select, update

from caviar.adapters.sql import moves
from caviar.adapters.sql.engine import reading
from caviar.adapters.sql.rows import InterventionRow, TrialRow
from caviar.adapters.sql.tables import interventions, nurses, trials
from caviar.contract.messages import Change, Done, Origin, ParameterValue
from caviar.contract.names import trial_id
from caviar.contract.panda import Keep, Kind
from caviar.studies.life import FINAL

_WHOLE = [interventions.c[name] for name in InterventionRow.__slots__]
_ALL = select(*_WHOLE).order_by(interventions.c.asked, interventions.c.number)
_OF_TRIAL = _ALL.where(interventions.c.trial_id == bindparam("trial"))
_OF_STUDY = _ALL.where(interventions.c.study_id == bindparam("study"))
_OPEN = _OF_STUDY.where(interventions.c.state == "asked")
_NEXT = select(func.coalesce(func.max(interventions.c.number), 0) + 1).where(
    interventions.c.trial_id == bindparam("trial")
)


class Interventions:
    """``clock`` gives seconds since the epoch."""

    def __init__(self, engine: Engine, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._reader = reading(engine)
        self._clock = clock

    def ask(
        self,
        row: TrialRow,
        kind: Kind,
        *,
        by: str,
        why: str,
        parameter: str | None = None,
        before: ParameterValue | None = None,
        value: ParameterValue | None = None,
        params: Mapping[str, ParameterValue] | None = None,
        step: int | None = None,
        steps: int | None = None,
        in_place: bool = False,
        keep: Keep = "ask",
    ) -> InterventionRow:
        """Write down what is asked of a trial; see ``InterventionRow``. ``step`` is the one that is wanted."""
        with self._engine.begin() as connection:
            number = connection.execute(_NEXT, {"trial": row.id}).scalar_one()
            made = connection.execute(
                insert(interventions).returning(*_WHOLE),
                {
                    "trial_id": row.id,
                    "number": number,
                    "study_id": row.study_id,
                    "trial": row.number,
                    "kind": kind,
                    "state": "asked",
                    "parameter": parameter,
                    "before": before,
                    "value": value,
                    "params": dict(params or {}),
                    "wanted_step": step,
                    "steps": steps,
                    "in_place": in_place,
                    "keep": keep,
                    "by": by,
                    "why": why,
                    "asked": self._clock(),
                    "reason": "",
                },
            ).one()
        return InterventionRow(*made)

    def of_trial(self, identifier: str) -> list[InterventionRow]:
        """All that was done to a trial, in the order in which it was asked."""
        with self._reader.connect() as connection:
            found = connection.execute(_OF_TRIAL, {"trial": identifier})
            return [InterventionRow(*row) for row in found]

    def of_study(self, study_id: str) -> list[InterventionRow]:
        with self._reader.connect() as connection:
            found = connection.execute(_OF_STUDY, {"study": study_id})
            return [InterventionRow(*row) for row in found]

    def open(self, study_id: str) -> list[InterventionRow]:
        """What is asked and not answered."""
        with self._reader.connect() as connection:
            found = connection.execute(_OPEN, {"study": study_id})
            return [InterventionRow(*row) for row in found]

    def answer(self, identifier: str, done: Done) -> InterventionRow | None:
        """A value was set, or anything was refused. None: it is not open, or there is no such intervention."""
        values: dict[str, Any] = {"state": "applied", "step": done.step, "before": done.before}
        if done.refused:
            values = {"state": "refused", "reason": done.refused}
        with self._engine.begin() as connection:
            row = self._answer(connection, identifier, done.number, values)
            if row is not None and row.state == "applied":
                connection.execute(
                    update(trials).where(trials.c.id == identifier).values(touched=True)
                )
        return row

    def void(self, identifier: str, reason: str) -> list[InterventionRow]:
        """The trial is over: nothing more comes of what is open."""
        with self._engine.begin() as connection:
            found = connection.execute(
                update(interventions)
                .where(interventions.c.trial_id == identifier, interventions.c.state == "asked")
                .values(state="void", reason=reason, answered=self._clock())
                .returning(*_WHOLE)
            ).all()
        return [InterventionRow(*row) for row in found]

    def void_ended(self, reason: str) -> None:
        """As ``void``, for every trial that is over, whether or not its study is."""
        over = select(trials.c.id).where(trials.c.state.in_(FINAL))
        with self._engine.begin() as connection:
            connection.execute(
                update(interventions)
                .where(interventions.c.state == "asked", interventions.c.trial_id.in_(over))
                .values(state="void", reason=reason, answered=self._clock())
            )

    def fork(
        self,
        asked: InterventionRow,
        origin: Origin,
        *,
        number: int,
        round_index: int,
        params: Mapping[str, ParameterValue],
        seed: int,
        rebuilt: int,
    ) -> tuple[InterventionRow, TrialRow, TrialRow | None] | None:
        """The checkpoint is laid aside: create the forked trial and, where it takes the original's place, end that.

        What was asked, the new trial, and the original as it is then (None where it goes on). None: it is not open.
        Raises IntegrityError where the number is taken.
        """
        values = {"state": "applied", "step": origin.step, "child": number}
        now = self._clock()
        with self._engine.begin() as connection:
            row = self._answer(connection, asked.trial_id, asked.number, values)
            if row is None:
                return None
            child = moves.create(
                connection,
                {
                    "id": trial_id(asked.study_id, number, rebuilt),
                    "study_id": asked.study_id,
                    "number": number,
                    "round": round_index,
                    "state": "queued",
                    "attempt": 0,
                    "params": dict(params),
                    "seed": seed,
                    "kind": "fork",
                    "origin": origin.model_dump(mode="json"),
                    "created": now,
                },
            )
            ended = moves.stop_one(connection, asked.trial_id, now) if origin.in_place else None
        return row, child, ended

    def note_effect(self, identifier: str, number: int, effect: Mapping[str, Any]) -> None:
        """What a change did, as far as it can be said."""
        with self._engine.begin() as connection:
            connection.execute(
                update(interventions)
                .where(interventions.c.trial_id == identifier, interventions.c.number == number)
                .values(effect=dict(effect))
            )

    def nurse(self, study_id: str) -> tuple[bool, dict[str, Any] | None]:
        """Whether she is switched on, and what she remembers."""
        with self._reader.connect() as connection:
            found = connection.execute(
                select(nurses.c.on, nurses.c.memory).where(nurses.c.study_id == study_id)
            ).first()
        return (True, None) if found is None else (found[0], found[1])

    def set_nurse(self, study_id: str, **values: Any) -> None:
        """Switch her on or off (``on``), or note what she remembers (``memory``)."""
        with self._engine.begin() as connection:
            changed = connection.execute(
                update(nurses).where(nurses.c.study_id == study_id).values(**values)
            )
            if not changed.rowcount:
                connection.execute(insert(nurses).values(study_id=study_id, **values))

    def _answer(
        self, connection: Connection, identifier: str, number: int, values: Mapping[str, Any]
    ) -> InterventionRow | None:
        row = connection.execute(
            update(interventions)
            .where(
                interventions.c.trial_id == identifier,
                interventions.c.number == number,
                interventions.c.state == "asked",
            )
            .values(**values, answered=self._clock())
            .returning(*_WHOLE)
        ).first()
        return InterventionRow(*row) if row else None


def changes_of(rows: list[InterventionRow]) -> tuple[Change, ...]:
    """The values that were set, by the steps at which they took effect."""
    found = [
        Change(step=row.step, parameter=row.parameter, value=row.value)
        for row in rows
        if row.state == "applied" and row.parameter is not None and row.value is not None
    ]
    return tuple(sorted(found, key=lambda change: -1 if change.step is None else change.step))
