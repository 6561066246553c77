"""What the gateway asks about each request to MLflow: whether it may pass, and as which of MLflow's users.

A plain route in the event loop: the pages of MLflow ask for dozens of files at once, and a script for each metric.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from caviar.api.access import OTHER_ORIGIN, Access, bearer
from caviar.api.mlflow_routes import Reach, is_method, may_reach, path_of
from caviar.api.problems import problem
from caviar.api.sessions import READS
from caviar.contract.gateway import (
    GATE,
    LOGIN,
    OPERATOR,
    ORIGINAL_METHOD,
    ORIGINAL_URI,
    TO_LOGIN,
    USER,
    WORKER,
    reader_of,
    writer_of,
)
from caviar.teams import Pass

Runs = Callable[[Pass], bool]
"""Whether the trial of a pass runs, in this attempt."""

NOT_OURS: Final = "This address is not MLflow's, or could be read in two ways."
OPERATORS: Final = "Only an operator reaches this part of MLflow."
TRIAL_OVER: Final = "The trial that this pass was made for does not run any more."


def gate_route(access: Access, runs: Runs) -> Route:
    """204 with MLflow's user, 401 with the way to the login for who wanted a page, or 403."""

    async def gate(request: Request) -> Response:
        uri = request.headers.get(ORIGINAL_URI, "")
        method = request.headers.get(ORIGINAL_METHOD, "")
        try:
            user, reach = await _visitor(request, access, runs, method)
        except HTTPException as refused:
            if refused.status_code != 401:
                raise
            raise HTTPException(401, refused.detail, _way_in(request, method, uri)) from None
        path = path_of(uri)
        if path is None or not is_method(method):
            return problem("forbidden", NOT_OURS)
        if reach is not None and not may_reach(reach, method, path):
            return problem("forbidden", OPERATORS)
        return Response(status_code=204, headers={USER: user, "Cache-Control": "no-store"})

    return Route(GATE, gate, methods=["GET"], include_in_schema=False)


async def _visitor(
    request: Request, access: Access, runs: Runs, method: str
) -> tuple[str, Reach | None]:
    """MLflow's user for who calls, and what of MLflow is theirs: all of it for None.

    Raises HTTPException 401, 403 or 429.
    """
    given = access.signer.read_pass(bearer(request))
    if given is not None:
        if not runs(given):
            raise HTTPException(401, TRIAL_OVER, {"WWW-Authenticate": "Bearer"})
        return writer_of(given.team), "writer"
    if access.is_worker(request):
        return WORKER, "worker"
    caller = await access.caller(request)
    by_cookie = "authorization" not in request.headers
    if by_cookie and method not in READS and not access.origin.is_own(request):
        raise HTTPException(403, OTHER_ORIGIN)
    if caller.team is None:
        return OPERATOR, None
    if caller.may("submitter"):
        return writer_of(caller.team), "writer"
    return reader_of(caller.team), "reader"


def _way_in(request: Request, method: str, uri: str) -> dict[str, str]:
    headers = {"WWW-Authenticate": "Bearer"}
    mode = request.headers.get("sec-fetch-mode")
    wants_page = mode == "navigate" or (
        mode is None and "text/html" in request.headers.get("accept", "")
    )
    if method == "GET" and wants_page:
        headers[TO_LOGIN] = f"{LOGIN}?next={quote(uri, safe='/')}"
    return headers
