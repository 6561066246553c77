"""The routes of a study's pictures."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from caviar.api.access import LookedAt
from caviar.api.etags import unchanged
from caviar.api.gallery import Gallery
from caviar.api.openapi import UNCHANGED
from caviar.contract.figures import FigureName, FigureView


def figure_routes(gallery: Gallery) -> APIRouter:
    router = APIRouter(prefix="/api/v1/studies/{study_id}/figures")

    @router.get("/{name}", response_model=FigureView, responses=UNCHANGED)
    def figure(record: LookedAt, name: FigureName, request: Request) -> Response:
        """What a picture shows, as data; the parallel coordinates are drawn from the zoom's. With ``If-None-Match`` it
        says whether anything changed since the answer with that ``ETag``."""
        tag = gallery.tag(record, name)
        headers = {"ETag": tag}
        if unchanged(request, tag):
            return Response(status_code=304, headers=headers)
        body = gallery.body(record, name, tag)
        return Response(body, headers=headers, media_type="application/json")

    return router
