"""The routes of workers under ``/api/v1/worker``.

Plain routes: every trial passes here twice, and what FastAPI does for a route (dependencies, two validations of each
body, a response model) takes longer than the scheduler. They run in the event loop: they take milliseconds under the
scheduler's lock, a thread would add as much.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from caviar.api.access import Access
from caviar.api.metrics import Metrics
from caviar.contract.messages import (
    ClaimAnswer,
    ClaimRequest,
    Finish,
    FinishAnswer,
    Heartbeat,
    Hello,
    Message,
    PassAnswer,
    PassRequest,
    RunRequest,
    Shipped,
)
from caviar.scheduler import Scheduler
from caviar.teams import Pass

Body = TypeVar("Body", bound=Message)
Endpoint = Callable[[Request], Awaitable[Response]]


def worker_routes(scheduler: Scheduler, access: Access, metrics: Metrics) -> list[Route]:
    """Every route wants a worker's token."""

    def claim(request: ClaimRequest) -> ClaimAnswer:
        answer = scheduler.claim(request)
        metrics.claims.labels("yes" if answer.granted else "no").inc()
        return answer

    def finish(message: Finish) -> FinishAnswer:
        answer = scheduler.finish(message)
        metrics.finishes.labels(message.outcome, answer.verdict).inc()
        return answer

    def trial_pass(message: PassRequest) -> PassAnswer:
        team = scheduler.holder(message)
        if team is None:
            raise HTTPException(409, f"No worker holds {message.trial} with this claim.")
        given = Pass(team, message.trial, message.attempt)
        return PassAnswer(token=access.signer.trial_pass(given))

    def post(path: str, kind: type[Body], call: Callable[[Body], BaseModel]) -> Route:
        async def endpoint(request: Request) -> Response:
            await access.worker(request)
            return _json(call(_validated(kind, await request.body())))

        return Route(f"/api/v1/worker/{path}", endpoint, methods=["POST"])

    async def shipped(request: Request) -> Response:
        await access.worker(request)
        message = _validated(Shipped, await request.body())
        await run_in_threadpool(scheduler.shipped, message)
        return Response(status_code=204)

    async def run_of(request: Request) -> Response:
        await access.worker(request)
        message = _validated(RunRequest, await request.body())
        return _json(await run_in_threadpool(scheduler.run_of, message))

    async def ship_target(request: Request) -> Response:
        await access.worker(request)
        study_id = request.path_params["study_id"]
        target = await run_in_threadpool(scheduler.ship_target, study_id)
        if target is None:
            raise HTTPException(404, f"Study {study_id} has no run in MLflow yet.")
        return _json(target)

    return [
        post("claim", ClaimRequest, claim),
        post("finish", Finish, finish),
        post("heartbeat", Heartbeat, scheduler.heartbeat),
        post("hello", Hello, scheduler.hello),
        post("pass", PassRequest, trial_pass),
        Route("/api/v1/worker/run", run_of, methods=["POST"]),
        Route("/api/v1/worker/shipped", shipped, methods=["POST"]),
        Route("/api/v1/worker/studies/{study_id}/ship-target", ship_target, methods=["GET"]),
    ]


def _validated(kind: type[Body], body: bytes) -> Body:
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        problems = [{**one, "loc": ("body", *one["loc"])} for one in error.errors()]
        raise RequestValidationError(problems) from None


def _json(answer: BaseModel) -> Response:
    return Response(answer.model_dump_json(), media_type="application/json")
