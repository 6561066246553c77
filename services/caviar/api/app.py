"""The FastAPI application: what clients and workers are told, under ``/api/v1``."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

from caviar import __version__
from caviar.adapters.sql import Store
from caviar.api.access import Access, Operator, Viewer
from caviar.api.present import Presenter, worker_views
from caviar.api.problems import add_problem_handlers
from caviar.api.queue import queue_routes
from caviar.api.studies import study_routes
from caviar.api.workers import worker_routes
from caviar.contract.access import WhoAmI
from caviar.contract.views import TrustedHost, WorkerView
from caviar.scheduler import Scheduler


def create_app(store: Store, scheduler: Scheduler, access: Access, *, mlflow_uri: str) -> FastAPI:
    """The API over ``store`` and ``scheduler``. Every route but health asks ``access``."""
    app = FastAPI(title="Caviar", version=__version__, docs_url=None, redoc_url=None)
    app.state.access, app.state.store = access, store
    app.router.routes += worker_routes(scheduler, access)  # the first to be matched
    presenter = Presenter(store, scheduler, mlflow_uri)
    app.include_router(study_routes(access, store, scheduler, presenter))
    app.include_router(queue_routes(access, store, presenter.outlook))
    app.include_router(_service_routes(scheduler))
    add_problem_handlers(app)
    return app


def _service_routes(scheduler: Scheduler) -> APIRouter:
    router = APIRouter(prefix="/api/v1")

    @router.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok", "version": __version__}

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
