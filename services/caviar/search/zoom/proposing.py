"""The next point of a round: where the model's lower confidence bound is least, mostly inside the box.

Candidates are changes of the best point within the box; a share of the proposals also looks around another good
point far from it and over the whole space, so that a better region is never out of reach.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from caviar.search.history import Flags, History
from caviar.search.plain import uniform
from caviar.search.rounds import Round
from caviar.search.sobol import sobol_point
from caviar.search.values import Result, Settings
from caviar.search.zoom.belief import belief
from caviar.search.zoom.model import features
from caviar.search.zoom.pace import spread
from caviar.search.zoom.targets import SHAPES, SHARES, Shape
from caviar.search.zoom.ties import step_radius
from caviar.search.zoom.trend import first_points
from caviar.space import Box, Categorical, Interval, Params, Space
from caviar.space.parameter import Floats

START = "The first trials spread evenly over the whole space."
BLOCK = 64
"""Points of Sobol's sequence, a power of two."""
CANDIDATES = 400
INSIDE, MIXED = 0.6, 0.2
"""Shares of the proposals that look inside the box alone, and at the box, another region and the whole space;
the rest look outside the box."""
FAR = 0.25
"""Another region is more than this away from the best point along some parameter."""
OPTIMISM = (1.0, 2.0, 3.0)
"""Deviations below the mean at which a candidate is judged, one drawn for each proposal (Srinivas et al., "Gaussian
process optimization in the bandit setting", ICML 2010)."""
FEWEST_JUMPS, MOST_JUMPS = 0.15, 0.5
"""Probability that a changed category is drawn anew: the box's length, within these."""
STEPS = (0.1, 0.03, 0.01)
"""Deviations of the last, local changes to the best candidates, in units of the cube."""
FINALISTS, CHANGES = 4, 12
BEYOND_STEPS = 60
"""Candidates wanted beyond the plateau's steps before the search for them ends."""

Limits = tuple[Floats, Floats]
"""The lowest and the highest place along each parameter, both of shape (d,)."""


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
    history = History.of(space, settings.goal, results)
    elsewhere = History.of(space, settings.goal, prior)
    if "kernels" not in round_.memory or not np.isfinite(history.ranking).any():
        # Behind the results from elsewhere, since a study of the same seed began with the same points; from the start
        # of a block, since a block of the sequence is spread evenly.
        turn = number + math.ceil(len(elsewhere) / BLOCK) * BLOCK
        if number == 0 and "kernels" not in round_.memory and round_.kind != "reopen":
            yield _defaults(space, settings, turn)
        yield from filter(round_.box.contains, first_points(space, elsewhere, history))
        yield _spread(round_.box, settings, turn)
        yield from uniform(space, settings, round_, results, pending, number, prior)
        return
    rng = np.random.default_rng([settings.seed, number, 1])
    for vector in _ranked(space, settings, round_, history, pending, elsewhere, rng):
        yield space.from_unit(vector)
    yield from uniform(space, settings, round_, results, pending, number, prior)


def _defaults(space: Space, settings: Settings, turn: int) -> Params:
    """The point of the sequence at ``turn``, with the study's own defaults where it has some: trial 0."""
    vector = sobol_point(turn, len(space), settings.seed)
    for place, parameter in enumerate(space):
        if parameter.default is not None:
            vector[place] = parameter.to_unit(parameter.default)
    return space.from_unit(vector)


def _spread(box: Box, settings: Settings, number: int) -> Params:
    """The point of Sobol's scrambled sequence with the trial's number, laid over the box: the space, or a branch's."""
    vector = sobol_point(number, len(box.space), settings.seed)
    for place, (parameter, side) in enumerate(zip(box.space, box.sides, strict=True)):
        if isinstance(side, Interval):
            vector[place] = side.lo + vector[place] * side.width
        else:
            chosen = side.choices[int(vector[place] * len(side.choices))]
            vector[place] = parameter.to_unit(chosen)
    return box.space.from_unit(vector)


@dataclass(frozen=True, slots=True)
class _Region:
    """A box in arrays, to draw from: a point, the ends of the sides, and how readily categories change."""

    space: Space
    centre: Floats
    present: Flags
    low: Floats
    high: Floats
    kept: dict[int, Floats]
    jumps: float

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        """Shape (count, d): changes of the centre, half of them along all parameters, half along some."""
        d = len(self.space)
        drawn = self.low + rng.random((count, d)) * (self.high - self.low)
        base = np.where(self.present, self.centre, drawn)
        readily = np.where(rng.random((count, 1)) < 0.5, 1.0, rng.random((count, 1)))
        change = rng.random((count, d)) < readily
        change[np.arange(count), rng.integers(0, d, size=count)] = True
        for place, choices in self.kept.items():
            drawn[:, place] = choices[rng.integers(0, len(choices), size=count)]
            change[:, place] &= rng.random(count) < self.jumps
        return np.asarray(np.where(change, drawn, base))

    def wider(self, centre: Floats, factor: float) -> _Region:
        """The same sides, times ``factor``, around another centre."""
        half = (self.high - self.low) * factor / 2
        low, high = np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)
        return _Region(self.space, centre, self.present, low, high, self.kept, self.jumps)


def _region(box: Box, centre: Floats, present: Flags, length: float) -> _Region:
    ends = [(s.lo, s.hi) if isinstance(s, Interval) else (0.0, 1.0) for s in box.sides]
    low, high = np.array(ends).T
    kept = {
        place: np.array([parameter.to_unit(choice) for choice in side.choices])
        for place, (parameter, side) in enumerate(zip(box.space, box.sides, strict=True))
        if isinstance(parameter, Categorical) and not isinstance(side, Interval)
    }
    jumps = min(max(length, FEWEST_JUMPS), MOST_JUMPS)
    return _Region(box.space, centre, present, low, high, kept, jumps)


def _ranked(
    space: Space,
    settings: Settings,
    round_: Round,
    history: History,
    pending: Sequence[Params],
    elsewhere: History,
    rng: np.random.Generator,
) -> Floats:
    """Shape (n, d): candidates in the cube, the best first."""
    shape: Shape = SHAPES[int(rng.choice(len(SHAPES), p=SHARES))]
    believed = belief(settings, round_, shape, history, pending, elsewhere)
    seen, posterior = believed.seen, believed.posterior
    means = posterior(features(space, seen.units, seen.active))[0]
    inside = seen.eligible & _within(round_.box, seen.units, seen.active)
    start = int(np.argmin(np.where(inside if inside.any() else seen.eligible, means, np.inf)))
    region = _region(
        round_.box, seen.units[start], seen.active[start], float(round_.memory["length"])
    )

    whole = (np.zeros(len(space)), np.ones(len(space)))

    def vectors(count: int) -> tuple[Floats, Limits]:
        place = rng.random()
        if place < INSIDE:
            return region.draw(count, rng), (region.low, region.high)
        if place >= INSIDE + MIXED:
            everywhere = rng.random((count, len(space)))
            outside = ~_within(round_.box, *space.snap(everywhere))
            return everywhere[outside] if outside.any() else everywhere, whole
        parts = [region.draw(count // 3, rng), rng.random((count // 3, len(space)))]
        far = np.abs(seen.units - seen.units[start]).max(axis=1) > FAR
        if (far & seen.eligible).any():
            other = int(np.argmin(np.where(far & seen.eligible, means, np.inf)))
            parts.append(region.wider(seen.units[other], 1.0).draw(count // 3, rng))
        return np.concatenate(parts), whole

    optimism = float(rng.choice(OPTIMISM))
    radius = step_radius(posterior.observed_distances(), seen.losses)

    def score(units: Floats, active: Flags) -> Floats:
        """Less is better; points within a step of a known one come last."""
        described = features(space, units, active)
        mean, deviation = posterior(described)
        bound = mean - optimism * deviation
        return bound + 1e3 * (posterior.nearest(described) <= radius) if radius > 0 else bound

    drawn, limits = vectors(CANDIDATES)
    units, active = space.snap(drawn)
    if radius > 0:
        for factor in (2.0, 4.0, 8.0, math.inf):
            beyond = posterior.nearest(features(space, units, active)) > radius
            if beyond.sum() >= BEYOND_STEPS:
                break
            count = CANDIDATES // 2
            if math.isinf(factor):
                more, limits = rng.random((count, len(space))), whole
            else:
                wider = region.wider(region.centre, factor)
                more, limits = wider.draw(count, rng), (wider.low, wider.high)
            units, active = _joined((units, active), space.snap(more))
    return _polished(space, units, active, score, spread(believed.kernel.lengths), limits, rng)


def _polished(
    space: Space,
    units: Floats,
    active: Flags,
    score: Callable[[Floats, Flags], Floats],
    scale: Floats,
    limits: Limits,
    rng: np.random.Generator,
) -> Floats:
    """The candidates by score, after small changes within the limits to the numbers of the best of them."""
    d = len(space)
    numeric = np.array([not isinstance(parameter, Categorical) for parameter in space])
    scores = score(units, active)
    for step in STEPS:
        finalists = np.argsort(scores, kind="stable")[:FINALISTS]
        base = np.repeat(units[finalists], CHANGES, axis=0)
        change = rng.random(base.shape) < 0.5
        change[np.arange(len(base)), rng.integers(0, d, size=len(base))] = True
        moved = np.clip(base + step * scale * rng.normal(size=base.shape), *limits)
        new = space.snap(np.where(change & numeric, moved, base))
        scores = np.concatenate([scores, score(*new)])
        units, active = _joined((units, active), new)
    return np.asarray(units[np.argsort(scores, kind="stable")])


def _joined(a: tuple[Floats, Flags], b: tuple[Floats, Flags]) -> tuple[Floats, Flags]:
    return np.concatenate([a[0], b[0]]), np.concatenate([a[1], b[1]])


def _within(box: Box, units: Floats, active: Flags) -> Flags:
    """Shape (n,): which of the points lie in the box."""
    inside = np.ones(len(units), dtype=np.bool_)
    for place, (parameter, side) in enumerate(zip(box.space, box.sides, strict=True)):
        column = units[:, place]
        if isinstance(side, Interval):
            holds = (side.lo - 1e-9 <= column) & (column <= side.hi + 1e-9)
        else:
            kept = np.array([parameter.to_unit(choice) for choice in side.choices])
            holds = np.abs(column[:, None] - kept).min(axis=1) < 1e-9
        inside &= holds | ~active[:, place]
    return inside
