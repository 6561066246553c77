"""The routes of studies, their rounds and trials under ``/api/v1``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request, Response
from pydantic import TypeAdapter

from caviar.adapters.sql import Store, StudyRecord, TrialRow
from caviar.api.access import Access, LookedAt, Owned, Submitter, Viewer, seen
from caviar.api.audit import note
from caviar.api.etags import refuse_stale, unchanged
from caviar.api.idempotency import Idempotent
from caviar.api.openapi import CHANGED, UNCHANGED
from caviar.api.origin import address_of, is_loopback
from caviar.api.paging import link_next
from caviar.api.present import STUDIES, Presenter, edited_of
from caviar.contract.queue import StudyEdit
from caviar.contract.views import (
    AddedTrial,
    Branch,
    NewTrial,
    RoundView,
    StudyFile,
    StudyRow,
    StudyView,
    Submission,
    Submitted,
    TrialView,
    Undo,
)
from caviar.errors import InputError, Problem
from caviar.scheduler import Scheduler
from caviar.studies.spec import MAX_TRIALS, load_study
from caviar.teams import DEFAULT_TEAM, Caller

PAGE = 500
_ROWS = TypeAdapter(list[StudyRow])
_TRIALS = TypeAdapter(list[TrialView])
FOREIGN_FOLDER = Problem(
    ("trainer",),
    "code in a folder is run for clients on the service's own machine alone",
    "Name a trainer that is installed on its workers.",
)


def study_routes(
    access: Access, store: Store, scheduler: Scheduler, presenter: Presenter
) -> APIRouter:
    router = APIRouter(prefix="/api/v1", route_class=Idempotent)

    def again(record: StudyRecord) -> StudyView:
        return presenter.study(store.study(record.id) or record)

    @router.post("/studies", status_code=201, response_model=Submitted, name="study.submit")
    def submit(request: Request, submission: Submission, caller: Submitter) -> Response:
        team = team_of(access, caller, submission.team)
        if submission.folder is not None and not is_loopback(address_of(request)):
            raise InputError(FOREIGN_FOLDER)
        if caller.team is not None:
            submission = submission.model_copy(update={"user": caller.name})
        submitted = scheduler.submit(submission, team)
        name = load_study(submission.text, submission.filename).name
        after = {"name": name, "resumed": submitted.resumed}
        note(request, submitted.id, team, after=after)
        return _json(submitted.model_dump_json().encode(), 201)

    @router.get("/studies", response_model=list[StudyRow])
    def studies(
        caller: Viewer,
        request: Request,
        limit: Annotated[int, Query(ge=1, le=STUDIES)] = STUDIES,
        called: Annotated[str | None, Query(min_length=1, max_length=64)] = None,
        after: Annotated[str | None, Query(min_length=1, max_length=64)] = None,
    ) -> Response:
        """The newest first; ``after`` is the last study of the page before."""
        before = None if after is None else seen(store.study(after), caller, after)
        rows = presenter.studies(limit, called, caller.team, before)
        answer = _json(_ROWS.dump_json(rows))
        if rows:
            link_next(request, answer, rows, limit, rows[-1].id)
        return answer

    @router.get("/studies/{study_id}", response_model=StudyView, responses=UNCHANGED)
    def study(study_id: str, caller: Viewer, request: Request) -> Response:
        """With ``If-None-Match`` it says whether anything changed since the answer with that ``ETag``."""
        # Not LookedAt: who watches asks this again and again, and a dependency is a thread's turn of its own, as is
        # FastAPI's writing of an answer. Of many requests that come together none ends before their last turns come.
        record = seen(store.study(study_id), caller, study_id)
        tag = presenter.tag(record)
        if unchanged(request, tag):
            return Response(status_code=304, headers={"ETag": tag})
        body = presenter.answer(record, tag)
        return Response(body, headers={"ETag": tag}, media_type="application/json")

    @router.patch("/studies/{study_id}", name="study.edit", responses=CHANGED)
    def edit(
        record: Owned, caller: Submitter, new: StudyEdit, request: Request, response: Response
    ) -> StudyView:
        """With ``If-Match`` only where nobody else edited it since the answer with that ``ETag``."""
        if new.place is not None and not caller.may("operator"):
            raise HTTPException(403, "Only an operator sets a study's place in the queue.")
        edited = scheduler.edit(record.id, new, lambda now: refuse_stale(request, edited_of(now)))
        response.headers["ETag"] = presenter.tag(edited)
        return presenter.study(edited)

    @router.get("/studies/{study_id}/file")
    def file(record: LookedAt) -> StudyFile:
        return StudyFile(name=record.filename, text=record.source)

    @router.get("/studies/{study_id}/rounds")
    def rounds(record: LookedAt) -> list[RoundView]:
        return presenter.rounds(record)

    @router.post("/studies/{study_id}/rounds/{number}/undo", name="round.undo")
    def undo(
        request: Request, record: Owned, caller: Submitter, number: int, asked: Undo
    ) -> RoundView:
        new = scheduler.undo(record.id, number, author(caller, asked.user))
        note(request, before={"round": new.index - 1}, after={"round": new.index, "undone": number})
        return presenter.rounds(record)[new.index]

    @router.post("/studies/{study_id}/rounds/{number}/branch", status_code=201, name="round.branch")
    def branch(
        request: Request, record: LookedAt, caller: Submitter, number: int, asked: Branch
    ) -> Submitted:
        team = caller.team or record.team
        user = author(caller, asked.user)
        submitted = scheduler.branch(record, number, asked.name, user, team)
        note(request, submitted.id, team, after={"study": record.id, "round": number})
        return submitted

    @router.get("/studies/{study_id}/trials", response_model=list[TrialView])
    def trials(
        study_id: str,
        caller: Viewer,
        request: Request,
        after: Annotated[int, Query(ge=-1, le=MAX_TRIALS)] = -1,
        limit: Annotated[int, Query(ge=1, le=PAGE)] = PAGE,
    ) -> Response:
        """By number; ``after`` is the last number of the page before."""
        record = seen(store.study(study_id), caller, study_id)
        rows = store.trials(record.id, after=after, limit=limit)
        answer = _json(_TRIALS.dump_json([presenter.trial(row) for row in rows]))
        if rows:
            link_next(request, answer, rows, limit, rows[-1].number)
        return answer

    @router.post("/studies/{study_id}/trials", status_code=201, name="trial.add")
    def add_trial(request: Request, record: Owned, new: NewTrial) -> AddedTrial:
        added = scheduler.add(record.id, new)
        note(request, after=added.model_dump(mode="json"))
        return added

    @router.get("/studies/{study_id}/trials/{number}")
    def trial_of_study(record: LookedAt, number: int) -> TrialView:
        return presenter.trial(numbered(store, record, number), with_output=True)

    @router.post("/studies/{study_id}/trials/{number}/stop", name="trial.stop")
    def stop_trial(request: Request, record: Owned, number: int) -> TrialView:
        before = numbered(store, record, number)
        after = scheduler.stop_trial(record.id, before.number)
        note(
            request,
            before={"trial": before.number, "state": before.state},
            after={"trial": after.number, "state": after.state, "stop_asked": after.stop_asked},
        )
        return presenter.trial(after)

    @router.get("/trials/{trial_id}")
    def trial(trial_id: str, caller: Viewer) -> TrialView:
        row = store.trial(trial_id)
        record = store.study(row.study_id) if row else None
        if row is None or record is None or not (record.shared or caller.belongs_to(record.team)):
            raise HTTPException(404, f"There is no trial {trial_id}.")
        return presenter.trial(row, with_output=True)

    @router.post("/studies/{study_id}/pause", name="study.pause")
    def pause(record: Owned) -> StudyView:
        scheduler.pause(record.id)
        return again(record)

    @router.post("/studies/{study_id}/resume", name="study.resume")
    def resume(record: Owned) -> StudyView:
        scheduler.resume(record.id)
        return again(record)

    @router.post("/studies/{study_id}/stop", name="study.stop")
    def stop(record: Owned) -> StudyView:
        scheduler.stop(record.id)
        return again(record)

    return router


def _json(body: bytes, status: int = 200) -> Response:
    return Response(body, status, media_type="application/json")


def numbered(store: Store, record: StudyRecord, number: int) -> TrialRow:
    """The study's trial of that number. Raises HTTPException 404."""
    there = 0 <= number < MAX_TRIALS  # beyond it, a database refuses the number
    row = store.numbered(record.id, number) if there else None
    if row is None:
        raise HTTPException(404, f"There is no trial {number} in study {record.id}.")
    return row


def author(caller: Caller, given: str | None) -> str | None:
    """Who did it: the token's owner. Only an operator says that somebody else did."""
    return given if caller.team is None else caller.name


def team_of(access: Access, caller: Caller, asked: str | None) -> str:
    """The team that the caller acts for. Raises HTTPException 403 or 404."""
    if caller.team is not None:
        if asked is not None and asked != caller.team:
            raise HTTPException(403, f"Your token is the team {caller.team}'s, not {asked}'s.")
        return caller.team
    team = asked or DEFAULT_TEAM
    if team not in access.teams.all():
        raise HTTPException(404, f"There is no team {team}. `caviar team list` lists them.")
    return team
