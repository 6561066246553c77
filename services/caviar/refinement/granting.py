"""Sees to it that each team may see its own experiments in MLflow, and nobody else.

What is missing is found by asking MLflow: whatever was interrupted, made earlier, or lost there comes back by itself.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

from caviar.adapters.mlflow_grants import Grants
from caviar.adapters.sql import Store

log = logging.getLogger("caviar.refiner")

AGAIN_S = 60.0
"""Whoever took a grant away by hand has it back after this."""


class Granting:
    """``teams`` gives the names of those that there are."""

    def __init__(self, store: Store, teams: Callable[[], Iterable[str]], grants: Grants) -> None:
        self._store = store
        self._teams = teams
        self._grants = grants
        self._seen: dict[str, frozenset[str]] | None = None
        self._again = 0.0

    def turn(self) -> None:
        """All teams and all experiments of studies, where there are new ones, or the last look is long ago.

        Raises ServiceError where MLflow does not answer.
        """
        wanted: dict[str, frozenset[str]] = dict.fromkeys(self._teams(), frozenset())
        wanted |= self._store.experiments()
        now = time.monotonic()
        if wanted == self._seen and now < self._again:
            return
        for line in self._grants.see_to(wanted):
            log.info("made in MLflow: %s", line)
        self._seen, self._again = wanted, now + AGAIN_S

    def opened(self, team: str, experiment_id: str) -> None:
        """Before anybody is told of a new experiment: its workers may write to it from the first moment."""
        self._grants.see_to({team: [experiment_id]})
