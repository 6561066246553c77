"""The routes of code bundles: uploaded by their digest, fetched by workers by their study."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from caviar.adapters.sql import Bundles
from caviar.api.access import Access, Submitter
from caviar.api.audit import note
from caviar.api.studies import team_of
from caviar.api.workers import served
from caviar.contract import bundle
from caviar.contract.access import TeamName
from caviar.errors import InputError, NotAllowed, Problem

Digest = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
Team = Annotated[TeamName | None, Query()]


def bundle_routes(access: Access, bundles: Bundles) -> APIRouter:
    """Bundles are a team's: nobody learns whether another team has one."""
    router = APIRouter(prefix="/api/v1")

    @router.head("/bundles/{digest}", status_code=204)
    def known(caller: Submitter, digest: Digest, team: Team = None) -> None:
        if not bundles.has(team_of(access, caller, team), digest):
            raise HTTPException(404, f"There is no bundle {digest}.")

    @router.put("/bundles/{digest}", status_code=204, name="bundle.keep")
    async def keep(request: Request, caller: Submitter, digest: Digest, team: Team = None) -> None:
        owner = team_of(access, caller, team)
        data = await request.body()
        await run_in_threadpool(_keep, bundles, owner, digest, data)
        note(request, digest, owner, after={"bytes": len(data)})

    return router


def _keep(bundles: Bundles, team: str, digest: str, data: bytes) -> None:
    try:
        bundle.check(data, digest)
    except bundle.BundleError as error:
        raise InputError(
            Problem(("bundle",), str(error), "`caviar submit --code` makes one.")
        ) from None
    missing = bundles.add(team, digest, data)
    if missing is not None:
        raise NotAllowed(
            f"The team {team} has no room for this code: {missing:,} bytes are missing of its quota of storage. "
            "Bundles of studies that ended make room by themselves."
        )


def worker_bundle_route(access: Access, bundles: Bundles) -> Route:
    """Wants a worker's token, as the other routes of workers."""

    async def fetch(request: Request) -> Response:
        await served(access, request)
        study = request.path_params["study_id"]
        data = await run_in_threadpool(bundles.of_study, study)
        if data is None:
            raise HTTPException(404, f"Study {study} has no code here.")
        return Response(data, media_type="application/gzip")

    return Route("/api/v1/worker/studies/{study_id}/bundle", fetch, methods=["GET"])
