"""The search alone, for notebooks and benchmarks: ask for a point, tell its value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from caviar.contract.messages import ParameterValue
from caviar.errors import InputError
from caviar.search.history import History
from caviar.search.peers import missing_packages
from caviar.search.rounds import Round
from caviar.search.strategies import first_round, propose, refine
from caviar.search.values import Result, Settings
from caviar.space import Space


@dataclass(frozen=True, slots=True)
class Asked:
    """A point to evaluate, with the number of its trial and of the round that proposed it."""

    number: int
    params: Mapping[str, ParameterValue]
    round: int


class Searcher:
    """Keeps the results and rounds of one search; the work is done by ``refine`` and ``propose``.

    >>> space = Space.parse({"x": {"type": "float", "low": -1.0, "high": 1.0}})
    >>> searcher = Searcher(space, goal="minimize", seed=0)
    >>> for _ in range(30):
    ...     point = searcher.ask()
    ...     searcher.tell(point, float(point.params["x"]) ** 2)
    >>> searcher.best.value < 0.01
    True
    """

    def __init__(
        self,
        space: Space,
        *,
        goal: Literal["minimize", "maximize"],
        strategy: str = "zoom",
        seed: int = 0,
        budget: int | None = None,
        prior: Sequence[Result] = (),
    ) -> None:
        """``budget`` settles how fine a grid is; ``prior`` are results from elsewhere, which may mislead.

        Raises InputError for settings that do not exist, or a strategy whose packages are not installed.
        """
        self.space = space
        self.settings = Settings(goal, strategy, seed, budget)
        missing = missing_packages(strategy)
        if missing is not None:
            raise InputError(missing)
        self._prior = History(space, self.settings.goal, prior)
        self._rounds = [first_round(space, self.settings)]
        self._results = History(space, self.settings.goal)
        self._pending: dict[int, Asked] = {}
        self._asked = 0

    @property
    def round(self) -> Round:
        """The current round: the box and why."""
        return self._rounds[-1]

    @property
    def rounds(self) -> tuple[Round, ...]:
        return tuple(self._rounds)

    @property
    def results(self) -> tuple[Result, ...]:
        return tuple(self._results)

    @property
    def best(self) -> Result | None:
        """The best finished point; None before the first that did not fail."""
        ranked = self._results.best_places()
        return self._results[ranked[0]] if len(ranked) else None

    def ask(self) -> Asked:
        """The next point. It is pending until it is told; ask as often as there are workers.

        Raises Exhausted when a grid has no point left.
        """
        pending = [asked.params for asked in self._pending.values()]
        params = propose(
            self.space,
            self.settings,
            self.round,
            self._results,
            pending,
            self._asked,
            self._prior,
        )
        asked = Asked(self._asked, params, self.round.index)
        self._pending[asked.number] = asked
        self._asked += 1
        return asked

    def tell(
        self,
        point: Asked,
        value: float | None,
        *,
        stopped: bool = False,
        curve: Sequence[tuple[int, float]] = (),
        violation: float = 0.0,
    ) -> None:
        """The value of a point, in any order; None (or a value that is not finite) for a failed one.

        ``stopped``, ``curve`` and ``violation`` as in ``Result``: for a training that was ended early, and for one
        that is beyond a bound on another metric.

        Raises InputError for a point that was not asked for or was told before.
        """
        if self._pending.get(point.number) != point:
            raise InputError(
                f"Point {point.number} is not pending: it was told before, or never asked."
            )
        del self._pending[point.number]
        self._results.add(
            Result(point.number, point.params, value, stopped, tuple(curve), violation)
        )
        new = refine(self.space, self.settings, self._rounds, self._results, self._prior)
        if new is not None:
            self._rounds.append(new)
