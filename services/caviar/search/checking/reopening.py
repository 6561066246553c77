"""Tuning again: the last good box, widened."""

from __future__ import annotations

from caviar.search.rounds import Round
from caviar.space import Box, Interval, Kept
from caviar.space.box import Side

WIDER = 3.0
"""Times the last good box."""
LEAST = 0.5
"""A side's least width, in units of the scale."""


def reopened(round_: Round, title: str, user: str | None = None) -> Round:
    """Round 0 of a study that tunes again: the last good box, widened.

    Without the old round's memory: its kernels and pace are of a box that is too narrow by now.
    """
    space = round_.box.space
    box = Box(space, tuple(_wider(side) for side in round_.box.sides))
    whole = Box.whole(space)
    sides = tuple(
        every if isinstance(every, Kept) else side
        for side, every in zip(box.sides, whole.sides, strict=True)
    )
    box = Box(space, sides)
    who = f"{user} tunes" if user else "Tuning"
    return Round(
        index=0,
        box=box,
        kind="reopen",
        reason=f"{who} {title} again, from the box of round {round_.index}, widened.",
        changes={
            name: "kept" if after == before else "widened"
            for name, before, after in zip(space.names, round_.box.sides, box.sides, strict=True)
        },
    )


def _wider(side: Side) -> Side:
    if not isinstance(side, Interval):
        return side
    width = min(max(side.width * WIDER, LEAST), 1.0)
    middle = 0.5 * (side.lo + side.hi)
    lo = min(max(middle - width / 2, 0.0), 1.0 - width)
    return Interval(lo, lo + width)
