"""How far the reader of a study's events has come: the id of each event."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from caviar.adapters.sql import Mark
from caviar.api.problems import Refused
from caviar.contract.views import StudyNow

_TEXT: Final = re.compile(r"(\d{1,18})\.(\d{1,9})\.([a-z]{0,16})\.(\d{0,9})")


@dataclass(frozen=True, slots=True)
class Position:
    """``1187.12.running.42``: the newest change of a trial, the number of rounds, the state, the best trial.

    It means the same after a restart: each of the four is in the database.
    """

    changed: int = 0
    rounds: int = 0
    state: str = ""
    best: int | None = None

    def __str__(self) -> str:
        best = "" if self.best is None else self.best
        return f"{self.changed}.{self.rounds}.{self.state}.{best}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """``0`` is before everything. Raises Refused (400)."""
        if text.strip() == "0":
            return START
        found = _TEXT.fullmatch(text.strip())
        if found is None:
            detail = "Last-Event-ID is the id of an event of this stream, or 0: everything from the start."
            raise Refused("bad-request", detail)
        changed, rounds, state, best = found.groups()
        return cls(int(changed), int(rounds), state, int(best) if best else None)

    @classmethod
    def of(cls, mark: Mark, now: StudyNow) -> Position:
        return cls(mark.changed, mark.round + 1, now.state, now.best.trial if now.best else None)

    def within(self, mark: Mark) -> Position:
        """Of a study that came back from MLflow the changes are numbered anew: then everything is told again."""
        if self.changed > mark.changed or self.rounds > mark.round + 1:
            return replace(START, state=self.state)
        return self


START: Final = Position()
