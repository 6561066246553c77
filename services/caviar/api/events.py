"""Server-sent events: what happens in a study, or in a team's studies, as it happens. See :mod:`caviar.api.feed`."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from caviar.adapters.sql import Store
from caviar.api.access import Access, LookedAt, Viewer, seen
from caviar.api.feed import Feed
from caviar.api.positions import Position
from caviar.api.problems import Refused
from caviar.studies.life import ENDED

HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
TOLD: Final[dict[int | str, dict[str, Any]]] = {204: {"description": "It is over and told."}}


class Stream(StreamingResponse):
    media_type = "text/event-stream"


def event_routes(feed: Feed, store: Store, access: Access) -> APIRouter:
    router = APIRouter(prefix="/api/v1")

    @router.get(
        "/studies/{study_id}/events",
        responses=TOLD,
        response_class=Stream,
        response_model=None,
    )
    async def study_events(
        record: LookedAt,
        caller: Viewer,
        last_event_id: Annotated[str | None, Header(max_length=64)] = None,
    ) -> Response:
        """What happens in the study until it ends: ``study``, ``trial``, ``round``, ``best``.

        Without ``Last-Event-ID`` it begins with where the study stands; with it, with what came behind that event;
        with 0, with everything. 204: the study is over and all of it was told.
        """
        position = None if last_event_id is None else Position.parse(last_event_id)
        feed.refuse_more(caller.token)
        if position is not None and record.state in ENDED:
            news = await feed.news(record.id, position)
            if news.over and not news.events:
                return Response(status_code=204)

        async def holds() -> bool:
            try:
                seen(await run_in_threadpool(store.study, record.id), caller, record.id)
            except HTTPException:
                return False
            return access.holds(caller)

        return _streaming(feed.of_study(record.id, position, caller.token, holds))

    @router.get("/events", response_class=Stream, response_model=None)
    async def team_events(
        caller: Viewer,
        last_event_id: Annotated[str | None, Header(max_length=64)] = None,
    ) -> Response:
        """The line of each of your team's studies that goes on, again whenever it changes; an operator's are all.

        With ``Last-Event-ID`` also of those that ended since that event.
        """
        since = None if last_event_id is None else _moment(last_event_id)
        feed.refuse_more(caller.token)

        async def holds() -> bool:
            return access.holds(caller)

        return _streaming(feed.of_team(caller.team, since, caller.token, holds))

    return router


def _streaming(events: AsyncIterator[bytes]) -> Response:
    return Stream(events, headers=HEADERS)


def _moment(text: str) -> float:
    if not re.fullmatch(r"\d{1,12}", text.strip()):
        raise Refused("bad-request", "Last-Event-ID is the id of an event of this stream.")
    return float(text)
