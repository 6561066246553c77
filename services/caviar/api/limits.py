"""What a request may be at most, refused before it is read whole. Plain ASGI: every trial's claim passes here too."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from caviar.api.problems import Refused, problem

BODY: Final = 1024 * 1024
"""Bytes of a body: four times the largest study file, escaped."""
WORKERS_BODY: Final = 16 * 1024 * 1024
"""A heartbeat speaks of every trial that a host holds."""
ADDRESS: Final = 8 * 1024
HEADERS: Final = 32 * 1024
QUERY_VALUES: Final = 32
BODY_S: Final = 30.0
"""Seconds for a body of usual size to come in; one that may be larger has more."""

CLOSE: Final = {"Connection": "close"}
"""What of the body is still to come is not read."""


class Limits:
    """``bodies`` gives paths that begin so another limit than ``BODY``; the longest counts."""

    def __init__(self, app: ASGIApp, bodies: Mapping[str, int] | None = None) -> None:
        self._app = app
        given = {"/api/v1/worker/": WORKERS_BODY} | dict(bodies or {})
        self._bodies = sorted(given.items(), key=lambda entry: -len(entry[0]))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refused = _refused(scope)
        if refused is not None:
            await problem(*refused)(scope, receive, send)
            return
        if scope["type"] == "websocket":  # its messages have a limit of their own: see serving
            await self._app(scope, receive, send)
            return
        most = self._most(scope["path"])
        length = _length(scope)
        if length is not None and length > most:
            await problem("too-large", _most_of(most), headers=CLOSE)(scope, receive, send)
            return
        await self._app(scope, _limited(receive, most) if length != 0 else receive, send)

    def _most(self, path: str) -> int:
        return next((size for start, size in self._bodies if path.startswith(start)), BODY)


def _limited(receive: Receive, most: int) -> Receive:
    """``receive`` that raises Refused where the body is too large or too slow: the application answers with it."""
    size, whole = 0, False
    deadline = asyncio.get_running_loop().time() + BODY_S * max(1.0, most / (8 * BODY))

    async def limited() -> Message:
        nonlocal size, whole
        if whole:  # what is waited for now is that the client leaves
            return await receive()
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            detail = "The body did not come in time. Send it again."
            raise Refused("slow", detail, CLOSE) from None
        if message["type"] == "http.request":
            size += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if size > most:
                raise Refused("too-large", _most_of(most), CLOSE)
        return message

    return limited


def _most_of(most: int) -> str:
    return f"A body here has at most {most:,} bytes."


def _refused(scope: Scope) -> tuple[str, str] | None:
    query: bytes = scope["query_string"]
    if len(scope["path"]) + len(query) > ADDRESS:
        return "address-too-long", f"An address has at most {ADDRESS:,} bytes."
    if query.count(b"&") >= QUERY_VALUES:
        return "address-too-long", f"A query has at most {QUERY_VALUES} values."
    if sum(len(name) + len(value) for name, value in scope["headers"]) > HEADERS:
        return "headers-too-large", f"All headers together have at most {HEADERS:,} bytes."
    if "\x00" in scope["path"] or b"%00" in query:
        return "bad-request", "An address is text: it holds no NUL."
    return None


def _length(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else None
    return None
