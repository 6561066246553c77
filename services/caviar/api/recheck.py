"""The routes of champions and of the checks whether they hold, and the one that MLflow's webhooks call."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from caviar.adapters.sql import Store
from caviar.api.access import Access, LookedAt, Owned, Submitter
from caviar.api.audit import note
from caviar.api.idempotency import Idempotent
from caviar.contract.recheck import (
    ChampionView,
    CheckView,
    DecideRequest,
    HookView,
    Policy,
    RecheckRequest,
    RecheckView,
    RollbackChampion,
)
from caviar.recheck import Checks
from caviar.recheck.checks import HOOKS, MLFLOW
from caviar.recheck.mlflow_events import NotSigned
from caviar.teams import Caller


def recheck_routes(access: Access, store: Store, checks: Checks) -> APIRouter:
    router = APIRouter(prefix="/api/v1/studies/{study_id}", route_class=Idempotent)
    # Not Idempotent: one answer shows a secret; the other's caller has no token, and names its deliveries itself.
    plain = APIRouter()

    def decided(request: Request, champion: ChampionView, before: int | None) -> ChampionView:
        said = champion.model_dump(mode="json", include={"number", "state", "params", "why"})
        note(request, before={"champion": before}, after=said)
        return champion

    def champion_of(study_id: str) -> int | None:
        found = store.rechecks.champion(study_id)
        return None if found is None else found.number

    @router.get("/recheck")
    def see(record: LookedAt) -> RecheckView:
        """Champions, checks and their verdicts, and when the next check is due."""
        return checks.view(record)

    @router.post("/recheck", status_code=202, name="study.recheck")
    def ask(request: Request, record: Owned, caller: Submitter, asked: RecheckRequest) -> CheckView:
        """Check now whether the champion holds. A check that is open and about the same serves this request too."""
        check = checks.ask(record, asked, caller.name, record.team)
        said = {"check", "champion", "data_version", "code_version", "why"}
        note(request, after={"check": check.number, **check.model_dump(mode="json", include=said)})
        return check

    @router.put("/recheck", name="recheck.policy")
    def set_policy(
        request: Request, record: Owned, policy: Annotated[Policy | None, Body()] = None
    ) -> RecheckView:
        """When it is checked by itself, and what follows; null: only when somebody asks."""
        before = checks.view(record).policy
        found = checks.set_policy(record, policy)
        note(request, before={"policy": _told(before)}, after={"policy": _told(found.policy)})
        return found

    @router.post("/champion/promote", name="champion.promote")
    def promote(
        request: Request, record: Owned, caller: Submitter, asked: DecideRequest
    ) -> ChampionView:
        """It is the champion from now on; by default the newest proposed one."""
        before = champion_of(record.id)
        return decided(
            request, checks.promote(record, asked.number, caller.name, asked.why), before
        )

    @router.post("/champion/reject", name="champion.reject")
    def reject(
        request: Request, record: Owned, caller: Submitter, asked: DecideRequest
    ) -> ChampionView:
        """A proposed one becomes no champion; by default the newest."""
        before = champion_of(record.id)
        return decided(request, checks.reject(record, asked.number, caller.name, asked.why), before)

    @router.post("/champion/rollback", name="champion.rollback")
    def rollback(
        request: Request, record: Owned, caller: Submitter, asked: RollbackChampion
    ) -> ChampionView:
        """The champion before this one is it again."""
        before = champion_of(record.id)
        return decided(request, checks.rollback(record, caller.name, asked.why), before)

    @plain.post("/api/v1/studies/{study_id}/recheck/hook", name="recheck.hook")
    def hook(request: Request, record: Owned, response: Response) -> HookView:
        """Where MLflow's own webhooks go, and a new secret for them: the one before counts no more from now on."""
        response.headers["Cache-Control"] = "no-store"
        made = checks.hook(record)
        note(request, after={"path": made.path})
        return made

    @plain.post(f"{HOOKS}/{{study_id}}", status_code=202, name="recheck.mlflow")
    async def from_mlflow(request: Request, study_id: str) -> Response:
        """An event of MLflow's model registry, signed by MLflow: it has no token of this service.

        ``check`` is the number of the check that it calls for; null where it came already, or calls for none.
        """
        body = await request.body()
        try:
            check = await run_in_threadpool(checks.from_mlflow, study_id, request.headers, body)
        except NotSigned as error:
            raise access.unsigned(request, str(error)) from None
        record = await run_in_threadpool(store.study, study_id)
        team = None if record is None else record.team
        request.state.caller = Caller(MLFLOW, "viewer", team, "hook")
        number = None if check is None else check.number
        note(request, study_id, team, after={"check": number})
        return JSONResponse({"check": number}, 200 if check is None else 202)

    whole = APIRouter()
    whole.include_router(router)
    whole.include_router(plain)
    return whole


def _told(policy: Policy | None) -> dict[str, object] | None:
    return None if policy is None else policy.model_dump(mode="json", exclude_defaults=True)
