"""What a round believes: its model over the results, as restored from its memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from caviar.search.history import History
from caviar.search.rounds import Round
from caviar.search.values import Settings
from caviar.search.zoom.model import Kernel, Posterior, features
from caviar.search.zoom.observed import Observed, observed
from caviar.search.zoom.targets import Shape, targets
from caviar.search.zoom.trend import Trend
from caviar.space import Params

MOST_PENDING = 120
"""Of the trials that run, the newest so many are told to the model; its cost grows with their cube."""


@dataclass(frozen=True, slots=True)
class Belief:
    seen: Observed
    kernel: Kernel
    posterior: Posterior


def belief(
    settings: Settings,
    round_: Round,
    shape: Shape,
    history: History,
    pending: Sequence[Params],
    elsewhere: History,
) -> Belief:
    """Of a round with kernels in its memory, of which ``shape`` says the one; at least one loss is finite."""
    space, known = history.space, round_.memory.get("trend")
    kernel = Kernel.from_json(round_.memory["kernels"][shape])
    seen = observed(history, settings.seed)
    points = features(space, seen.units, seen.active)
    waiting = features(space, *space.encode(pending[-MOST_PENDING:]))
    trend = Trend.from_json(elsewhere, settings.seed, known) if known else None
    posterior = Posterior(space, kernel, points, targets(seen.losses, shape), waiting, trend)
    return Belief(seen, kernel, posterior)
