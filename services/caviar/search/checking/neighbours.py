"""The champion's neighbours: a box width away, along what matters most."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median

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
SEEN = 8.0
"""A box width is so long that this many standard deviations of a training are lost at its end. Fewer drown when a pair
has to decide; with more the surface is no parabola."""
NARROWEST, WIDEST = 0.01, 0.4
"""A width's limits in units of the scale."""
MATTERS = 0.02
"""Share of the variation below which no neighbour is spent on a parameter."""
FEWEST_PAIRED = 3
"""Numbers from which on a neighbour moves two of them."""
LOCAL = 0.2
"""Width up to which the losses of two moves add up; farther out they rather do not."""
GRID = np.geomspace(NARROWEST, WIDEST, 24)


def rivals(trials: int) -> int:
    """Points besides the champion that a check of ``trials`` trainings can look at: a pair is left for the duel."""
    return 1 if trials < 5 else trials - 3 if trials < 14 else trials - 7


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

    A width is as far as the study's model says that a difference is seen through the ``noise`` of one training. The
    last box's own sides count only where there is no model: a search zooms on long after noise has hidden all
    differences, and opens wide again.
    """
    chosen: dict[object, Params] = {space.key(champion): dict(champion)}
    if runner_up is not None:
        chosen.setdefault(space.key(runner_up), dict(runner_up))
    steps = _steps(space, settings, box, results, champion, noise)
    names = _ranked(space, settings, results, champion)
    room = rivals(trials) + 1 - len(chosen)
    for point in _neighbours(space, results, settings, champion, names[:room], steps):
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
    return np.asarray(_steps(space, settings, box, results, champion, noise).mean(axis=0))


def _steps(
    space: Space,
    settings: Settings,
    box: Box,
    results: Sequence[Result],
    champion: Params,
    noise: float | None,
) -> Floats:
    """Shape (2, d): down and up along each number, on its unit scale; 1 for categories."""
    sides = np.array([s.width if isinstance(s, Interval) else 1.0 for s in box.sides])
    seen = _resolved(space, settings, results, champion, noise)
    numeric = np.array([isinstance(parameter, Numeric) for parameter in space])
    found = np.clip(np.stack([sides, sides]) if seen is None else seen, NARROWEST, WIDEST)
    return np.where(numeric, found, 1.0)


def _resolved(
    space: Space,
    settings: Settings,
    results: Sequence[Result],
    champion: Params,
    noise: float | None,
) -> Floats | None:
    """Shape (2, d): how far down and up each number the study's model expects ``SEEN`` times the noise to be lost.

    The same loss everywhere: what stands out in the first look is then a drift. Where a bound is nearer, as on the
    other side.
    """
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
    found = np.full((2, len(space)), WIDEST)
    for place, parameter in enumerate(space):
        if isinstance(parameter, Categorical):
            continue
        for side, sign in enumerate((-1.0, 1.0)):
            places = here[place] + sign * GRID
            vectors = np.repeat(here[None], len(GRID), axis=0)
            vectors[:, place] = np.clip(places, 0.0, 1.0)
            means = posterior(features(space, *space.snap(vectors)))[0]
            inside = (places >= 0.0) & (places <= 1.0)
            far = np.flatnonzero(inside & (means - middle >= lost))
            found[side, place] = GRID[far[0]] if len(far) else np.nan
        known = found[np.isfinite(found[:, place]), place]
        found[np.isnan(found[:, place]), place] = known[0] if len(known) else WIDEST
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
    """Both directions of each number: in neighbours of their own for two, in neighbours that move two for more.

    The first number up and the second down, the second up and the third down, and so on, the last up and the first
    down: as many neighbours as numbers. The other choice of a category is one of its own.
    """
    numbers = [name for name in names if isinstance(space[name], Numeric)]
    ways = [[(name, True)] for name in numbers] + [[(name, False)] for name in numbers]
    far = [float(steps[:, space.names.index(name)].mean()) for name in numbers]
    if len(numbers) >= FEWEST_PAIRED and median(far) <= LOCAL:
        following = [*numbers[1:], numbers[0]]
        ways = [[(up, True), (down, False)] for up, down in zip(numbers, following, strict=True)]
    ways.sort(key=lambda way: names.index(way[0][0]))
    for name in names:
        parameter = space[name]
        if isinstance(parameter, Categorical):
            choice = _other_choice(space, settings, results, champion, parameter)
            vector = space.to_unit(champion)
            vector[space.names.index(name)] = parameter.to_unit(choice)
            yield space.from_unit(vector)
        for way in ways:
            if way[0][0] == name:
                yield _beside(space, champion, way, steps)


def _beside(
    space: Space, champion: Params, way: Sequence[tuple[str, bool]], steps: Floats
) -> Params:
    """A step away along each of these numbers, at the bound at most; longer where whole numbers lie farther apart."""
    here = space.to_unit(champion)
    vector = here.copy()
    for name, up in way:
        place, parameter = space.names.index(name), space[name]
        end, step = float(up), float(steps[int(up), place])
        while parameter.from_unit(vector[place]) == champion[name] and vector[place] != end:
            vector[place] = min(here[place] + step, 1.0) if up else max(here[place] - step, 0.0)
            step *= 1.5
    return space.from_unit(vector)


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
