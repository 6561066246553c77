"""Rows as clients see them."""

from __future__ import annotations

from collections.abc import Sequence

from caviar.adapters.sql import StudyRecord
from caviar.adapters.sql.rows import ChampionRow, CheckRow, RecheckRow
from caviar.contract.recheck import (
    ChampionView,
    CheckView,
    DriftView,
    Policy,
    RecheckView,
    VerdictView,
)
from caviar.search.checking import Verdict
from caviar.studies.spec import Study


def policy_of(row: RecheckRow | None) -> Policy | None:
    return None if row is None or row.policy is None else Policy.model_validate(row.policy)


def champion_view(row: ChampionRow) -> ChampionView:
    return ChampionView(
        number=row.number,
        state=row.state,
        params=row.params,
        study=row.found_in,
        trial=row.trial,
        run_id=row.run_id,
        value=row.value,
        low=row.low,
        high=row.high,
        runs=row.runs,
        data_version=row.data_version,
        code_version=row.code_version,
        created=row.created,
        decided=row.decided,
        by=row.by,
        why=row.why,
        check=row.check_number,
    )


def check_view(row: CheckRow, run_id: str | None = None) -> CheckView:
    """``run_id``: of the study whose trials are its trainings."""
    return CheckView(
        number=row.number,
        state=row.state,
        causes=row.causes,
        why=row.why,
        by=row.by,
        champion=row.champion,
        data_version=row.data_version,
        code_version=row.code_version,
        asked=row.asked,
        started=row.started,
        ended=row.ended,
        study=row.check_study,
        run_id=run_id,
        waits=row.waits,
        verdict=None if row.verdict is None else VerdictView.model_validate(row.verdict),
        retuned=row.retuned,
    )


def recheck_view(
    record: StudyRecord,
    study: Study,
    row: RecheckRow | None,
    champions: Sequence[ChampionRow],
    checks: Sequence[CheckView],
) -> RecheckView:
    return RecheckView(
        study=record.id,
        name=record.name,
        metric=study.metric.name,
        goal=study.metric.goal,
        policy=policy_of(row),
        next_due=None if row is None else row.next_due,
        data_version=None if row is None else row.data_version,
        code_version=None if row is None else row.code_version,
        champions=[champion_view(each) for each in champions],
        checks=list(checks),
    )


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
