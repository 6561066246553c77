"""The next point of a round: mostly inside the box, near what was good and away from what was not.

A trial in seven looks outside the box, so that a better region is never out of reach. The others are chosen
among crossed and changed leading trials and draws from the box, by the ratio of two kernel densities along each
parameter, of the leaders and of the rest (Bergstra et al., "Algorithms for hyper-parameter optimization",
NIPS 2011, eq. 4 and section 4).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from caviar.search.plain import low_discrepancy, uniform
from caviar.search.rounds import Round
from caviar.search.sobol import sobol_point
from caviar.search.values import Result, Settings, best_first
from caviar.search.zoom.pace import leaders, rank_weights
from caviar.space import Box, Categorical, Interval, Params, Space
from caviar.space.parameter import Floats

Flags = npt.NDArray[np.bool_]
START = "The first trials spread evenly over the whole space."
OUTSIDE = 0.15
"""Share of the proposals that lie outside the box."""
CANDIDATES = 24
FROM_BOX = 0.25
"""Share of the candidates drawn evenly from the box; the others come from the leading trials."""
CROSSED = 0.8
"""Share of the candidates that take each coordinate from another leader; the others start from one."""
STEP = 0.7
"""Standard deviation of a change, in widths of the side, for a single leader; it falls with their number."""
FLIP = 0.3
"""Share of the category changes that draw anew from the box's categories."""
KERNEL = 0.5
"""Width of a kernel, in widths of the side, for a single trial; it falls with their number (Scott's rule)."""
REST = 60
"""Trials behind the leaders that count as what to keep away from."""
EAGERNESS = {1: 1.0, 2: 0.8, 3: 0.6, 4: 0.4}
"""How readily a parameter is changed in a leading trial, by tier: the trials go where they matter."""


def candidates(
    space: Space,
    settings: Settings,
    round_: Round,
    results: Sequence[Result],
    pending: Sequence[Params],
    number: int,
    prior: Sequence[Result] = (),
) -> Iterator[Params]:
    """Points to propose for trial ``number``, the preferred one first, without end."""
    ranked = best_first(results, settings.goal)
    lead = leaders(ranked)
    if round_.kind in ("start", "restart") or not lead:
        if number == 0:
            yield _defaults(space, settings)
        yield from low_discrepancy(space, settings, round_, results, pending, number, prior)
        return
    rng = np.random.default_rng([settings.seed, number, 1])
    if rng.random() < OUTSIDE:
        for _ in range(16):
            params = space.from_unit(rng.random(len(space)))
            if not round_.box.contains(params):
                yield params
    vectors = _near(space, round_.box, lead, rng)
    points = [space.from_unit(vector) for vector in vectors]
    away = [result.params for result in ranked[len(lead) :][:REST]] + list(pending)
    gain = _gain(space, round_.box, points, [result.params for result in lead], away)
    for place in np.argsort(-gain, kind="stable"):
        yield points[place]
    yield from uniform(space, settings, round_, results, pending, number, prior)


def _defaults(space: Space, settings: Settings) -> Params:
    """The first point of the sequence, with the study's own defaults where it has some: trial 0."""
    vector = sobol_point(0, len(space), settings.seed)
    for place, parameter in enumerate(space):
        if parameter.default is not None:
            vector[place] = parameter.to_unit(parameter.default)
    return space.from_unit(vector)


def _near(space: Space, box: Box, lead: Sequence[Result], rng: np.random.Generator) -> Floats:
    """Shape (CANDIDATES, d): leaders crossed and changed within the box, and even draws from it."""
    count, d = CANDIDATES, len(space)
    drawn, width = _drawn(box, rng, count)
    low, high = _limits(box)
    places, active = space.encode([result.params for result in lead])
    weights = rank_weights(len(lead))
    one = rng.choice(len(lead), size=(count, 1), p=weights)
    each = rng.choice(len(lead), size=(count, d), p=weights)
    chosen = np.where(rng.random((count, 1)) < CROSSED, each, one)
    columns = np.arange(d)
    base = np.where(active[chosen, columns], places[chosen, columns], drawn)
    eager = np.array([EAGERNESS.get(p.tier or 2, 0.8) for p in space])
    change = rng.random((count, d)) < eager
    change[np.arange(count), rng.integers(0, d, size=count)] = True
    steps = base + rng.normal(size=(count, d)) * width * STEP * len(lead) ** -0.2
    numeric = np.array([isinstance(side, Interval) for side in box.sides])
    steps = np.clip(_mirrored(steps, low, high), low, high)
    steps = np.where(numeric, steps, np.where(rng.random((count, d)) < FLIP, drawn, base))
    fresh = rng.random((count, 1)) < FROM_BOX
    return np.asarray(np.where(fresh, drawn, np.where(change, steps, base)))


def _limits(box: Box) -> tuple[Floats, Floats]:
    ends = [(s.lo, s.hi) if isinstance(s, Interval) else (0.0, 1.0) for s in box.sides]
    low, high = np.array(ends).T
    return low, high


def _mirrored(values: Floats, low: Floats, high: Floats) -> Floats:
    values = np.where(values < low, 2 * low - values, values)
    return np.asarray(np.where(values > high, 2 * high - values, values))


def _drawn(box: Box, rng: np.random.Generator, count: int) -> tuple[Floats, Floats]:
    """Even draws from the box, shape (count, d), and the widths of its sides, shape (d,)."""
    low, high = _limits(box)
    drawn = low + rng.random((count, len(low))) * (high - low)
    for place, (parameter, side) in enumerate(zip(box.space, box.sides, strict=True)):
        if isinstance(parameter, Categorical) and not isinstance(side, Interval):
            kept = np.array([parameter.to_unit(choice) for choice in side.choices])
            drawn[:, place] = kept[rng.integers(0, len(kept), size=count)]
    return drawn, high - low


def _gain(
    space: Space,
    box: Box,
    points: Sequence[Params],
    good: Sequence[Params],
    bad: Sequence[Params],
) -> Floats:
    """log density of the leaders over that of the others, summed over active parameters, shape (n,)."""
    places, active = space.encode(points)
    gain = np.zeros(len(points))
    for sign, observed, weights in (
        (1.0, good, rank_weights(len(good))),
        (-1.0, bad, np.full(len(bad), 1 / max(len(bad), 1))),
    ):
        if not observed:
            continue
        others, known = space.encode(observed)
        gain += sign * (_log_density(space, box, places, others, known, weights) * active).sum(1)
    return gain


def _log_density(
    space: Space, box: Box, places: Floats, others: Floats, known: Flags, weights: Floats
) -> Floats:
    """Shape (n, d): a kernel estimate along each parameter, mixed with the even density of one trial."""
    low, high = _limits(box)
    width = np.maximum((high - low) * len(others) ** -0.2 * KERNEL, 0.01)
    numeric = np.array([not isinstance(parameter, Categorical) for parameter in space])
    apart = (places[:, None, :] - others[None, :, :]) / width
    kernel = np.exp(-0.5 * apart**2) / (width * np.sqrt(2 * np.pi))
    bins = np.array([len(p.choices) if isinstance(p, Categorical) else 1 for p in space])
    equal = np.abs(places[:, None, :] - others[None, :, :]) < 1e-6
    density = np.where(numeric, kernel, equal * bins)
    mass = weights[None, :, None] * known[None]
    share = 1.0 / (len(others) + 1)
    total = np.maximum(mass.sum(axis=1), 1e-12)
    return np.asarray(np.log((1 - share) * (mass * density).sum(axis=1) / total + share))
