"""Who looks at a page, and what becomes of one who may not: pages answer with pages."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

from caviar.api.access import Access
from caviar.api.problems import KINDS
from caviar.contract.gateway import LOGIN
from caviar.errors import CaviarError, InputError, NotAllowed
from caviar.teams import Caller
from caviar.web.rendering import page

SECTION = "HX-Request"
"""The header of a request for a section of a page, which a script made."""


@dataclass(frozen=True, slots=True)
class _Stranger(Exception):
    """Nobody is logged in."""


async def _reader(request: Request) -> Caller:
    access: Access = request.app.state.access
    try:
        return await access.caller(request)
    except HTTPException as refused:
        if refused.status_code != 401:
            raise
        raise _Stranger from None


Reader = Annotated[Caller, Depends(_reader)]
"""Whoever is logged in; who is not is sent to the login, and comes back from there."""


class PageRoute(APIRoute):
    """A route whose errors are pages, or for a section a line that says what is wrong."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except _Stranger:
                return _to_login(request)
            except RequestValidationError as wrong:
                told = "; ".join(f"{e['loc'][-1]}: {e['msg']}" for e in wrong.errors())
                return await _problem(request, 422, told)
            except InputError as wrong:
                return await _problem(request, 422, str(wrong))
            except CaviarError as wrong:
                status = 409 if isinstance(wrong, NotAllowed) else 503
                return await _problem(request, status, str(wrong))
            except HTTPException as refused:
                return await _problem(request, refused.status_code, str(refused.detail))

        return answer


def _to_login(request: Request) -> Response:
    """Also from within a page whose session has ended meanwhile: then the whole page goes."""
    if SECTION in request.headers:
        return Response(status_code=401, headers={"HX-Refresh": "true"})
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(
        f"{LOGIN}?next={quote(here, safe='')}", 303, {"Cache-Control": "no-store"}
    )


async def _problem(request: Request, status: int, detail: str) -> Response:
    titles = dict(reversed(KINDS.values()))
    values = {"title": titles.get(status, "This did not work"), "detail": detail}
    template = "parts/problem.html" if SECTION in request.headers else "problem.html"
    caller = getattr(request.state, "caller", None)
    return await run_in_threadpool(page, request, template, caller, values, status)
