"""The routes of those who babysit a training, under ``/api/v1/studies/{study_id}/trials/{number}``."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request

from caviar.adapters.sql import Store, StudyRecord
from caviar.api.access import LookedAt, Owned, Submitter
from caviar.api.audit import note
from caviar.api.idempotency import Idempotent
from caviar.api.present import Presenter
from caviar.api.studies import author, numbered
from caviar.contract.panda import (
    CurveView,
    ForkRequest,
    InterventionView,
    NurseRequest,
    NurseView,
    RollbackRequest,
    ScheduleView,
    SetRequest,
    SpreadRequest,
)
from caviar.contract.views import GoOn, Submitted, TrialView
from caviar.panda import Babysitting
from caviar.panda.babysitting import nursing_of
from caviar.scheduler import Scheduler
from caviar.studies.nursing import Nursing

HIRE = "`nurse: {parameter: learning_rate, steps: 300}` in the study file, with `mode: panda`."


def panda_routes(
    store: Store, scheduler: Scheduler, babysitting: Babysitting, presenter: Presenter
) -> APIRouter:
    nurse = APIRouter(prefix="/api/v1/studies/{study_id}/nurse", route_class=Idempotent)
    router = APIRouter(prefix="/api/v1/studies/{study_id}/trials/{number}", route_class=Idempotent)

    def nursed(record: StudyRecord) -> Nursing:
        nursing = nursing_of(record)
        if nursing is None:
            raise HTTPException(404, f"Study {record.id} has no nurse. {HIRE}")
        return nursing

    def told(request: Request, asked: InterventionView) -> InterventionView:
        note(request, after=asked.model_dump(mode="json", exclude_none=True))
        return asked

    @router.post("/set", status_code=202, name="trial.set")
    def set_values(
        request: Request, record: Owned, caller: Submitter, number: int, asked: SetRequest
    ) -> list[InterventionView]:
        """Give parameters of a running training other values. The training takes them after its next report."""
        row = numbered(store, record, number)
        made = babysitting.set(record, row.number, asked, caller.name)
        before = {each.parameter: each.before for each in made}
        note(
            request,
            before={"trial": number, "params": before},
            after={"trial": number, "params": asked.params, "why": asked.why},
        )
        return made

    @router.post("/rollback", status_code=202, name="trial.rollback")
    def rollback(
        request: Request, record: Owned, caller: Submitter, number: int, asked: RollbackRequest
    ) -> InterventionView:
        """Go back to a checkpoint and the values of that moment, as a trial that takes this one's place."""
        row = numbered(store, record, number)
        return told(request, babysitting.rollback(record, row.number, asked, caller.name))

    @router.post("/fork", status_code=202, name="trial.fork")
    def fork(
        request: Request, record: Owned, caller: Submitter, number: int, asked: ForkRequest
    ) -> InterventionView:
        """Train a copy from a checkpoint with other values, beside this trial or in its place."""
        row = numbered(store, record, number)
        return told(request, babysitting.fork(record, row.number, asked, caller.name))

    @router.post("/spread", status_code=202, name="trial.spread")
    def spread(
        request: Request, record: Owned, caller: Submitter, number: int, asked: SpreadRequest
    ) -> list[InterventionView]:
        """Train several copies from the newest checkpoint, each with live numbers a little different."""
        row = numbered(store, record, number)
        made = babysitting.spread(record, row.number, asked, caller.name)
        note(request, after={"trial": number, "children": len(made), "why": asked.why})
        return made

    @router.post("/keep", name="trial.keep")
    def keep(request: Request, record: Owned, number: int) -> list[TrialView]:
        """Of trials that go on from one another, this one goes on: the others end."""
        row = numbered(store, record, number)
        ended = babysitting.keep(record, row.number)
        note(request, after={"kept": number, "ended": [each.number for each in ended]})
        return [presenter.trial(each) for each in ended]

    @router.post("/panda", status_code=201, name="trial.panda")
    def go_on(
        request: Request, record: LookedAt, caller: Submitter, number: int, asked: GoOn
    ) -> Submitted:
        """Take a trial that ended up by hand: a study of one model goes on from it."""
        team = caller.team or record.team
        user = author(caller, asked.user)
        submitted = scheduler.go_on(record, numbered(store, record, number), asked.name, user, team)
        note(request, submitted.id, team, after={"study": record.id, "trial": number})
        return submitted

    @router.get("/interventions")
    def interventions(record: LookedAt, number: int) -> list[InterventionView]:
        """What was done to the training, by whom and why, and what came of it."""
        return babysitting.interventions(record, numbered(store, record, number))

    @router.get("/curve")
    def curve(record: LookedAt, number: int) -> CurveView:
        """The learning curve of a training that runs, or ended a while ago."""
        return babysitting.curve(record, numbered(store, record, number))

    @router.get("/schedule")
    def schedule(record: LookedAt, number: int) -> ScheduleView:
        """Parameters, seed and changes by step: with these a fresh trial trains as this one did."""
        return babysitting.schedule(record, numbered(store, record, number))

    @nurse.get("")
    def see_nurse(record: LookedAt) -> NurseView:
        """What the nurse of a babysat study may do, has done, and her last day in words."""
        return babysitting.nurse(record, nursed(record))

    @nurse.post("", name="nurse.switch")
    def switch_nurse(request: Request, record: Owned, asked: NurseRequest) -> NurseView:
        """Switch the nurse on or off; what she asked for already is done."""
        nursing = nursed(record)
        before = babysitting.nurse(record, nursing).on
        babysitting.switch_nurse(record, asked.on)
        note(request, before={"nurse": before}, after={"nurse": asked.on})
        return babysitting.nurse(record, nursing)

    whole = APIRouter()
    whole.include_router(router)
    whole.include_router(nurse)
    return whole
