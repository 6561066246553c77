"""The three functions that a study needs: ``first_round``, ``refine`` and ``propose``.

    first_round -> Round 0        refine(rounds, results) -> the next Round, or None
                                  propose(round, results, pending, number) -> the next point

All are pure: the same settings, results and trial number give the same answer on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from caviar.contract.messages import ParameterValue
from caviar.search import peers, plain, zoom
from caviar.search.history import History
from caviar.search.rounds import Round
from caviar.search.threads import one_thread
from caviar.search.values import PEERS, Exhausted, Result, Settings
from caviar.space import Box, Params, Space, every_point, grid_lattice

TRIES = 200
"""Candidates looked at before a finite space is searched for a point that is left."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """``candidates`` yields points, the preferred one first; ``refine`` is called once it may be due."""

    start: str
    refine: Callable[
        [Space, Settings, Sequence[Round], Sequence[Result], Sequence[Result]], Round | None
    ]
    candidates: Callable[
        [Space, Settings, Round, Sequence[Result], Sequence[Params], int, Sequence[Result]],
        Iterator[Params],
    ]
    ends: bool = False
    """Whether the candidates are all that there are."""


TABLE = {
    "random": Strategy(plain.START["random"], plain.never, plain.uniform),
    "sobol": Strategy(plain.START["sobol"], plain.never, plain.low_discrepancy),
    "grid": Strategy(plain.START["grid"], plain.never, plain.grid, ends=True),
    "zoom": Strategy(zoom.START, zoom.refine, zoom.candidates),
} | {name: Strategy(peers.START[name], plain.never, peers.candidates) for name in PEERS}


def first_round(space: Space, settings: Settings) -> Round:
    """Round 0: the whole space."""
    changes = dict.fromkeys(space.names, "kept")
    reason = TABLE[settings.strategy].start
    return Round(index=0, box=Box.whole(space), kind="start", reason=reason, changes=changes)


@one_thread
def refine(
    space: Space,
    settings: Settings,
    rounds: Sequence[Round],
    results: Sequence[Result],
    prior: Sequence[Result] = (),
) -> Round | None:
    """The next round where one is due, otherwise None.

    ``rounds`` are all so far, the last one being the current; the order of ``results`` does not matter.
    ``prior`` are results from elsewhere (earlier studies, other runs), which may mislead.
    """
    return TABLE[settings.strategy].refine(space, settings, rounds, results, prior)


@one_thread
def propose(
    space: Space,
    settings: Settings,
    round_: Round,
    results: Sequence[Result],
    pending: Sequence[Params],
    number: int,
    prior: Sequence[Result] = (),
) -> dict[str, ParameterValue]:
    """The point of trial ``number``; no point of ``results`` or ``pending`` as long as the space has others.

    Raises Exhausted when a grid has no point left.
    """
    strategy = TABLE[settings.strategy]
    history = History.of(space, settings.goal, results)
    waiting = {space.key(params) for params in pending}
    drawn = strategy.candidates(space, settings, round_, history, pending, number, prior)
    first: Params | None = None
    for params in drawn if strategy.ends else islice(drawn, TRIES):
        first = first or params
        if (key := space.key(params)) not in history.keys and key not in waiting:
            return dict(params)
    if strategy.ends or first is None:
        raise Exhausted(f"All {grid_lattice(space, settings.budget).size:,} points were proposed.")
    lattice = every_point(space)
    taken = history.keys | waiting
    if lattice is not None and len(taken) < lattice.size:
        for turn in range(len(taken) + 1):
            params = lattice.point((number + turn) % lattice.size)
            if space.key(params) not in taken:
                return dict(params)
    return dict(first)


def grid_size(space: Space, settings: Settings) -> int:
    """How many points a grid search of these settings has."""
    return grid_lattice(space, settings.budget).size
