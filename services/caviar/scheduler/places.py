"""Which GPU of its host a trial gets: one of its own, or a place beside others where its study allows that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from caviar.adapters.sql import TrialRow

KEPT_S: Final = 5.0
"""How long a host is kept for a trial that wants a GPU alone and has asked in vain: it asks again sooner."""


@dataclass(frozen=True, slots=True)
class _Place:
    gpu: str
    alone: bool


@dataclass(frozen=True, slots=True)
class _Waiting:
    trial: str
    until: float


class Places:
    """Who is on which GPU. Called under the scheduler's lock; built again from the running trials at start."""

    def __init__(self) -> None:
        self._taken: dict[str, dict[str, _Place]] = {}
        """Host -> trial -> its place."""
        self._waiting: dict[str, _Waiting] = {}
        """Host -> the trial that it is kept for."""

    def take(
        self, host: str, gpus: Sequence[str], each: int, trial: str, alone: bool, now: float
    ) -> str | None:
        """The GPU for ``trial`` on ``host``, whose ``gpus`` have ``each`` places; None where there is no room now.

        Trials that share are put together, so that other GPUs stay whole. One that wants a GPU alone and finds none
        keeps the host for itself for a moment, otherwise those that share would fill every gap before it.
        """
        here = self._taken.setdefault(host, {})
        if trial in here:
            return here[trial].gpu
        waiting = self._waiting.get(host)
        if waiting is not None and (waiting.trial == trial or waiting.until < now):
            del self._waiting[host]
            waiting = None
        on = {gpu: [place for place in here.values() if place.gpu == gpu] for gpu in gpus}
        if alone:
            fits = [gpu for gpu in gpus if not on[gpu]]
        else:
            fits = [
                gpu for gpu in gpus if len(on[gpu]) < each and not any(p.alone for p in on[gpu])
            ]
        if waiting is not None:
            fits = []
        if not fits:
            if alone and waiting is None:
                self._waiting[host] = _Waiting(trial, now + KEPT_S)
            return None
        gpu = max(fits, key=lambda each_gpu: len(on[each_gpu]))
        here[trial] = _Place(gpu, alone)
        return gpu

    def took(self, row: TrialRow, alone: bool) -> None:
        """Note a trial that ran before this process started."""
        if row.host is not None and row.gpu is not None:
            self._taken.setdefault(row.host, {})[row.id] = _Place(row.gpu, alone)

    def leave(self, host: str | None, trial: str) -> None:
        """The trial's attempt is over."""
        here = self._taken.get(host or "", {})
        here.pop(trial, None)
        if host is not None and not here:
            self._taken.pop(host, None)

    def blocked(self, host: str, each: int) -> int:
        """Slots of ``host`` that stay idle because a trial beside them has its GPU alone."""
        return sum((each - 1) * place.alone for place in self._taken.get(host, {}).values())
