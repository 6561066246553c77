"""The champion's neighbours: a box width away, along what matters most."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from caviar.contract.messages import ParameterValue
from caviar.search.history import History
from caviar.search.importance import importance
from caviar.search.threads import one_thread
from caviar.search.values import Result, Settings
from caviar.search.zoom.model import Posterior, features, fit
from caviar.search.zoom.observed import observed
from caviar.search.zoom.targets import targets
from caviar.space import Box, Categorical, Interval, Numeric, Params, Space
from caviar.space.parameter import Floats

FEWEST = 8
"""Results from which on the study's own model says how far away a difference can be seen."""
SEEN = 5.0
"""A neighbour is so far away that this many standard deviations of a training are lost there."""
NARROWEST, WIDEST = 0.01, 0.4
"""A width's limits in units of the scale."""
MATTERS = 0.02
"""Share of the variation below which no neighbour is spent on a parameter."""
GRID = np.geomspace(NARROWEST, WIDEST, 24)


def rivals(trials: int) -> int:
    """Points besides the champion that a check of ``trials`` trainings can look at, with pairs left for the duel."""
    if trials < 5:
        return 1
    pairs = 1 if trials < 8 else 2 if trials < 14 else 3
    return trials - 1 - 2 * pairs


@one_thread
def points_to_check(
    space: Space,
    settings: Settings,
    box: Box,
    results: Sequence[Result],
    champion: Params,
    trials: int,
    runner_up: Params | None = None,
    noise: float | None = None,
) -> tuple[Params, ...]:
    """The champion, the runner-up and a few neighbours, a box width away along what matters most. All different.

    A width is the box's side, but no less than what the ``noise`` (of one training) lets see and no more than what is
    needed for that: a search goes on zooming long after noise has hidden the differences, and opens wide again.
    """
    chosen: dict[object, Params] = {space.key(champion): dict(champion)}
    if runner_up is not None:
        chosen.setdefault(space.key(runner_up), dict(runner_up))
    steps = widths(space, settings, box, results, champion, noise)
    names = _ranked(space, settings, results, champion)
    for point in _neighbours(space, results, settings, champion, names, steps):
        if len(chosen) > rivals(trials):
            break
        chosen.setdefault(space.key(point), point)
    return tuple(chosen.values())


def _ranked(
    space: Space, settings: Settings, results: Sequence[Result], champion: Params
) -> list[str]:
    """The parameters that the champion has, the most important first."""
    found = importance(space, results, settings.goal)
    if found:
        names = [item.name for item in found if item.share >= MATTERS]
    else:
        names = [p.name for p in sorted(space, key=lambda p: p.tier or 5)]
    return [name for name in names if name in champion]


def widths(
    space: Space,
    settings: Settings,
    box: Box,
    results: Sequence[Result],
    champion: Params,
    noise: float | None = None,
) -> Floats:
    """Shape (d,): a box width along each number, on its unit scale; 1 for categories."""
    sides = np.array([s.width if isinstance(s, Interval) else 1.0 for s in box.sides])
    seen = _resolved(space, settings, results, champion, noise)
    numeric = np.array([isinstance(parameter, Numeric) for parameter in space])
    found = np.clip(sides if seen is None else seen, NARROWEST, WIDEST)
    return np.where(numeric, found, 1.0)


def _resolved(
    space: Space,
    settings: Settings,
    results: Sequence[Result],
    champion: Params,
    noise: float | None,
) -> Floats | None:
    """Shape (d,): how far along each number the study's model expects ``SEEN`` times the noise to be lost."""
    history = History.of(space, settings.goal, results)
    if int(np.isfinite(history.ranking).sum()) < FEWEST:
        return None
    seen = observed(history, settings.seed)
    aims = targets(seen.losses, "power")
    if np.ptp(aims) == 0.0:
        return None
    points = features(space, seen.units, seen.active)
    kernel = fit(space, points, aims)
    posterior = Posterior(space, kernel, points, aims, np.empty((0, points.shape[1])))
    here = space.to_unit(champion)
    middle = float(posterior(features(space, *space.snap(here[None])))[0][0])
    lost = _height(seen.losses, aims, middle, noise, math.sqrt(kernel.noise))
    found = np.full(len(space), WIDEST)
    for place, parameter in enumerate(space):
        if isinstance(parameter, Categorical):
            continue
        sides = []
        for sign in (-1.0, 1.0):
            places = here[place] + sign * GRID
            vectors = np.repeat(here[None], len(GRID), axis=0)
            vectors[:, place] = np.clip(places, 0.0, 1.0)
            means = posterior(features(space, *space.snap(vectors)))[0]
            sides.append(np.where((places >= 0.0) & (places <= 1.0), means, np.nan))
        both = np.array(sides)
        known = np.isfinite(both)
        mean = np.where(known, both, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        far = np.flatnonzero(known.any(axis=0) & (mean - middle >= lost))
        if len(far):
            found[place] = GRID[far[0]]
    return found


def _height(
    losses: Floats, aims: Floats, middle: float, noise: float | None, fitted: float
) -> float:
    """``SEEN`` times the noise above the champion, on the model's scale."""
    if noise is None or not math.isfinite(noise):
        return SEEN * fitted
    finite = np.isfinite(losses)
    order = np.argsort(losses[finite], kind="stable")
    ordered, shaped = losses[finite][order], aims[finite][order]
    base = float(np.interp(middle, shaped, ordered))
    return max(float(np.interp(base + SEEN * noise, ordered, shaped)) - middle, 1e-6)


def _neighbours(
    space: Space,
    results: Sequence[Result],
    settings: Settings,
    champion: Params,
    names: Sequence[str],
    steps: Floats,
) -> Iterator[Params]:
    """One along each parameter, the side with more room; then the other sides."""
    for other in (False, True):
        for name in names:
            place = space.names.index(name)
            parameter = space[name]
            if isinstance(parameter, Categorical):
                if not other:
                    choice = _other_choice(space, settings, results, champion, parameter)
                    yield space.from_unit(_moved(space, champion, place, parameter.to_unit(choice)))
                continue
            here = parameter.to_unit(champion[name])
            up = 1.0 - here >= here
            up = up != other
            if point := _beside(space, champion, place, here, float(steps[place]), up):
                yield point


def _moved(space: Space, champion: Params, place: int, to: float) -> Floats:
    vector = space.to_unit(champion)
    vector[place] = to
    return vector


def _beside(
    space: Space, champion: Params, place: int, here: float, step: float, up: bool
) -> Params | None:
    """A step away along one number, at the bound at most; longer where whole numbers lie farther apart."""
    end = 1.0 if up else 0.0
    while True:
        to = min(here + step, 1.0) if up else max(here - step, 0.0)
        point = space.from_unit(_moved(space, champion, place, to))
        if space.key(point) != space.key(champion):
            return point
        if to == end:
            return None
        step *= 1.5


def _other_choice(
    space: Space,
    settings: Settings,
    results: Sequence[Result],
    champion: Params,
    parameter: Categorical,
) -> ParameterValue:
    """The one with the best result so far besides the champion's own; the next one where none was tried."""
    own = parameter.index(champion[parameter.name])
    history = History.of(space, settings.goal, results)
    for place in history.best_places():
        tried: ParameterValue | None = history[place].params.get(parameter.name)
        if tried is not None and parameter.index(tried) != own:
            return tried
    following: ParameterValue = parameter.choices[(own + 1) % len(parameter.choices)]
    return following
