"""The page of one trial: its curve, its point, what was done to it, its output; and what may be asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from caviar.adapters.sql import StudyRecord, TrialRow
from caviar.api.access import seen
from caviar.api.studies import numbered
from caviar.contract.panda import MOST_ORDERS
from caviar.contract.words import origin_words, scales_of
from caviar.panda.babysitting import nursing_of
from caviar.scheduler.asking import SPREAD
from caviar.studies.life import ENDED, FINAL
from caviar.studies.spec import load_study
from caviar.teams import Caller
from caviar.web.links import run_address
from caviar.web.people import PageRoute, Reader
from caviar.web.places import fields, places, range_words
from caviar.web.rendering import data, page
from caviar.web.shared import Shared
from caviar.web.training import Training, done_rows

Section = Literal["", "head", "curve", "point", "control", "nurse", "attempts", "output"]


def trial_pages(shared: Shared) -> APIRouter:
    router = APIRouter(include_in_schema=False, route_class=PageRoute)

    def found(study_id: str, number: int, reader: Caller) -> tuple[StudyRecord, TrialRow]:
        record = seen(shared.store.study(study_id), reader, study_id)
        return record, numbered(shared.store, record, number)

    @router.get("/studies/{study_id}/trials/{number}", name="trial.page")
    def trial(
        request: Request,
        reader: Reader,
        study_id: str,
        number: int,
        section: Annotated[Section, Query()] = "",
    ) -> HTMLResponse:
        record, row = found(study_id, number, reader)
        values = _values(shared, record, row, reader)
        return page(request, f"trial/{section or 'page'}.html", reader, values)

    @router.get("/studies/{study_id}/trials/{number}/training", name="trial.training")
    def training(request: Request, reader: Reader, study_id: str, number: int) -> Response:
        """The data of the picture, for charts/curve.js."""
        record, row = found(study_id, number, reader)
        study = load_study(record.source, record.filename)
        return data(request, Training(shared, record, row).view(scales_of(study.space.to_views())))

    return router


def _values(
    shared: Shared, record: StudyRecord, row: TrialRow, reader: Caller
) -> Mapping[str, Any]:
    study = load_study(record.source, record.filename)
    view = shared.presenter.trial(row, with_output=True)
    best = shared.presenter.now(record).best
    training = Training(shared, record, row)
    scales = scales_of(study.space.to_views())
    rounds = shared.presenter.rounds(record)
    searched = study.mode == "caviar" and row.round < len(rounds)
    box = rounds[row.round].box if searched else {}
    in_effect = {**row.params, **training.curve.live}
    read = {each.name for each in study.space if each.live} | set(training.curve.live)
    may = reader.may("submitter")
    nursing = nursing_of(record)
    over = row.state in FINAL
    return {
        "record": record,
        "study": study,
        "trial": view,
        "base": f"/studies/{record.id}/trials/{row.number}",
        "api": f"/api/v1/studies/{record.id}/trials/{row.number}",
        "best": best,
        "origin": "" if view.origin is None else origin_words(view.origin),
        "places": places(
            study.space,
            row.params,
            best.params if best is not None and best.trial != row.number else None,
            box,
            training.curve.live,
        ),
        "training": training,
        "picture": training.view(scales),
        "done": done_rows(training, scales),
        "attempts": shared.store.attempts(row.id),
        "over": over,
        "study_over": record.state in ENDED,
        "changes": may and reader.belongs_to(record.team),
        "takes_up": may and over and study.trainer.command is None,
        "changeable": row.state == "running" and study.trainer.command is None,
        "live_fields": fields(study.space, in_effect, read),
        "fields": fields(study.space, in_effect, row.params),
        "most": MOST_ORDERS,
        "spread": SPREAD,
        "before": _neighbour(shared, record, row.number - 1),
        "after": _neighbour(shared, record, row.number + 1),
        "run": run_address(shared, record, row.run_id),
        "nurse": None if nursing is None else shared.babysitting.nurse(record, nursing),
        "nurse_range": "" if nursing is None else range_words(study.space[nursing.parameter]),
    }


def _neighbour(shared: Shared, record: StudyRecord, number: int) -> int | None:
    there = number >= 0 and shared.store.numbered(record.id, number) is not None
    return number if there else None
