"""Hosts at which trials fail that succeed elsewhere: first doubted, then set aside.

A host counts by the trials that failed there in a row, whatever the study. What decides is how likely such a row is
for the studies it is made of, going by how often their trials fail on the other hosts: a study that fails everywhere
says nothing about a host. As long as the others have not ended enough trials to tell, the host is doubted: it gets no
further trial of that study, and what fails there is tried again elsewhere.

Trials that crash together are one event, however many they are: a process that served them all may have died, which
says little about the host until it happens again and again.

Beside that an operator drains hosts: they get no work, whatever they are good for.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from caviar.adapters.sql import Aside, Drained

IN_A_ROW: Final = 4
"""Different trials that have to fail on a host in a row before anything is held against it."""
APART: Final = 3
"""Events in a row before a host is set aside. A trial that crashes in each is not counted out by then."""
CHANCE: Final = 1e-3
"""A row of failures that comes about by chance less often than this is the host's fault."""
LONGEST: Final = 64
"""Failures of a row that are remembered."""


@dataclass(slots=True)
class _Ends:
    good: int = 0
    bad: int = 0


@dataclass(slots=True)
class _Row:
    """What failed on a host in a row."""

    trials: dict[str, str] = field(default_factory=dict)
    """Trial -> its study."""
    events: int = 0
    last: float = -math.inf
    """When the last event began, in monotonic seconds."""

    def of(self, study: str) -> int:
        return sum(each == study for each in self.trials.values())


class Hosts:
    """Called under the scheduler's lock. Rows and counts live in memory; what is set aside or drained in the store."""

    def __init__(self, aside: Mapping[str, Aside], drained: Mapping[str, Drained]) -> None:
        self.aside = dict(aside)
        self.drained = dict(drained)
        self._rows: dict[str, _Row] = {}
        self._ends: dict[str, dict[str, _Ends]] = {}
        """Study -> host -> how its attempts ended there."""

    def works(self, host: str) -> bool:
        """Whether it may get work."""
        return host not in self.aside and host not in self.drained

    def without_work(self) -> dict[str, str]:
        """The hosts that get none: why, and the way out."""
        return {
            host: f"set aside: {aside.reason}. `caviar workers trust {host}` gives it work again"
            for host, aside in self.aside.items()
        } | {
            host: f"drained. `caviar workers resume {host}` gives it work again"
            for host in self.drained
        }

    def ended(
        self, host: str, study: str, trial: str, good: bool, now: float, began: float | None = None
    ) -> None:
        """An attempt ended on ``host``: with a value, or because it failed or crashed.

        ``began`` is when an attempt that crashed began, on the clock of ``now``.
        """
        ends = self._ends.setdefault(study, {}).setdefault(host, _Ends())
        if good:
            ends.good += 1
            self._rows.pop(host, None)
            return
        ends.bad += 1
        row = self._rows.setdefault(host, _Row())
        row.trials[trial] = study
        if len(row.trials) > LONGEST:
            del row.trials[next(iter(row.trials))]
        if began is None or began >= row.last:
            row.events += 1
            row.last = now

    def trust(self, host: str) -> None:
        """Nothing is held against the host any more."""
        self.aside.pop(host, None)
        self._rows.pop(host, None)
        for ends in self._ends.values():
            ends.pop(host, None)

    def forget(self, study: str) -> None:
        """The study is over."""
        self._ends.pop(study, None)
        for host, row in list(self._rows.items()):
            row.trials = {t: s for t, s in row.trials.items() if s != study}
            if not row.trials:
                del self._rows[host]

    def suspects(self, study: str) -> list[str]:
        """Hosts that may have to be set aside, now that an attempt of ``study`` has ended somewhere."""
        return [
            host
            for host, row in self._rows.items()
            if len(row.trials) >= IN_A_ROW and host not in self.aside and row.of(study)
        ]

    def verdict(self, host: str) -> str | None:
        """Why ``host`` is to be set aside; None where it is not."""
        row = self._rows.get(host, _Row())
        if row.events < APART:
            return None
        chance, counted, studies = 1.0, 0, dict.fromkeys(row.trials.values())
        for study in list(studies):
            there = self._elsewhere(study, host)
            if not there.good:
                del studies[study]
                continue
            mine = row.of(study)
            counted += mine
            chance *= ((there.bad + 1) / (there.good + there.bad + 2)) ** mine
        if counted < IN_A_ROW or chance >= CHANCE:
            return None
        names = f"stud{'y' if len(studies) == 1 else 'ies'} {', '.join(sorted(studies))}"
        return f"its last {counted} trials failed in a row, of {names}, whose trials succeed on other hosts"

    def doubted(self, host: str, study: str, others: Collection[str]) -> bool:
        """Whether ``host`` has to wait for what the ``others``, which could train it too, say about ``study``."""
        mine = self._rows.get(host, _Row()).of(study)
        there = self._elsewhere(study, host)
        return bool(others) and mine >= IN_A_ROW and there.good + there.bad < IN_A_ROW

    def _elsewhere(self, study: str, host: str) -> _Ends:
        ends = [each for name, each in self._ends.get(study, {}).items() if name != host]
        return _Ends(sum(each.good for each in ends), sum(each.bad for each in ends))
