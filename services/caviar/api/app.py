"""The FastAPI application: routes for clients under ``/api/v1``, for workers under ``/api/v1/worker``."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from caviar import __version__
from caviar.adapters.sql import Store, StudyRecord
from caviar.api.present import Presenter
from caviar.contract.messages import (
    ClaimAnswer,
    ClaimRequest,
    Finish,
    FinishAnswer,
    Heartbeat,
    HeartbeatAnswer,
    Hello,
    HelloAnswer,
    Shipped,
    ShipTarget,
)
from caviar.contract.views import (
    AddedTrial,
    Branch,
    NewTrial,
    ProblemView,
    RoundView,
    StudyRow,
    StudyView,
    Submission,
    Submitted,
    TrialView,
    Undo,
    WorkerView,
)
from caviar.errors import CaviarError, InputError, NotAllowed
from caviar.scheduler import Scheduler

PAGE = 500


def create_app(
    store: Store, scheduler: Scheduler, *, mlflow_uri: str, token: str, worker_token: str
) -> FastAPI:
    """The API over ``store`` and ``scheduler``. Every route but health wants one of the two tokens."""
    presenter = Presenter(store, scheduler, mlflow_uri)
    app = FastAPI(title="Caviar", version=__version__, docs_url=None, redoc_url=None)
    app.include_router(_client_routes(store, scheduler, presenter, token))
    app.include_router(_worker_routes(scheduler, worker_token))

    @app.get("/api/v1/health")
    def health() -> dict[str, str]:
        return {"status": "ok", "version": __version__}

    app.add_exception_handler(CaviarError, _caviar_error)
    app.add_exception_handler(StarletteHTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    return app


def _bearer(expected: str) -> Callable[[str | None], Awaitable[None]]:
    async def check(authorization: Annotated[str | None, Header()] = None) -> None:
        given = (authorization or "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), expected.encode()):
            raise HTTPException(
                401, "No or a wrong token: set CAVIAR_TOKEN to the service's token."
            )

    return check


def _client_routes(
    store: Store, scheduler: Scheduler, presenter: Presenter, token: str
) -> APIRouter:
    router = APIRouter(prefix="/api/v1", dependencies=[Depends(_bearer(token))])

    def found(study_id: str) -> StudyRecord:
        record = store.study(study_id)
        if record is None:
            raise HTTPException(404, f"There is no study {study_id}. `caviar studies` lists them.")
        return record

    @router.post("/studies", status_code=201)
    def submit(submission: Submission) -> Submitted:
        return scheduler.submit(submission)

    @router.get("/studies")
    def studies() -> list[StudyRow]:
        return presenter.studies()

    @router.get("/studies/{study_id}")
    def study(study_id: str) -> StudyView:
        return presenter.study(found(study_id))

    @router.get("/studies/{study_id}/rounds")
    def rounds(study_id: str) -> list[RoundView]:
        return presenter.rounds(found(study_id))

    @router.post("/studies/{study_id}/rounds/{number}/undo")
    def undo(study_id: str, number: int, request: Undo) -> RoundView:
        new = scheduler.undo(found(study_id).id, number, request.user)
        return presenter.rounds(found(study_id))[new.index]

    @router.post("/studies/{study_id}/rounds/{number}/branch", status_code=201)
    def branch(study_id: str, number: int, request: Branch) -> Submitted:
        return scheduler.branch(found(study_id), number, request.name, request.user)

    @router.get("/studies/{study_id}/trials")
    def trials(
        study_id: str,
        after: Annotated[int, Query(ge=-1)] = -1,
        limit: Annotated[int, Query(ge=1, le=PAGE)] = PAGE,
    ) -> list[TrialView]:
        record = found(study_id)
        return [presenter.trial(row) for row in store.trials(record.id, after=after, limit=limit)]

    @router.post("/studies/{study_id}/trials", status_code=201)
    def add_trial(study_id: str, new: NewTrial) -> AddedTrial:
        return scheduler.add(found(study_id).id, new)

    @router.get("/studies/{study_id}/trials/{number}")
    def trial_of_study(study_id: str, number: int) -> TrialView:
        return trial(f"{found(study_id).id}-{number}")

    @router.get("/trials/{trial_id}")
    def trial(trial_id: str) -> TrialView:
        row = store.trial(trial_id)
        if row is None:
            study_id, _, number = trial_id.rpartition("-")
            raise HTTPException(404, f"There is no trial {number} in study {study_id}.")
        return presenter.trial(row, with_output=True)

    @router.post("/studies/{study_id}/pause")
    def pause(study_id: str) -> StudyView:
        scheduler.pause(found(study_id).id)
        return presenter.study(found(study_id))

    @router.post("/studies/{study_id}/resume")
    def resume(study_id: str) -> StudyView:
        scheduler.resume(found(study_id).id)
        return presenter.study(found(study_id))

    @router.post("/studies/{study_id}/stop")
    def stop(study_id: str) -> StudyView:
        scheduler.stop(found(study_id).id)
        return presenter.study(found(study_id))

    @router.get("/workers")
    def workers() -> list[WorkerView]:
        return [
            WorkerView(
                host=worker.host,
                resource_class=worker.resource_class,
                slots=worker.slots,
                free=free,
                seen_s=seen_s,
                warnings=list(worker.warnings),
            )
            for worker, free, seen_s in scheduler.workers()
        ]

    return router


def _worker_routes(scheduler: Scheduler, worker_token: str) -> APIRouter:
    """These run in the event loop: they take milliseconds under the scheduler's lock, a thread would add as much."""
    router = APIRouter(prefix="/api/v1/worker", dependencies=[Depends(_bearer(worker_token))])

    @router.post("/hello")
    async def hello(message: Hello) -> HelloAnswer:
        return scheduler.hello(message)

    @router.post("/claim")
    async def claim(message: ClaimRequest) -> ClaimAnswer:
        return scheduler.claim(message)

    @router.post("/heartbeat")
    async def heartbeat(message: Heartbeat) -> HeartbeatAnswer:
        return scheduler.heartbeat(message)

    @router.post("/finish")
    async def finish(message: Finish) -> FinishAnswer:
        return scheduler.finish(message)

    @router.post("/shipped", status_code=204)
    def shipped(message: Shipped) -> None:
        scheduler.shipped(message)

    @router.get("/studies/{study_id}/ship-target")
    def ship_target(study_id: str) -> ShipTarget:
        target = scheduler.ship_target(study_id)
        if target is None:
            raise HTTPException(404, f"Study {study_id} has no run in MLflow yet.")
        return target

    return router


def _problem(view: ProblemView) -> JSONResponse:
    return JSONResponse(
        view.model_dump(mode="json"), view.status, media_type="application/problem+json"
    )


def _caviar_error(_request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, InputError):
        problems: list[dict[str, str | int | list[str] | None]] = [
            {
                "path": list(problem.path),
                "reason": problem.reason,
                "way_out": problem.way_out,
                "line": problem.line,
            }
            for problem in error.problems
        ]
        return _problem(
            ProblemView(
                title="The input is wrong", status=422, detail=str(error), problems=problems
            )
        )
    status = 409 if isinstance(error, NotAllowed) else 503
    title = "Not possible now" if status == 409 else "A part of the service is away"
    return _problem(ProblemView(title=title, status=status, detail=str(error)))


def _http_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, StarletteHTTPException)
    return _problem(
        ProblemView(title="Request refused", status=error.status_code, detail=str(error.detail))
    )


def _invalid_request(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    problems: list[dict[str, str | int | list[str] | None]] = [
        {"path": [str(part) for part in entry["loc"]], "reason": entry["msg"], "way_out": ""}
        for entry in error.errors()
    ]
    return _problem(
        ProblemView(
            title="The request is malformed",
            status=422,
            detail="; ".join(f"{'.'.join(p['path'])}: {p['reason']}" for p in problems),  # type: ignore[arg-type]
            problems=problems,
        )
    )
