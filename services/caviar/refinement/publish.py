"""What MLflow shows of a study: its run, the rounds nested under it, their notes and pictures."""

from __future__ import annotations

import importlib.metadata
import json
import math
import platform
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from caviar import __version__
from caviar.adapters.mlflow import Record
from caviar.adapters.sql import RoundRow, Standing, StudyRecord
from caviar.contract import names, pages
from caviar.contract.figures import FigureName, FigureView, ZoomView
from caviar.contract.record import ROUND
from caviar.contract.views import TrialState
from caviar.figures.boxes import widths
from caviar.figures.drawing import draw
from caviar.refinement import entries, notes
from caviar.refinement.saved_view import view_of
from caviar.search import Round
from caviar.studies.spec import Study
from caviar.teams import experiment_of

ZOOM, PROGRESS, IMPORTANCE = "zoom.svg", "progress.svg", "importance.svg"
PICTURES: tuple[str, ...] = (PROGRESS, ZOOM)
"""Of a study that runs."""
STATUS = {"done": "FINISHED", "failed": "FAILED", "stopped": "KILLED"}


def _tags(record: StudyRecord, kind: str) -> dict[str, str]:
    tags = {
        names.TAG_KIND: kind,
        names.TAG_STUDY: record.id,
        names.TAG_STUDY_NAME: record.name,
        names.TAG_TEAM: record.team,
        names.TAG_VERSION: __version__,
        names.TAG_SOURCE: record.filename,
    }
    if record.rebuilt:
        tags[names.TAG_REBUILT] = str(record.rebuilt)
    if record.branched_from:
        tags[names.TAG_BRANCH] = f"{record.branched_from}/r{record.branched_round}"
    if record.user:
        tags[names.TAG_USER] = record.user
    if record.code_version:
        tags[names.TAG_GIT_COMMIT] = record.code_version
        tags[names.TAG_CODE] = record.code_version
    if record.bundle:
        tags[names.TAG_BUNDLE] = record.bundle
    return tags


def open_study(mlflow: Record, record: StudyRecord, study: Study) -> tuple[str, str]:
    """Make the study's run: what was asked, as parameters and files. Returns (experiment id, run id)."""
    experiment_id = mlflow.experiment(experiment_of(record.team, study.project))
    mlflow.tag_experiment(experiment_id, view_of(record, study))
    tags = _tags(record, "study") | {
        names.TAG_SEED: str(study.seed),
        "python.version": platform.python_version(),
    }
    params = {
        "strategy": study.strategy,
        "seed": study.seed,
        "trials": study.budget.trials,
        "metric": study.metric.name,
        "goal": study.metric.goal,
        "parameters": len(study.space),
    }
    run_name = names.study_run_name(record.name, record.id)
    run_id = mlflow.run(experiment_id, run_name, tags, record.created, params)
    environment = "".join(
        sorted(f"{item.name}=={item.version}\n" for item in importlib.metadata.distributions())
    )
    mlflow.write(
        run_id,
        record.created,
        artifacts={"study.yaml": record.source.encode(), "environment.txt": environment.encode()},
    )
    return experiment_id, run_id


def publish_round(
    mlflow: Record,
    record: StudyRecord,
    study: Study,
    rounds: list[RoundRow],
    zoom: ZoomView,
    runs: Mapping[int, str | None],
    computed_from: list[list[Any]],
    service: str | None,
) -> str:
    """Make the run of the last of ``rounds``: its box as JSON, as picture and as widths, and the reason.

    Its numbers are also the next point of the curves in the study's run. ``runs``: of the trials that the box rests on,
    by number. ``service`` is the address at which people reach the service.
    """
    assert record.experiment_id is not None
    assert record.run_id is not None
    row = rounds[-1]
    boxes = [Round.from_json(study.space, each.data) for each in rounds]
    round_ = boxes[-1]
    view = round_.to_view(before=boxes[-2].box if len(boxes) > 1 else None)
    tags = _tags(record, "round") | {
        names.TAG_ROUND: str(row.index),
        names.TAG_PARENT: record.run_id,
        names.TAG_REASON: round_.reason[:5000],
    }
    run_id = mlflow.run(record.experiment_id, names.round_run_name(row.index), tags, row.created)
    ledger = view.model_dump(exclude_none=True, exclude={"run_id", "undone"})
    ledger["computed_from"] = computed_from
    picture = pages.artifact_file(run_id, ZOOM)
    note = notes.round_note(record, view, runs, service=service, picture=picture)
    metrics = _of_round(study, round_)
    mlflow.write(record.run_id, row.created, metrics=metrics, step=row.index)
    mlflow.write(
        run_id,
        row.created,
        metrics=metrics,
        step=row.index,
        tags={names.TAG_NOTE: note},
        artifacts={
            "box.json": json.dumps(ledger, indent=2).encode(),
            ROUND: entries.round_file(row, computed_from),
            ZOOM: draw("zoom", zoom, "svg"),
        },
    )
    mlflow.end(run_id, "FINISHED", row.created)
    return run_id


def _of_round(study: Study, round_: Round) -> dict[str, float]:
    """The best so far and the box's widths: in a study's run a curve by rounds, in a round's the point on it."""
    metrics = {f"width/{name}": width for name, width in widths(study.space, round_).items()}
    if round_.best is not None and math.isfinite(round_.best):
        metrics[f"best/{study.metric.name}"] = round_.best
    return metrics


def tell_study(
    mlflow: Record,
    record: StudyRecord,
    study: Study,
    rounds: list[RoundRow],
    figures: Mapping[FigureName, FigureView] | None,
    stands: Standing,
    counts: dict[TrialState, int],
    service: str | None,
) -> None:
    """Bring the study's run up to date while it goes on.

    Args:
        figures: what is drawn anew; None: no round is new, so pictures stay as they are.
        service: the address at which people reach the service.
    """
    assert record.run_id is not None
    artifacts = None if figures is None else _pictures(figures)
    shown = PICTURES if len(rounds) > 1 else ()
    note = notes.study_note(record, study, rounds, stands, counts, service=service, pictures=shown)
    tags = {names.TAG_NOTE: note}
    mlflow.write(record.run_id, rounds[-1].created, tags=tags, artifacts=artifacts)


def _pictures(figures: Mapping[FigureName, FigureView]) -> dict[str, bytes]:
    return {f"{name}.svg": draw(name, view, "svg") for name, view in figures.items()}


def close_study(
    mlflow: Record,
    record: StudyRecord,
    study: Study,
    rounds: list[RoundRow],
    figures: Mapping[FigureName, FigureView],
    stands: Standing,
    counts: dict[TrialState, int],
    now_s: float,
    service: str | None,
) -> None:
    """Write the result into the study's run and end it."""
    assert record.run_id is not None
    best, confirmation = stands.best, stands.confirmation
    metrics = {f"trials/{kind}": float(count) for kind, count in counts.items() if count}
    tags: dict[str, str] = {names.TAG_STATE: record.state}
    if best is not None and best.value is not None:
        last = {f"best/{study.metric.name}": best.value}
        mlflow.write(record.run_id, now_s, metrics=last, step=rounds[-1].index + 1)
        others = best.metrics.keys() - {study.metric.name}
        metrics |= {f"best/{name}": best.metrics[name] for name in others}
        tags["caviar.best_trial"] = str(best.number)
        tags["caviar.best_run"] = best.run_id or ""
    if confirmation is not None:
        found = asdict(confirmation)
        metrics |= {
            f"confirmed/{name}": float(found[name])
            for name in ("mean", "low", "high", "runs")
            if found[name] is not None
        }
    importance = record.importance or []
    artifacts = _pictures(figures)
    shown = (PROGRESS, IMPORTANCE, ZOOM) if importance else PICTURES
    tags[names.TAG_NOTE] = notes.study_note(
        record, study, rounds, stands, counts, service=service, pictures=shown
    )
    summary = {
        "state": record.state,
        "reason": record.reason,
        "best": None
        if best is None
        else {
            "trial": best.number,
            "value": best.value,
            "params": best.params,
            "confirmed": confirmation and asdict(confirmation),
        },
        "trials": counts,
        "importance": importance,
    }
    artifacts["summary.json"] = json.dumps(summary, indent=2).encode()
    mlflow.write(record.run_id, now_s, metrics=metrics, tags=tags, artifacts=artifacts)
    mlflow.end(record.run_id, STATUS[record.state], record.ended or now_s)
