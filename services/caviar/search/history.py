"""The results of a search, encoded once: what ``refine`` and ``propose`` read in every call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import numpy as np
import numpy.typing as npt

from caviar.contract.messages import ParameterValue
from caviar.search.values import Result
from caviar.space import Space
from caviar.space.parameter import Floats

Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]
FIRST_ROOM = 64


class History(Sequence[Result]):
    """Results in the order in which they came, and their arrays. It only grows.

    Whatever is read from it beside the sequence itself does not depend on that order: see ``by_number``.
    """

    def __init__(self, space: Space, goal: str, results: Iterable[Result] = ()) -> None:
        self.space = space
        self.goal = goal
        self.keys: set[tuple[ParameterValue | None, ...]] = set()
        self._results: list[Result] = []
        self._units = np.empty((FIRST_ROOM, len(space)))
        self._active = np.empty((FIRST_ROOM, len(space)), dtype=np.bool_)
        self._losses = np.empty(FIRST_ROOM)
        self._ranking = np.empty(FIRST_ROOM)
        self._numbers = np.empty(FIRST_ROOM, dtype=np.int64)
        self._stopped = np.empty(FIRST_ROOM, dtype=np.bool_)
        self._violations = np.empty(FIRST_ROOM)
        self._last_steps = np.empty(FIRST_ROOM, dtype=np.int64)
        self._rungs: dict[int, Floats] = {}
        self.extend(results)

    @classmethod
    def of(cls, space: Space, goal: str, results: Sequence[Result]) -> History:
        """The results as they are where they are a history of this search already; otherwise encoded anew."""
        if isinstance(results, History) and results.space is space and results.goal == goal:
            return results
        return cls(space, goal, results)

    def add(self, result: Result) -> None:
        self.extend([result])

    def extend(self, results: Iterable[Result]) -> None:
        new = list(results)
        if not new:
            return
        first, last = len(self._results), len(self._results) + len(new)
        if last > len(self._losses):
            self._grow(last)
        units, active = self.space.encode([result.params for result in new])
        self._units[first:last], self._active[first:last] = units, active
        self._losses[first:last] = [self._loss(result) for result in new]
        self._ranking[first:last] = [
            loss if result.succeeded else np.inf
            for loss, result in zip(self._losses[first:last], new, strict=True)
        ]
        self._numbers[first:last] = [result.number for result in new]
        self._stopped[first:last] = [result.stopped for result in new]
        self._violations[first:last] = [result.violation for result in new]
        self._last_steps[first:last] = [
            result.curve[-1][0] if result.curve else -1 for result in new
        ]
        self._add_curves(first, new)
        self._results += new
        self.keys.update(self.space.key(result.params) for result in new)

    def _add_curves(self, first: int, new: Sequence[Result]) -> None:
        sign = -1.0 if self.goal == "maximize" else 1.0
        for place, result in enumerate(new, start=first):
            for step, value in result.curve:
                if step not in self._rungs:
                    self._rungs[step] = np.full(len(self._losses), np.nan)
                self._rungs[step][place] = sign * value

    def _grow(self, needed: int) -> None:
        room = max(needed, 2 * len(self._losses))
        for step, reached in self._rungs.items():
            self._rungs[step] = np.concatenate([reached, np.full(room - len(reached), np.nan)])
        for name in (
            "_units",
            "_active",
            "_losses",
            "_ranking",
            "_numbers",
            "_stopped",
            "_violations",
            "_last_steps",
        ):
            old = getattr(self, name)
            new = np.empty((room, *old.shape[1:]), dtype=old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)

    def _loss(self, result: Result) -> float:
        if result.value is None or not result.finite:
            return np.inf
        return -result.value if self.goal == "maximize" else result.value

    def __len__(self) -> int:
        return len(self._results)

    def __iter__(self) -> Iterator[Result]:
        return iter(self._results)

    @overload
    def __getitem__(self, place: int) -> Result: ...
    @overload
    def __getitem__(self, place: slice) -> list[Result]: ...
    def __getitem__(self, place: int | slice) -> Result | list[Result]:
        return self._results[place]

    @property
    def units(self) -> Floats:
        """Shape (n, d), in the cube."""
        return self._units[: len(self)]

    @property
    def active(self) -> Flags:
        """Shape (n, d)."""
        return self._active[: len(self)]

    @property
    def losses(self) -> Floats:
        """Shape (n,): the metric, to be minimised; ``inf`` for a failed trial."""
        return self._losses[: len(self)]

    @property
    def numbers(self) -> npt.NDArray[np.int64]:
        """Shape (n,): the trials' numbers."""
        return self._numbers[: len(self)]

    @property
    def ranking(self) -> Floats:
        """Shape (n,): the losses of trials that can be the best, ``inf`` for all others."""
        return self._ranking[: len(self)]

    @property
    def stopped(self) -> Flags:
        """Shape (n,): which trials a stopping rule ended."""
        return self._stopped[: len(self)]

    @property
    def violations(self) -> Floats:
        """Shape (n,): how far beyond the study's bounds; 0 within them."""
        return self._violations[: len(self)]

    @property
    def last_steps(self) -> npt.NDArray[np.int64]:
        """Shape (n,): the last step of each trial's curve; -1 where it has none."""
        return self._last_steps[: len(self)]

    @property
    def rungs(self) -> dict[int, Floats]:
        """By step, shape (n,): the losses that trials had there; NaN for those that have no value at that step."""
        return {step: reached[: len(self)] for step, reached in self._rungs.items()}

    def best_places(self) -> Places:
        """Places of the trials that can be the best, best first; ties by number."""
        order = np.lexsort((self.numbers, self.ranking))
        return order[: int(np.isfinite(self.ranking).sum())]

    def by_number(self) -> Places:
        """Places in the order of the trials' numbers: the same whatever order the results came in."""
        return np.argsort(self.numbers, kind="stable")
