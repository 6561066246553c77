"""A verdict as clients see it."""

from __future__ import annotations

from caviar.contract.recheck import DriftView, VerdictView
from caviar.search.checking import Verdict


def verdict_view(verdict: Verdict) -> VerdictView:
    return VerdictView(
        word=verdict.word,
        effect=verdict.effect,
        low=verdict.low,
        high=verdict.high,
        challenger=None if verdict.challenger is None else dict(verdict.challenger),
        drifts=[
            DriftView(
                parameter=drift.parameter,
                scale=drift.scale,
                before=drift.before,
                after=drift.after,
                distance=drift.distance,
            )
            for drift in verdict.drifts
        ],
        champion=verdict.champion,
        trainings=verdict.trainings,
        reason=verdict.reason,
    )
