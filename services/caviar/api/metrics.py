"""Figures for Prometheus: what passes the API is counted here, what stands is read when somebody asks.

Labels are bounded: routes by their templates, methods that HTTP knows, resource classes up to a number.
"""

from __future__ import annotations

import hmac
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from typing import Final

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client import Counter as Counted
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from caviar import __version__
from caviar.adapters.sql import Store
from caviar.api.access import Access, bearer
from caviar.api.problems import Refused
from caviar.scheduler import Scheduler

CLASSES: Final = 50
"""Resource classes with a label of their own; what is beyond is counted together."""
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


class Standing(Collector):
    """What is true at this moment, read from the scheduler and the store."""

    def __init__(self, scheduler: Scheduler, store: Store) -> None:
        self._scheduler = scheduler
        self._store = store

    def collect(self) -> Iterable[GaugeMetricFamily | InfoMetricFamily]:
        info = InfoMetricFamily("caviar", "The service.")
        info.add_metric([], {"version": __version__})
        yield info
        yield from self._of_studies()
        yield from self._of_slots()
        waiting = self._store.waiting_runs()
        yield _gauge(
            "caviar_runs_waiting",
            "Ended trials whose runs are not complete in MLflow.",
            sum(runs.count for runs in waiting),
        )
        oldest = min((runs.since for runs in waiting), default=None)
        yield _gauge(
            "caviar_runs_waiting_seconds",
            "How long the first of them has waited.",
            0.0 if oldest is None else max(0.0, time.time() - oldest),
        )
        ticked = self._scheduler.ticked_s()
        if ticked is not None:
            yield _gauge("caviar_tick_age_seconds", "Since the scheduler's last turn.", ticked)

    def _of_studies(self) -> Iterable[GaugeMetricFamily]:
        studies: Counter[tuple[str, str]] = Counter()
        trials: Counter[str] = Counter()
        for record, counts in self._scheduler.census():
            studies[record.team, record.state] += 1
            for kind, count in counts.items():
                trials[kind] += count
        family = GaugeMetricFamily(
            "caviar_studies", "Studies that have not ended.", labels=["team", "state"]
        )
        for labels, count in studies.items():
            family.add_metric(list(labels), count)
        yield family
        family = GaugeMetricFamily("caviar_trials", "Their trials.", labels=["state"])
        for state, count in trials.items():
            family.add_metric([state], count)
        yield family

    def _of_slots(self) -> Iterable[GaugeMetricFamily]:
        found: dict[str, tuple[int, int, int]] = defaultdict(lambda: (0, 0, 0))
        for worker, free, _, _ in self._scheduler.workers():
            name = worker.resource_class
            if name not in found and len(found) >= CLASSES:
                name = "others"
            hosts, slots, unused = found[name]
            found[name] = (hosts + 1, slots + worker.slots, unused + free)
        about = {
            "caviar_workers": "Workers that call.",
            "caviar_slots": "Their slots.",
            "caviar_slots_free": "Slots that train nothing.",
        }
        for index, (name, text) in enumerate(about.items()):
            family = GaugeMetricFamily(name, text, labels=["resource_class"])
            for resource_class, figures in found.items():
                family.add_metric([resource_class], figures[index])
            yield family


def metrics_routes(
    metrics: Metrics, scheduler: Scheduler, store: Store, access: Access, token: str | None
) -> APIRouter:
    """``token`` is Prometheus's own, which opens nothing else; an operator's will do."""
    router = APIRouter()
    metrics.registry.register(Standing(scheduler, store))

    @router.get("/metrics", include_in_schema=False)
    async def read(request: Request) -> Response:
        given = bearer(request)
        own = token is not None and hmac.compare_digest(given.encode(), token.encode())
        if not own and not (await access.caller(request)).may("operator"):
            detail = "Figures are of all teams: they need an operator's token."
            raise Refused("forbidden", detail)
        figures = await run_in_threadpool(generate_latest, metrics.registry)
        return Response(figures, media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return router


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)
