"""Where the optimum lies by the first look: a parabola along each parameter that a neighbour moves.

Box and Wilson, "On the experimental attainment of optimum conditions", 1951, with one step for each parameter. Where
only one side of a parameter was looked at, its curvature is taken from the others: a neighbour is a box width away, and
widths are chosen so that about the same is lost at the end of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from caviar.space import Numeric, Params, Space

SAME = 1e-9
INSIDE = 0.5
"""In box widths: an optimum nearer than this to the champion still lies in its box."""
FARTHEST = 1.5
"""In box widths: what a parabola says farther out than this was not looked at."""
FEWEST = 3
"""Parameters from which a curvature that is shared by all can be taken."""
CLEAR = 2.0
"""Standard deviations of a training that a curvature must be worth: below, the parabola is noise."""


@dataclass(frozen=True, slots=True)
class Arm:
    """A neighbour that differs from the champion in one number: by ``step`` on its unit scale, and its loss less the
    champion's."""

    place: int
    step: float
    loss: float


def widths_of(space: Space, points: Sequence[Params]) -> dict[int, float]:
    """By the parameter's place: how far the neighbours go along it, on its unit scale."""
    found: dict[int, float] = {}
    for arm in arms(space, points, [0.0] * len(points)):
        found[arm.place] = max(found.get(arm.place, 0.0), abs(arm.step))
    return found


def arms(space: Space, points: Sequence[Params], losses: Sequence[float | None]) -> list[Arm]:
    """Of the points after the first, those that differ from it in one number and gave a value."""
    units, active = space.encode(points)
    numeric = np.array([isinstance(parameter, Numeric) for parameter in space])
    found = []
    for unit, on, loss in zip(units[1:], active[1:], losses[1:], strict=True):
        apart = np.flatnonzero(np.abs(unit - units[0]) > SAME)
        if loss is None or losses[0] is None or (on != active[0]).any():
            continue
        if len(apart) == 1 and numeric[apart[0]]:
            place = int(apart[0])
            found.append(Arm(place, float(unit[place] - units[0, place]), loss - losses[0]))
    return found


def predicted(
    space: Space, points: Sequence[Params], losses: Sequence[float | None], noise: float
) -> tuple[Params, float] | None:
    """The point that the parabolas name and the gain that they promise; None where it lies in the champion's box."""
    seen = arms(space, points, losses)
    widths = widths_of(space, points)
    by_place: dict[int, list[Arm]] = {}
    for arm in seen:
        by_place.setdefault(arm.place, []).append(arm)
    curves = {
        place: _through(own, widths[place]) for place, own in by_place.items() if len(own) > 1
    }
    bends = [curve[0] for curve in curves.values()]
    bends += [
        own[0].loss * (widths[place] / own[0].step) ** 2
        for place, own in by_place.items()
        if len(own) == 1
    ]
    shared = median(bends) if len(bends) >= FEWEST else 0.0
    vector, gain = space.to_unit(points[0]), 0.0
    for place, own in by_place.items():
        if place in curves:
            bend, slope = curves[place]
        else:
            step = own[0].step / widths[place]
            bend, slope = shared, (own[0].loss - shared * step * step) / step
        if bend <= CLEAR * noise:
            continue
        shift = -slope / (2.0 * bend)
        if abs(shift) >= INSIDE:
            shift = min(max(shift, -FARTHEST), FARTHEST)
            vector[place] = min(max(vector[place] + shift * widths[place], 0.0), 1.0)
            gain -= bend * shift * shift + slope * shift
    point = space.from_unit(vector)
    return (point, gain) if gain > 0.0 and space.key(point) != space.key(points[0]) else None


def _through(own: Sequence[Arm], width: float) -> tuple[float, float]:
    """(a, b) of a x^2 + b x through 0 and the outermost two, x in widths; a is 0 where both lie on one side."""
    first, last = (
        min(own, key=lambda arm: (arm.step, arm.loss)),
        max(own, key=lambda arm: (arm.step, arm.loss)),
    )
    if first.step >= 0.0 or last.step <= 0.0:
        return 0.0, 0.0
    x, y = first.step / width, last.step / width
    bend = (first.loss / x - last.loss / y) / (x - y)
    return bend, first.loss / x - bend * x
