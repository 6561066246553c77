"""When trainings began and ended, by their own clock, and what that says of the slots between them."""

from __future__ import annotations

from caviar.client.connection import Client
from caviar.contract.views import TrialView

Spans = list[tuple[float, float]]
"""(first moment, last moment) of each training, in seconds since the epoch."""


def all_trials(client: Client, study: str) -> list[TrialView]:
    rows: list[TrialView] = []
    while page := client.trials(study, after=rows[-1].number if rows else -1):
        rows += page
    return rows


def spans_of(rows: list[TrialView]) -> Spans:
    """Of trials whose function returned ``began`` and ``ended``."""
    return [(row.metrics["began"], row.metrics["ended"]) for row in rows if row.state == "done"]


def gaps(spans: Spans, slots: int) -> list[float]:
    """Seconds from each training's end to the start of the one that takes its slot."""
    starts = sorted(began for began, _ in spans)[slots:]
    ends = sorted(ended for _, ended in spans)
    return [began - ended for began, ended in zip(starts, ends, strict=False)]


def busy(spans: Spans, slots: int) -> float:
    """The share of the slots' time in which functions run, until fewer trials are left to start than slots."""
    starts = sorted(began for began, _ in spans)
    first, last = starts[0], starts[-slots]
    inside = sum(min(ended, last) - began for began, ended in spans if began < last)
    return inside / (slots * (last - first))
