"""The next box: each side follows the places of the leading trials along its parameter.

Along a number, the leaders' weighted spread asks for a width of five standard deviations. A side gives way
by at most a fifth a round and stays within the old one; where the best trial sits at the box's edge or outside,
the side widens (leaders still spread) or moves (leaders together) instead. A side never passes the study's
own bounds. A category goes once it was tried and looks clearly worse than the best one. A parameter that
matters little keeps its leaders spread, and so its side wide: dimensions narrow at the speed of their effect.
"""

from __future__ import annotations

from collections.abc import Sequence

from caviar.search.rounds import Kind, Round
from caviar.search.values import Result, Settings, best_first
from caviar.search.zoom.moves import NARROWEST, moved
from caviar.search.zoom.pace import leaders, round_size, start_size
from caviar.search.zoom.words import change_of, reason_of, restart_reason
from caviar.space import Box, Kept, Numeric, Space

FEWEST = 3
"""Trials that did not fail, below which there is no region to speak of."""
STALLED = 2
"""Rounds without a better trial after which a collapsed box starts over."""


def refine(
    space: Space,
    settings: Settings,
    rounds: Sequence[Round],
    results: Sequence[Result],
    _prior: Sequence[Result] = (),
) -> Round | None:
    """The next round once enough trials have finished since the current one; otherwise None."""
    now = rounds[-1]
    due = start_size(space) if now.kind in ("start", "restart") else round_size(space)
    ranked = best_first(results, settings.goal)
    lead = leaders(ranked)
    if len(results) - now.results < due or len(lead) < FEWEST:
        return None
    best = lead[0]
    waiting = best.number == now.incumbent and now.kind != "restart"
    stalled = int(now.memory.get("stalled", 0)) + 1 if waiting else 0
    kind: Kind
    if stalled >= STALLED and _collapsed(now.box):
        box, kind, reason = Box.whole(space), "restart", restart_reason(best, stalled)
        changes = dict.fromkeys(space.names, "widened to its whole range")
        stalled = 0
    else:
        pairs = zip(space, now.box.sides, strict=True)
        moves = [moved(parameter, side, ranked, lead) for parameter, side in pairs]
        box = Box(space, tuple(move.after for move in moves))
        moves = [move.settled(side) for move, side in zip(moves, box.sides, strict=True)]
        kind = _kind(box, now.box)
        changes = {move.parameter.name: change_of(move, best) for move in moves}
        new_best = best.number != now.incumbent
        reason = reason_of(kind, moves, lead, len(results), new_best=new_best)
    return Round(
        index=now.index + 1,
        box=box,
        kind=kind,
        reason=reason,
        changes=changes,
        parent=now.index,
        support=tuple(result.number for result in lead),
        results=len(results),
        best=best.value,
        incumbent=best.number,
        memory={"stalled": stalled},
    )


def _kind(box: Box, before: Box) -> Kind:
    if box == before:
        return "keep"
    if box.inside(before):
        return "shrink"
    return "widen" if before.inside(box) else "move"


def _collapsed(box: Box) -> bool:
    """Whether every side is as narrow as it gets: nothing is left to zoom into."""
    for parameter, side in zip(box.space, box.sides, strict=True):
        if isinstance(side, Kept):
            open_ = len(side.choices) > 1
        elif isinstance(parameter, Numeric) and parameter.type == "int":
            first, last = parameter.whole_numbers(side.lo, side.hi)
            open_ = last - first > 2 and side.width > 1.5 * NARROWEST
        else:
            open_ = side.width > 1.5 * NARROWEST
        if open_:
            return False
    return True
