"""Places among the trials of one picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np


class Judged(Protocol):
    """A trial as far as it is compared."""

    @property
    def value(self) -> float | None: ...
    @property
    def violation(self) -> float: ...


def ranks(rows: Sequence[Judged], maximize: bool) -> list[float | None]:
    """0 the worst, 1 the best; equals have the same. Those beyond the study's bounds come behind all others, by how far
    they are; None without a value."""
    places = [place for place, row in enumerate(rows) if row.value is not None]
    loss = np.array([rows[place].value for place in places], dtype=float)
    beyond = np.array([rows[place].violation for place in places], dtype=float)
    pairs = np.stack([beyond, -loss if maximize else loss], axis=1)
    pairs[beyond > 0, 1] = 0.0
    found: list[float | None] = [None] * len(rows)
    if places:
        _, order = np.unique(pairs, axis=0, return_inverse=True)
        shares = 1.0 - order.reshape(-1) / max(1, int(order.max()))
        for place, share in zip(places, shares.tolist(), strict=True):
            found[place] = round(share, 4)
    return found
