"""The FastAPI application: what clients and workers are told, under ``/api/v1``."""

from __future__ import annotations

from collections.abc import Collection

from fastapi import APIRouter, FastAPI, Request

from caviar import __version__
from caviar.adapters.sql import Store
from caviar.api.access import Access, Operator, Viewer
from caviar.api.audit import Audit, note
from caviar.api.origin import OnlyHosts
from caviar.api.present import Presenter, worker_views
from caviar.api.problems import add_problem_handlers
from caviar.api.studies import study_routes
from caviar.api.teams import team_routes
from caviar.api.workers import worker_routes
from caviar.contract.views import TrustedHost, WorkerView
from caviar.scheduler import Scheduler


def create_app(
    store: Store,
    scheduler: Scheduler,
    access: Access,
    *,
    mlflow_uri: str,
    hosts: Collection[str] = (),
) -> FastAPI:
    """The API over ``store`` and ``scheduler``. Every route but health asks ``access``.

    ``hosts`` are the names that the service answers to; it answers to any where there are none.
    """
    app = FastAPI(title="Caviar", version=__version__, docs_url=None, redoc_url=None)
    app.state.access, app.state.store = access, store
    app.router.routes += worker_routes(scheduler, access)  # the first to be matched
    presenter = Presenter(store, scheduler, mlflow_uri)
    app.include_router(study_routes(access, store, scheduler, presenter))
    app.include_router(team_routes(access, scheduler))
    app.include_router(_service_routes(scheduler))
    app.add_middleware(Audit, teams=access.teams, store=store)
    if hosts:
        app.add_middleware(OnlyHosts, names=hosts)
    add_problem_handlers(app)
    return app


def _service_routes(scheduler: Scheduler) -> APIRouter:
    router = APIRouter(prefix="/api/v1")

    @router.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok", "version": __version__}

    @router.get("/workers")
    def workers(caller: Viewer) -> list[WorkerView]:
        return worker_views(scheduler, named=caller.team is None)

    @router.post("/workers/trust", name="host.trust")
    def trust(request: Request, _caller: Operator, trusted: TrustedHost) -> list[WorkerView]:
        aside = scheduler.aside(trusted.host)
        scheduler.trust(trusted.host)
        note(request, trusted.host, before={"aside": aside.reason if aside else None})
        return worker_views(scheduler)

    return router
