"""Figures for Prometheus: what passes the API is counted here; what stands is :mod:`caviar.api.figures`.

Labels are bounded: routes by their templates, methods that HTTP knows, resource classes up to a number.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Collection
from typing import Final, get_args

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client import Counter as Counted
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from caviar.api.access import Access, bearer
from caviar.api.figures import Figures
from caviar.api.problems import Refused
from caviar.contract.messages import Outcome

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """The instruments, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.claims = Counted(
            "caviar_claims", "Claims of trials.", ["granted"], registry=self.registry
        )
        self.finishes = Counted(
            "caviar_finishes",
            "Ends of attempts that workers told.",
            ["outcome", "verdict"],
            registry=self.registry,
        )
        # From the start, at 0: a rate does not see what a series began with.
        for granted in ("yes", "no"):
            self.claims.labels(granted)
        for outcome in get_args(Outcome):
            self.finishes.labels(outcome, "accepted")
        self.requests = Histogram(
            "caviar_request_seconds",
            "Requests, until the answer begins.",
            ["method", "route", "status"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.ticks = Histogram(
            "caviar_tick_seconds",
            "Turns of the scheduler.",
            buckets=SECONDS,
            registry=self.registry,
        )
        self.lines = Gauge(
            "caviar_broker_lines", "Connections of workers to the broker.", registry=self.registry
        )


class Watched:
    """Times every request. Plain ASGI: a trial passes here twice.

    ``plain`` are the paths of routes that are not FastAPI's: nothing else says which one was taken.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, plain: Collection[str]) -> None:
        self._app = app
        self._plain = frozenset(plain)
        self._requests = metrics.requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 0

        def observe() -> None:
            method = scope["method"] if scope["method"] in METHODS else "other"
            observed = self._requests.labels(method, self._route(scope), status)
            observed.observe(time.perf_counter() - began)

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                observe()
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception:
            if not status:  # answered outside of this
                status = 500
                observe()
            raise

    def _route(self, scope: Scope) -> str:
        route = scope.get("route")
        if route is not None:
            return str(route.path)
        return str(scope["path"]) if scope["path"] in self._plain else "other"


def metrics_routes(
    metrics: Metrics, figures: Figures, access: Access, token: str | None
) -> APIRouter:
    """``token`` is Prometheus's own, which opens nothing else; an operator's will do."""
    router = APIRouter()
    metrics.registry.register(figures)

    @router.get("/metrics", include_in_schema=False)
    async def read(request: Request) -> Response:
        given = bearer(request)
        own = token is not None and hmac.compare_digest(given.encode(), token.encode())
        if not own and not (await access.caller(request)).may("operator"):
            detail = "Figures are of all teams: they need an operator's token."
            raise Refused("forbidden", detail)
        text = await run_in_threadpool(generate_latest, metrics.registry)
        return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return router
