"""Champions, and the checks whether they still hold. Each public method is one transaction.

Champions are in ``champions``, checks in ``due_checks``. What depends on more than one row of a study locks its row of
``rechecks`` first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Engine

from caviar.adapters.sql import champions, due_checks
from caviar.adapters.sql.due_checks import start, start_retuning
from caviar.adapters.sql.engine import reading
from caviar.adapters.sql.rows import ChampionRow, CheckRow, RecheckRow, Retuning
from caviar.contract.messages import ParameterValue
from caviar.contract.recheck import Cause, ChampionState

__all__ = ["Rechecks", "start", "start_retuning"]


class Rechecks:
    """``clock`` gives seconds since the epoch."""

    def __init__(self, engine: Engine, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._reader = reading(engine)
        self._clock = clock

    # What is watched

    def find(self, study_id: str) -> RecheckRow | None:
        with self._reader.connect() as connection:
            return due_checks.find(connection, study_id)

    def watched(self) -> list[RecheckRow]:
        """Those that have a policy."""
        with self._reader.connect() as connection:
            return due_checks.watched(connection)

    def set_policy(
        self, study_id: str, policy: Mapping[str, Any] | None, next_due: float | None
    ) -> None:
        values = {"policy": None if policy is None else dict(policy), "next_due": next_due}
        with self._engine.begin() as connection:
            due_checks.locked(connection, study_id, values)

    def set_secret(self, study_id: str, secret: str) -> None:
        with self._engine.begin() as connection:
            due_checks.locked(connection, study_id, {"secret": secret})

    def see(self, study_id: str, *, data: str | None = None, code: str | None = None) -> None:
        """Note the versions that are given as those that were seen last."""
        seen = {"data_version": data, "code_version": code}
        new = {name: version for name, version in seen.items() if version is not None}
        with self._engine.begin() as connection:
            before = due_checks.find(connection, study_id)
            # Who looks again and again and sees the same tells MLflow nothing.
            if before is None or any(getattr(before, name) != new[name] for name in new):
                due_checks.locked(connection, study_id, new)

    def move_due(self, study_id: str, due: float | None, then: float | None) -> bool:
        """Compare-and-set of when the next check is due."""
        if due == then:
            return False
        with self._engine.begin() as connection:
            return due_checks.move_due(connection, study_id, due, then)

    # Checks

    def ask(
        self,
        study_id: str,
        cause: Cause,
        *,
        key: str | None = None,
        why: str = "",
        by: str = "",
        data_version: str | None = None,
        code_version: str | None = None,
        bundle: str | None = None,
        again: bool,
    ) -> tuple[CheckRow, bool] | None:
        """The check that serves this request, and whether it is a new one. Versions by default: those seen last.
        Those that are given are the ones seen last from now on.

        ``key``: the same request again is served by the same check. ``again`` False: what was checked already calls for
        nothing, None; nor does what the champion was chosen on.

        Raises:
            NotAllowed: the study has no champion.
        """
        with self._engine.begin() as connection:
            return due_checks.ask(
                connection,
                study_id,
                cause,
                {"why": why, "by": by, "bundle": bundle},
                (data_version, code_version),
                key,
                again,
                self._clock(),
            )

    def ask_scheduled(
        self,
        study_id: str,
        due: float,
        then: float | None,
        cause: Cause = "schedule",
        *,
        key: str | None = None,
        why: str = "",
        by: str = "",
        data_version: str | None = None,
        code_version: str | None = None,
        bundle: str | None = None,
    ) -> tuple[CheckRow, bool] | None:
        """``move_due`` and ``ask`` together, whether or not it was checked before. None: another process came first.

        Raises:
            NotAllowed: the study has no champion. It stays due.
        """
        with self._engine.begin() as connection:
            if not due_checks.move_due(connection, study_id, due, then):
                return None
            return due_checks.ask(
                connection,
                study_id,
                cause,
                {"why": why, "by": by, "bundle": bundle},
                (data_version, code_version),
                key,
                True,
                self._clock(),
            )

    def open_checks(self) -> list[CheckRow]:
        """Of all studies, the oldest first."""
        with self._reader.connect() as connection:
            return due_checks.open_checks(connection)

    def checks(self, study_id: str) -> list[CheckRow]:
        """The oldest first."""
        with self._reader.connect() as connection:
            return due_checks.of_study(connection, study_id)

    def check(self, study_id: str, number: int) -> CheckRow | None:
        with self._reader.connect() as connection:
            return due_checks.one(connection, study_id, number)

    def ended_since(self, since: float) -> list[CheckRow]:
        """Of all studies, by their end."""
        with self._reader.connect() as connection:
            return due_checks.ended_since(connection, since)

    def waits(self, study_id: str, number: int, why: str) -> None:
        """Note why a check has not started."""
        with self._engine.begin() as connection:
            before = due_checks.one(connection, study_id, number)
            if before is not None and before.waits != why:
                due_checks.move(connection, study_id, number, ("due",), {"waits": why})

    def end(
        self, study_id: str, number: int, verdict: Mapping[str, Any], retuning: Retuning | None
    ) -> bool:
        """due or running -> ended."""
        values = {
            "state": "ended",
            "ended": self._clock(),
            "verdict": dict(verdict),
            "retuning": retuning,
            "waits": "",
        }
        with self._engine.begin() as connection:
            return due_checks.move(connection, study_id, number, ("due", "running"), values)

    def retuning(self) -> list[CheckRow]:
        """The checks of all studies after which a study is to tune again or does, the oldest first."""
        with self._reader.connect() as connection:
            return due_checks.retuning(connection)

    def retuning_over(self, study_id: str, number: int) -> bool:
        """wanted or open -> over."""
        with self._engine.begin() as connection:
            return due_checks.retune(
                connection, study_id, number, ("wanted", "open"), {"retuning": "over"}
            )

    # Champions

    def champions(self, study_id: str) -> list[ChampionRow]:
        """The oldest first."""
        with self._reader.connect() as connection:
            return champions.of_study(connection, study_id)

    def champion(self, study_id: str) -> ChampionRow | None:
        """The one that holds now."""
        with self._reader.connect() as connection:
            return champions.current(connection, study_id)

    def propose(
        self,
        study_id: str,
        params: Mapping[str, ParameterValue],
        found_in: str,
        trial: int,
        *,
        run_id: str | None,
        value: float | None,
        low: float | None,
        high: float | None,
        runs: int,
        data_version: str | None,
        code_version: str | None,
        why: str,
        by: str,
        check_number: int | None,
        state: ChampionState = "proposed",
    ) -> ChampionRow | None:
        """None: the trial is among them already; or ``state`` is champion, and the study has one."""
        now = self._clock()
        values = {
            "state": state,
            "params": dict(params),
            "found_in": found_in,
            "trial": trial,
            "run_id": run_id,
            "value": value,
            "low": low,
            "high": high,
            "runs": runs,
            "data_version": data_version,
            "code_version": code_version,
            "created": now,
            "decided": None if state == "proposed" else now,
            "by": by,
            "why": why,
            "check_number": check_number,
        }
        with self._engine.begin() as connection:
            due_checks.locked(connection, study_id)
            return champions.add(connection, study_id, values)

    def promote(self, study_id: str, number: int, by: str, why: str) -> ChampionRow | None:
        """The one before becomes a former one. None: it is the champion already, or there is no such one."""
        with self._engine.begin() as connection:
            due_checks.locked(connection, study_id)
            return champions.promote(connection, study_id, number, by, why, self._clock())

    def reject(self, study_id: str, number: int, by: str, why: str) -> ChampionRow | None:
        """None: it is not proposed."""
        with self._engine.begin() as connection:
            due_checks.locked(connection, study_id)
            return champions.reject(connection, study_id, number, by, why, self._clock())

    def note_runs(self) -> None:
        """Of champions whose trainings are whole in MLflow by now: before, their runs may hold no model yet."""
        with self._reader.connect() as connection:
            found = champions.arrived(connection)
        for study_id, number, run_id in found:
            with self._engine.begin() as connection:
                due_checks.locked(connection, study_id)
                champions.set_run(connection, study_id, number, run_id)

    def changed_since(self, since: float) -> list[ChampionRow]:
        """Those of all studies that hold, or are proposed, since then."""
        with self._reader.connect() as connection:
            return champions.changed_since(connection, since)

    def without_champion(self) -> list[str]:
        """Studies that ended with something to recommend and recommend nothing; neither checks nor what tuned again."""
        with self._reader.connect() as connection:
            return champions.without(connection)

    # What MLflow is told

    def unwritten(self) -> list[tuple[str, int]]:
        """Studies of which MLflow was not told all of the above, each with the place of its newest change."""
        with self._reader.connect() as connection:
            return due_checks.unwritten(connection)

    def written(self, study_id: str, change: int) -> None:
        """MLflow was told of all changes up to this one."""
        with self._engine.begin() as connection:
            due_checks.written(connection, study_id, change)
