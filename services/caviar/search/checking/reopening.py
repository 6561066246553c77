"""Tuning again: the last good box, widened."""

from __future__ import annotations

from caviar.search.rounds import Round
from caviar.space import Box, Categorical, Interval, Kept, Parameter
from caviar.space.box import Side

WIDER = 3.0
"""Times the last good box."""
LEAST = 0.5
"""A side's least width, in units of the scale: what moved by more than the old box is not to be missed at once."""


def reopened(round_: Round, title: str) -> Round:
    """Round 0 of a study that tunes again: the last good box, widened, with all categories.

    Its first trials are spread over this box. The old round's memory stays behind: its kernels and pace are of a metric
    that is no more. What knows the new data are the check's own trainings; told as results, they lead the search.
    """
    space = round_.box.space
    sides = tuple(
        _wider(parameter, side) for parameter, side in zip(space, round_.box.sides, strict=True)
    )
    box = Box(space, sides)
    pairs = zip(space.names, round_.box.sides, box.sides, strict=True)
    return Round(
        index=0,
        box=box,
        kind="reopen",
        reason=f"Tuning {title} again, from the box of round {round_.index}, widened.",
        changes={name: "kept" if now == before else "widened" for name, before, now in pairs},
    )


def _wider(parameter: Parameter, side: Side) -> Side:
    if not isinstance(side, Interval):
        assert isinstance(parameter, Categorical)
        return Kept(parameter.choices)
    width = min(max(side.width * WIDER, LEAST), 1.0)
    lo = min(max(0.5 * (side.lo + side.hi - width), 0.0), 1.0 - width)
    return Interval(lo, min(lo + width, 1.0))
