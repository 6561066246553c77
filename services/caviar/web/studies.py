"""The list of studies: the newest first, by pages."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from caviar.api.access import seen
from caviar.web.people import PageRoute, Reader
from caviar.web.rendering import page
from caviar.web.shared import Shared

PAGE = 50


def studies_pages(shared: Shared) -> APIRouter:
    router = APIRouter(include_in_schema=False, route_class=PageRoute)

    @router.get("/studies", name="studies.page")
    def studies(
        request: Request,
        reader: Reader,
        called: Annotated[str, Query(max_length=64)] = "",
        after: Annotated[str, Query(max_length=64)] = "",
        section: Annotated[str, Query(max_length=32)] = "",
    ) -> HTMLResponse:
        """``after`` is the last study of the page before."""
        before = seen(shared.store.study(after), reader, after) if after else None
        rows = shared.presenter.studies(PAGE + 1, called or None, reader.team, before)
        template = "studies/list.html" if section else "studies/page.html"
        values = {
            "rows": rows[:PAGE],
            "more": len(rows) > PAGE,
            "called": called,
            "after": after,
        }
        return page(request, template, reader, values)

    return router
