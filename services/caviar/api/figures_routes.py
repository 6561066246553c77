"""The routes of a study's pictures."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from caviar.adapters.sql import StudyRecord
from caviar.api.access import LookedAt
from caviar.api.drawings import TYPES, Drawings, headers_of
from caviar.api.etags import unchanged
from caviar.api.gallery import Gallery
from caviar.api.openapi import UNCHANGED
from caviar.contract.figures import FigureName, FigureView, Format


def figure_routes(gallery: Gallery) -> APIRouter:
    router = APIRouter(prefix="/api/v1/studies/{study_id}/figures")
    drawings = Drawings(gallery)

    async def drawn(
        record: StudyRecord, name: FigureName, format: Format, request: Request
    ) -> Response:
        tag = await run_in_threadpool(gallery.tag, record, name)
        headers = headers_of(record, name, format, tag)
        if unchanged(request, tag):
            return Response(status_code=304, headers=headers)
        body = await drawings.file(record, name, format, tag)
        return Response(body, headers=headers, media_type=TYPES[format])

    # These come first: the last route would take their ends for a part of the name.
    @router.get("/{name}.svg", response_class=Response, responses=_file("svg"))
    async def svg(record: LookedAt, name: FigureName, request: Request) -> Response:
        """The picture as a file, in which letters are text. The same data gives the same bytes."""
        return await drawn(record, name, "svg", request)

    @router.get("/{name}.png", response_class=Response, responses=_file("png"))
    async def png(record: LookedAt, name: FigureName, request: Request) -> Response:
        """The picture as a file, with 200 dots an inch."""
        return await drawn(record, name, "png", request)

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


def _file(format: Format) -> dict[int | str, dict[str, Any]]:
    """How a file is described."""
    content = {TYPES[format]: {"schema": {"type": "string", "format": "binary"}}}
    return {**UNCHANGED, 200: {"description": "The file.", "content": content}}
