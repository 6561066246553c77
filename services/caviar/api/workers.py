"""The routes of workers under ``/api/v1/worker``.

Plain routes: every trial passes here twice, and what FastAPI does for a route (dependencies, two validations of each
body, a response model) takes longer than the scheduler. They run in the event loop: they take milliseconds under the
scheduler's lock, a thread would add as much.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from caviar.api.access import Access
from caviar.api.metrics import Metrics
from caviar.api.problems import Refused
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
from caviar.contract.panda import WAIT_S, Orders, Report, Waiting
from caviar.contract.protocol import HEADER, refusal
from caviar.scheduler import Scheduler
from caviar.teams import Pass

LOOK_S = 0.5
"""Between two looks for those who wait until something is asked of their trainings; what is asked wakes them."""
Body = TypeVar("Body", bound=Message)
Endpoint = Callable[[Request], Awaitable[Response]]


class Waiters:
    """Those who wait in the event loop for what other threads do."""

    def __init__(self) -> None:
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    @contextmanager
    def waiting(self) -> Iterator[asyncio.Event]:
        """An event that is set whenever something may have changed."""
        me = asyncio.get_running_loop(), asyncio.Event()
        self._waiting.add(me)
        try:
            yield me[1]
        finally:
            self._waiting.discard(me)

    def wake(self) -> None:
        """From any thread."""
        for loop, event in tuple(self._waiting):
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(event.set)


def worker_routes(
    scheduler: Scheduler, access: Access, metrics: Metrics, is_ending: Callable[[], bool]
) -> list[Route]:
    """Every route wants a worker's token. Who waits is answered when the server ends, as ``is_ending`` says."""

    waiters = Waiters()
    scheduler.changing.tell = waiters.wake

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

    def post(path: str, kind: type[Body], call: Callable[[Body], Message]) -> Route:
        async def endpoint(request: Request) -> Response:
            await served(access, request)
            message = _validated(kind, await request.body())
            return _json(call(message), message.v)

        return Route(f"/api/v1/worker/{path}", endpoint, methods=["POST"])

    async def orders(request: Request) -> Response:
        """Answered when there is something to do."""
        await served(access, request)
        waiting = _validated(Waiting, await request.body())
        until = time.monotonic() + WAIT_S
        with waiters.waiting() as asked:
            while True:
                found = scheduler.changing.orders(waiting)
                if found is not None or time.monotonic() > until or is_ending():
                    return _json(found or Orders(), waiting.v)
                asked.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(asked.wait(), LOOK_S)

    async def shipped(request: Request) -> Response:
        await served(access, request)
        message = _validated(Shipped, await request.body())
        await run_in_threadpool(scheduler.shipped, message)
        return Response(status_code=204)

    async def run_of(request: Request) -> Response:
        await served(access, request)
        message = _validated(RunRequest, await request.body())
        return _json(await run_in_threadpool(scheduler.run_of, message), message.v)

    async def ship_target(request: Request) -> Response:
        await served(access, request)
        study_id = request.path_params["study_id"]
        target = await run_in_threadpool(scheduler.ship_target, study_id)
        if target is None:
            raise HTTPException(404, f"Study {study_id} has no run in MLflow yet.")
        return _json(target, int(request.headers.get(HEADER, "1")))

    async def protocol(request: Request) -> Response:
        """What a worker asks before it takes a ticket."""
        await served(access, request)
        return Response(status_code=204)

    return [
        post("claim", ClaimRequest, claim),
        post("finish", Finish, finish),
        post("heartbeat", Heartbeat, scheduler.heartbeat),
        post("hello", Hello, scheduler.hello),
        post("pass", PassRequest, trial_pass),
        post("wards", Report, scheduler.changing.report),
        Route("/api/v1/worker/orders", orders, methods=["POST"]),
        Route("/api/v1/worker/protocol", protocol, methods=["GET"]),
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


def _json(answer: Message, version: int) -> Response:
    """In the version that was asked in."""
    if version != answer.v:
        inside = {}
        if isinstance(answer, ClaimAnswer) and answer.assignment:
            inside["assignment"] = answer.assignment.model_copy(update={"v": version})
        answer = answer.model_copy(update={"v": version, **inside})
    return Response(answer.model_dump_json(), media_type="application/json")


async def served(access: Access, request: Request) -> None:
    """Raises HTTPException unless a worker asks, in a version that is understood."""
    await access.worker(request)
    reason = refusal(request.headers.get(HEADER))
    if reason is not None:
        raise Refused("protocol", reason)
