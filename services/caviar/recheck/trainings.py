"""A check's trainings by their points, for its picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from caviar.adapters.sql import TrialRow
from caviar.figures.drawing import Trained
from caviar.space import Space

NAMED = 3
"""Parameters by which a point differs from the champion, in words, at most."""


def trained(
    space: Space, rows: Sequence[TrialRow], challenger: Mapping[str, Any] | None
) -> list[Trained]:
    """In the order in which they were first trained; the champion is the first."""
    points: dict[tuple[object, ...], list[float]] = {}
    words: dict[tuple[object, ...], str] = {}
    for row in rows:
        key: tuple[object, ...] = space.key(row.params)
        words.setdefault(key, _difference(rows[0].params, row.params))
        points.setdefault(key, [])
        value = row.result().value
        if value is not None and math.isfinite(value):
            points[key].append(value)
    best = space.key(challenger) if challenger else None
    return [
        Trained(
            words[key],
            "champion" if place == 0 else "challenger" if key == best else "rival",
            tuple(values),
        )
        for place, (key, values) in enumerate(points.items())
    ]


def _difference(champion: Mapping[str, Any], params: Mapping[str, Any]) -> str:
    other = [f"{n} {_short(value)}" for n, value in params.items() if champion.get(n) != value]
    return ", ".join(other[:NAMED]) + (", ..." if len(other) > NAMED else "")


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)[:20]
