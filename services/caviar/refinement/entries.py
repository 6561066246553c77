"""What is written into MLflow so that the store can be written again from there: see ``contract.record``."""

from __future__ import annotations

from collections.abc import Sequence

from caviar.adapters.mlflow import Record
from caviar.adapters.sql import RoundRow, Store, StudyRecord, TrialRow
from caviar.contract import names
from caviar.contract.ending import TrialEnd
from caviar.contract.messages import Origin
from caviar.contract.record import RECORD, Prior, RoundEntry, StudyEntry, TrialWithoutRun
from caviar.contract.views import Importance, Note, TrialState
from caviar.studies.life import ENDED, OPEN

UNTOLD: tuple[TrialState, ...] = ("quarantined", "cancelled")
"""How trials end that their worker does not know: what it told MLflow is only how the last attempt ended."""


def write_study(mlflow: Record, store: Store, record: StudyRecord) -> None:
    """Bring ``record.json`` and the state's tag in the study's run up to date."""
    assert record.run_id is not None
    entry = _study(store, record)
    mlflow.write(
        record.run_id,
        record.created,
        tags={names.TAG_STATE: record.state},
        artifacts={RECORD: entry.model_dump_json().encode()},
    )


def round_file(row: RoundRow, computed_from: Sequence[Sequence[str | None]]) -> bytes:
    """A round's ``round.json``."""
    pairs = tuple((str(trial), run) for trial, run in computed_from)
    entry = RoundEntry(index=row.index, created=row.created, data=row.data, computed_from=pairs)
    return entry.model_dump_json().encode()


def tell_end(mlflow: Record, row: TrialRow, run_id: str) -> None:
    """Say in a trial's run how it ended, where its worker could not."""
    about = TrialEnd(
        value=row.value,
        metrics=row.metrics,
        steps=row.steps,
        curve=tuple((int(step), value) for step, value in row.curve),
        error=row.error,
        seconds=row.seconds or 0.0,
    )
    tags = {names.TAG_STATE: row.state, names.TAG_END: about.to_tag()}
    mlflow.write(run_id, row.ended or row.created, tags=tags)


def _study(store: Store, record: StudyRecord) -> StudyEntry:
    importance = record.importance
    return StudyEntry(
        id=record.id,
        source=record.source,
        filename=record.filename,
        folder=record.folder,
        code_version=record.code_version,
        bundle=record.bundle,
        user=record.user,
        state=record.state,
        reason=record.reason,
        created=record.created,
        ended=record.ended,
        importance=None
        if importance is None
        else tuple(map(Importance.model_validate, importance)),
        primed=record.primed,
        notes=tuple(map(Note.model_validate, record.notes)),
        branched_from=record.branched_from,
        branched_round=record.branched_round,
        team=record.team,
        priority=record.priority,
        place=record.place,
        shared=record.shared,
        rebuilt=record.rebuilt,
        first_round=store.rounds(record.id, until=0)[0].data,
        priors=tuple(
            Prior(source=row.source, params=row.params, value=row.value)
            for row in store.priors(record.id)
        ),
        without_run=tuple(_without_run(store, record)),
    )


def _without_run(store: Store, record: StudyRecord) -> list[TrialWithoutRun]:
    if record.state in ENDED:
        rows = [row for row in store.trials(record.id, ("cancelled",)) if row.run_id is None]
    else:
        points = [row for row in store.trials(record.id, OPEN) if row.kind in ("added", "fork")]
        rows = [row for row in points if row.run_id is None]
    return [
        TrialWithoutRun(
            id=row.id,
            number=row.number,
            attempt=row.attempt if record.state in ENDED else 0,
            round=row.round,
            state="cancelled" if record.state in ENDED else "queued",
            kind=row.kind,
            params=row.params,
            seed=row.seed,
            repeats=row.repeats,
            origin=None if row.origin is None else Origin.model_validate(row.origin),
            created=row.created,
            ended=row.ended,
        )
        for row in rows
    ]
