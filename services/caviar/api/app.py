"""The FastAPI application: what clients and workers are told, under ``/api/v1``."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from caviar import __version__
from caviar.adapters.sql import Answers, Store
from caviar.api import openapi
from caviar.api.access import Access, Operator, Viewer
from caviar.api.events import event_routes
from caviar.api.feed import Feed
from caviar.api.health import AskBroker, health_routes
from caviar.api.limits import Limits
from caviar.api.metrics import Metrics, Watched, metrics_routes
from caviar.api.present import Presenter, worker_views
from caviar.api.problems import add_problem_handlers
from caviar.api.studies import study_routes
from caviar.api.workers import worker_routes
from caviar.contract.access import WhoAmI
from caviar.contract.views import TrustedHost, WorkerView
from caviar.scheduler import Scheduler


def create_app(
    store: Store,
    scheduler: Scheduler,
    access: Access,
    *,
    mlflow_uri: str,
    ask_broker: AskBroker | None = None,
    metrics_token: str | None = None,
) -> FastAPI:
    """The API over ``store`` and ``scheduler``. Every route but those of health asks ``access``."""
    app = FastAPI(
        title="Caviar",
        version=__version__,
        openapi_url=openapi.PATH,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_named,
    )
    presenter = Presenter(store, scheduler, mlflow_uri)
    feed, metrics = Feed(store, presenter), Metrics()
    app.state.access, app.state.store = access, store
    app.state.answers, app.state.feed, app.state.metrics = Answers(store.engine), feed, metrics
    for_workers = worker_routes(scheduler, access, metrics)
    app.router.routes += for_workers  # the first to be matched
    app.include_router(study_routes(access, store, scheduler, presenter))
    app.include_router(event_routes(feed, store, access))
    app.include_router(_service_routes(scheduler))
    app.include_router(health_routes(store, scheduler, ask_broker))
    app.include_router(metrics_routes(metrics, scheduler, store, access, metrics_token))
    add_problem_handlers(app)
    app.add_middleware(Limits)
    app.add_middleware(Watched, metrics=metrics, plain=[route.path for route in for_workers])
    openapi.describe(app)
    return app


def _named(route: APIRoute) -> str:
    return route.name


def _service_routes(scheduler: Scheduler) -> APIRouter:
    router = APIRouter(prefix="/api/v1")

    @router.get("/whoami")
    def whoami(caller: Viewer) -> WhoAmI:
        return WhoAmI(name=caller.name, role=caller.role, team=caller.team, token=caller.token)

    @router.get("/workers")
    def workers(_caller: Viewer) -> list[WorkerView]:
        return worker_views(scheduler)

    @router.post("/workers/trust")
    def trust(_caller: Operator, trusted: TrustedHost) -> list[WorkerView]:
        scheduler.trust(trusted.host)
        return worker_views(scheduler)

    return router
