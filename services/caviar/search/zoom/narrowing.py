"""The next box: around the best trial that the model believes in, its sides in proportion to the length scales.

The sides follow one length (``pace``), longer along a parameter whose length scale is longer: where little
changes, the box stays wide. It never passes the study's own bounds, always holds the best trial, and a category
leaves it once it was tried and looks clearly worse than the best one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from caviar.search.history import History
from caviar.search.rounds import Kind, Round
from caviar.search.values import Result, Settings
from caviar.search.zoom.model import Kernel, Posterior, features, fit
from caviar.search.zoom.moves import Move, moved
from caviar.search.zoom.observed import observed
from caviar.search.zoom.pace import (
    START,
    WINS,
    Pace,
    first_pace,
    leaders,
    next_pace,
    rhythm,
    spread,
    wins_since,
)
from caviar.search.zoom.targets import SHAPES, Shape, targets
from caviar.search.zoom.trend import Trend, fitted
from caviar.search.zoom.words import Cause, change_of, edge_of, reason_of, restart_reason
from caviar.space import Box, Space
from caviar.space.parameter import Floats

FEWEST = 3
"""Trials that can be the best, below which there is no region to speak of."""


def refine(
    space: Space,
    settings: Settings,
    rounds: Sequence[Round],
    results: Sequence[Result],
    prior: Sequence[Result] = (),
) -> Round | None:
    """The next round once it is due, otherwise None.

    It is due after a few more trials (``pace.rhythm``), or at once when trials beat the best one twice or the
    best one lies outside the box. ``memory`` keeps the pace and the fitted kernels.
    """
    history = History.of(space, settings.goal, results)
    now = rounds[-1]
    ranked = history.best_places()
    if len(ranked) < FEWEST or not _due(space, history, now, history[ranked[0]]):
        return None
    best = history[ranked[0]]
    fresh = "length" not in now.memory
    pace = first_pace(history, best) if fresh else next_pace(space, history, now, best)
    seen = observed(history, settings.seed)
    points = features(space, seen.units, seen.active)
    aims = {shape: targets(seen.losses, shape) for shape in SHAPES}
    elsewhere = History.of(space, settings.goal, prior)
    trend = fitted(elsewhere, settings.seed, points, aims["power"])
    kernels = _kernels(space, points, aims, trend, now)
    lead = leaders([history[place] for place in ranked[:40]], len(ranked))
    nothing = np.empty((0, points.shape[1]))
    posterior = Posterior(space, kernels["power"], points, aims["power"], nothing, trend)
    # The observed point where the model expects the least loss: a lucky value is not enough.
    centre = seen.units[np.argmin(np.where(seen.eligible, posterior(points)[0], np.inf))]
    widths = pace.length * spread(kernels["power"].lengths)
    moves = [
        moved(parameter, side, history, lead, float(centre[place]), float(widths[place]))
        for place, (parameter, side) in enumerate(zip(space, now.box.sides, strict=True))
    ]
    box = Box(space, tuple(move.after for move in moves))
    moves = [move.settled(side) for move, side in zip(moves, box.sides, strict=True)]
    kind: Kind = "restart" if pace.restarted else _kind(box, now.box)
    return Round(
        index=now.index + 1,
        box=box,
        kind=kind,
        reason=_reason(kind, history, now, pace, moves, lead),
        changes={move.parameter.name: change_of(move, best) for move in moves},
        parent=now.index,
        support=tuple(result.number for result in lead),
        results=len(history),
        best=best.value,
        incumbent=best.number,
        memory=_memory(pace, kernels, trend),
        edges={move.parameter.name: edge for move in moves if (edge := edge_of(move, best))},
    )


def _due(space: Space, history: History, now: Round, best: Result) -> bool:
    new = len(history) - now.results
    if "length" not in now.memory:
        return new >= START
    if new <= 0:
        return False
    if new >= rhythm(space, len(history)) or wins_since(history, now) >= WINS:
        return True
    # After an undo the best trial may lie outside of the box that a person wants.
    return best.number != now.incumbent and not now.box.contains(best.params)


def _kernels(
    space: Space, points: Floats, aims: Mapping[Shape, Floats], trend: Trend | None, now: Round
) -> dict[Shape, Kernel]:
    """For each shape of the targets, beginning at the kernel of the round before."""
    before = now.memory.get("kernels", {})
    expected = trend(points) if trend else 0.0
    return {
        shape: fit(
            space,
            points,
            aims[shape] - expected,
            Kernel.from_json(before[shape]) if shape in before else None,
        )
        for shape in SHAPES
    }


def _memory(pace: Pace, kernels: Mapping[Shape, Kernel], trend: Trend | None) -> dict[str, Any]:
    memory: dict[str, Any] = {
        "length": pace.length,
        "mark": pace.mark,
        "ties": pace.ties,
        "kernels": {shape: kernel.to_json() for shape, kernel in kernels.items()},
    }
    return memory | {"trend": trend.to_json()} if trend else memory


def _reason(
    kind: Kind,
    history: History,
    now: Round,
    pace: Pace,
    moves: Sequence[Move],
    lead: Sequence[Result],
) -> str:
    best = lead[0]
    if kind == "restart":
        return restart_reason(best, len(history) - int(now.memory["mark"]))
    length = float(now.memory.get("length", 0.0))
    cause: Cause
    if "length" not in now.memory:
        cause = "first"
    elif wins_since(history, now) >= WINS:
        cause = "wins"
    elif best.number != now.incumbent:
        cause = "better"
    elif pace.ties > int(now.memory["ties"]) and pace.length >= length:
        cause = "ties"
    else:
        cause = "nothing" if pace.length < length else "model"
    count = (
        len(history) - now.results if cause != "nothing" else len(history) - int(now.memory["mark"])
    )
    if cause == "wins":
        count = wins_since(history, now)
    return reason_of(kind, cause, count, moves, lead, len(history))


def _kind(box: Box, before: Box) -> Kind:
    if box == before:
        return "keep"
    if box.inside(before):
        return "shrink"
    return "widen" if before.inside(box) else "move"
