"""``Idempotency-Key``: a request that is sent again, because nobody knows whether its answer was lost, is done once.

A router whose answers may be stored takes ``route_class=Idempotent``. An answer that shows a secret must not be: the
routes of tokens and webhooks do without.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from caviar.adapters.sql import Answers
from caviar.adapters.sql.answers import UNDER_WAY, UNKNOWN, Kept
from caviar.api.problems import Refused
from caviar.api.threads import last

HEADER: Final = "Idempotency-Key"
_KEY: Final = re.compile(r"[\x21-\x7e]{1,128}")

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class Idempotent(APIRoute):
    """A POST with the header is done once for its token and key; the answer is kept where it is a success."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()
        if self.methods != {"POST"}:
            return handle

        async def once(request: Request) -> Response:
            key = request.headers.get(HEADER)
            return await (handle(request) if key is None else _once(handle, request, key))

        return once


async def _once(handle: Handler, request: Request, key: str) -> Response:
    if not _KEY.fullmatch(key):
        raise Refused("bad-request", f"{HEADER} is 1 to 128 visible ASCII characters, a UUID say.")
    token = (await request.app.state.access.caller(request)).token
    digest = await _digest(request)
    answers: Answers = request.app.state.answers
    kept = await run_in_threadpool(answers.begin, token, key, digest)
    if kept is not None:
        return _again(kept, digest)
    try:
        answer = await handle(request)
    except Exception:  # not CancelledError: the work may go on
        await last(answers.give_up, token, key)
        raise
    body = bytes(answer.body)
    if answer.status_code < 300:
        await last(answers.keep, token, key, answer.status_code, body.decode())
    else:
        await last(answers.give_up, token, key)
    return answer


async def _digest(request: Request) -> str:
    asked = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
    return hashlib.sha256(asked + await request.body()).hexdigest()


def _again(kept: Kept, digest: str) -> Response:
    if kept.request != digest:
        detail = (
            f"This {HEADER} was used for another request within the last 24 hours. Take a new one."
        )
        raise Refused("key-reused", detail)
    if kept.status == UNDER_WAY:
        detail = "The first request with this key is worked on still. Ask again."
        raise Refused("key-in-use", detail, {"Retry-After": "1"})
    if kept.status == UNKNOWN:
        detail = (
            "The service ended while it worked on the first request with this key: it may have been done."
            " Look, then go on with a new key."
        )
        raise Refused("outcome-unknown", detail)
    headers = {"Idempotency-Replayed": "true"}
    return Response(kept.body, kept.status, headers, "application/json")
