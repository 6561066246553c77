"""The page of one study: how it goes, what is the best, where it looks and why, what to do next."""

from __future__ import annotations

import time
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from caviar.adapters.sql import StudyRecord
from caviar.api.access import seen
from caviar.contract.views import StudyView
from caviar.studies.life import ENDED
from caviar.teams import Caller
from caviar.web import words
from caviar.web.advice import is_over, last_line, what_now
from caviar.web.links import run_address
from caviar.web.people import PageRoute, Reader
from caviar.web.rendering import page
from caviar.web.shared import Shared
from caviar.web.table import KIND_WORDS, Asked, asked, table_of

ROUNDS_SHOWN: Final = 15
SETTLES_S: Final = 60.0
"""So long after its end nothing is told any more, but what mattered is still worked out."""
Section = Literal["head", "pictures", "rounds", "trials"]


def study_pages(shared: Shared) -> APIRouter:
    router = APIRouter(include_in_schema=False, route_class=PageRoute)

    @router.get("/studies/{study_id}", name="study.page")
    def whole(
        request: Request,
        reader: Reader,
        study_id: str,
        table: Annotated[Asked, Depends(asked)],
        older: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    ) -> HTMLResponse:
        """``older``: so many of the newest rounds are left out."""
        record, study, values = _of(shared, reader, study_id)
        values |= _rounds(study, older) | _trials(shared, record, study, table)
        return page(request, "study/page.html", reader, values)

    @router.get("/studies/{study_id}/sections/{section}", name="study.section")
    def one(
        request: Request,
        reader: Reader,
        study_id: str,
        section: Section,
        table: Annotated[Asked, Depends(asked)],
        older: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    ) -> HTMLResponse:
        record, study, values = _of(shared, reader, study_id)
        if section == "rounds":
            values |= _rounds(study, older)
        if section == "trials":
            values |= _trials(shared, record, study, table)
        return page(request, f"study/{section}.html", reader, values)

    return router


def _of(
    shared: Shared, reader: Caller, study_id: str
) -> tuple[StudyRecord, StudyView, dict[str, Any]]:
    """What every section has."""
    record = seen(shared.store.study(study_id), reader, study_id)
    study = shared.presenter.study(record)
    goes_on = study.state not in ENDED
    submits = reader.may("submitter")
    values = {
        "study": study,
        "api": f"/api/v1/studies/{study.id}",
        "here": f"/studies/{study.id}",
        "over": is_over(study),
        "goes_on": goes_on,
        "settling": record.importance is None
        and study.ended is not None
        and time.time() - study.ended < SETTLES_S,
        "may_branch": submits,
        "may_change": submits and reader.belongs_to(study.team),
        "now": what_now(study),
        "words": words,
        "said": words.picture_words(study),
        "last_line": last_line,
        "run": run_address(shared, record, record.run_id),
    }
    return record, study, values


def _rounds(study: StudyView, older: int) -> dict[str, Any]:
    """The newest first."""
    newest_first = study.rounds[::-1]
    return {
        "rounds": newest_first[older : older + ROUNDS_SHOWN],
        "older": older,
        "next_older": older + ROUNDS_SHOWN if len(newest_first) > older + ROUNDS_SHOWN else None,
        "next_newer": max(0, older - ROUNDS_SHOWN) if older else None,
    }


def _trials(shared: Shared, record: StudyRecord, study: StudyView, table: Asked) -> dict[str, Any]:
    return {"table": table_of(shared, record, study, table), "kinds": KIND_WORDS}
