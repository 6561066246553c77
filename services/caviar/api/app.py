"""The FastAPI application: what clients and workers are told, under ``/api/v1``."""

from __future__ import annotations

from collections.abc import Collection

from fastapi import APIRouter, FastAPI, Request
from fastapi.routing import APIRoute

from caviar import __version__
from caviar.adapters.sql import Answers, Store
from caviar.api import openapi
from caviar.api.access import Access, Operator, Viewer
from caviar.api.audit import Audit, note
from caviar.api.bundles import bundle_routes, worker_bundle_route
from caviar.api.events import event_routes
from caviar.api.feed import Feed
from caviar.api.figures import Figures
from caviar.api.figures_routes import figure_routes
from caviar.api.gallery import Gallery
from caviar.api.gate import gate_route
from caviar.api.health import AskBroker, Parts, health_routes
from caviar.api.limits import Limits
from caviar.api.login import login_routes
from caviar.api.metrics import Metrics, Watched, metrics_routes
from caviar.api.origin import OnlyHosts
from caviar.api.panda import panda_routes
from caviar.api.present import Presenter, worker_views
from caviar.api.problems import add_problem_handlers
from caviar.api.queue import queue_routes
from caviar.api.recheck import recheck_routes
from caviar.api.studies import study_routes
from caviar.api.teams import team_routes
from caviar.api.workers import worker_routes
from caviar.contract.bundle import MOST_COMPRESSED
from caviar.contract.views import DrainedHost, TrustedHost, WorkerView
from caviar.panda import Babysitting
from caviar.recheck import Checks
from caviar.scheduler import Scheduler


def create_app(
    store: Store,
    scheduler: Scheduler,
    access: Access,
    *,
    mlflow_uri: str,
    hosts: Collection[str] = (),
    ask_broker: AskBroker | None = None,
    metrics_token: str | None = None,
) -> FastAPI:
    """The API over ``store`` and ``scheduler``. Every route but those of health asks ``access``.

    ``hosts`` are the names that the service answers to; it answers to any where there are none.
    """
    app = FastAPI(
        title="Caviar",
        version=__version__,
        openapi_url=openapi.PATH,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_named,
    )
    presenter = Presenter(store, scheduler, mlflow_uri)
    babysitting, checks = Babysitting(store, scheduler), Checks(store)
    feed, metrics = Feed(store, presenter, scheduler.pulse), Metrics()
    app.state.access, app.state.store = access, store
    app.state.scheduler, app.state.presenter = scheduler, presenter
    app.state.babysitting, app.state.checks = babysitting, checks
    app.state.gallery = gallery = Gallery(store, scheduler, checks)
    app.state.answers, app.state.feed, app.state.metrics = Answers(store.engine), feed, metrics
    plain = [
        *worker_routes(scheduler, access, metrics, feed.is_ending),
        gate_route(access, scheduler.runs),
    ]
    app.router.routes += plain  # the first to be matched
    app.router.routes.append(worker_bundle_route(access, store.bundles))
    app.include_router(study_routes(access, store, scheduler, presenter))
    app.include_router(panda_routes(store, scheduler, babysitting, presenter))
    app.include_router(recheck_routes(access, store, checks))
    app.include_router(figure_routes(gallery))
    app.include_router(team_routes(access, scheduler))
    app.include_router(event_routes(feed, store, access))
    app.include_router(bundle_routes(access, store.bundles))
    app.include_router(queue_routes(access, store, presenter.outlook))
    app.include_router(_service_routes(scheduler))
    app.include_router(login_routes(access))
    parts = Parts(store, scheduler, ask_broker)
    app.include_router(health_routes(parts))
    figures = Figures(scheduler, store, parts)
    app.include_router(metrics_routes(metrics, figures, access, metrics_token))
    app.add_middleware(Audit, teams=access.teams, store=store)
    if hosts:
        app.add_middleware(OnlyHosts, names=hosts)
    add_problem_handlers(app)
    app.add_middleware(Limits, bodies={"/api/v1/bundles/": MOST_COMPRESSED})
    app.add_middleware(Watched, metrics=metrics, plain=[route.path for route in plain])
    openapi.describe(app)
    return app


def _named(route: APIRoute) -> str:
    return route.name


def _service_routes(scheduler: Scheduler) -> APIRouter:
    router = APIRouter(prefix="/api/v1")

    @router.get("/workers")
    def workers(caller: Viewer) -> list[WorkerView]:
        return worker_views(scheduler, caller.team)

    @router.post("/workers/trust", name="host.trust")
    def trust(request: Request, _caller: Operator, trusted: TrustedHost) -> list[WorkerView]:
        aside = scheduler.aside(trusted.host)
        scheduler.trust(trusted.host)
        note(request, trusted.host, before={"aside": aside.reason if aside else None})
        return worker_views(scheduler)

    @router.post("/workers/drain", name="host.drain")
    def drain(request: Request, _caller: Operator, drained: DrainedHost) -> list[WorkerView]:
        scheduler.drain(drained.host, drained.now)
        note(request, drained.host, after={"drained": True, "now": drained.now})
        return worker_views(scheduler)

    @router.post("/workers/resume", name="host.resume")
    def resume(request: Request, _caller: Operator, trusted: TrustedHost) -> list[WorkerView]:
        scheduler.resume_host(trusted.host)
        note(request, trusted.host, before={"drained": True}, after={"drained": False})
        return worker_views(scheduler)

    return router
