"""Adds the pages to the application."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI
from fastapi.responses import RedirectResponse, Response

from caviar.web.champion import champion_pages
from caviar.web.new import new_pages
from caviar.web.queue import queue_pages
from caviar.web.shared import shared_of
from caviar.web.static import static_routes
from caviar.web.studies import studies_pages
from caviar.web.study import study_pages
from caviar.web.team import team_pages
from caviar.web.trial import trial_pages


def add_pages(app: FastAPI) -> None:
    """``app`` is that of :func:`caviar.api.create_app`, whose parts the pages share."""
    shared = shared_of(app)
    app.include_router(static_routes())
    app.include_router(_home())
    app.include_router(new_pages(shared))
    app.include_router(queue_pages(shared))
    app.include_router(studies_pages(shared))
    app.include_router(study_pages(shared))
    app.include_router(trial_pages(shared))
    app.include_router(champion_pages(shared))
    app.include_router(team_pages(shared))


def _home() -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/", name="home")
    def home() -> Response:
        return RedirectResponse("/queue", 303)

    return router
