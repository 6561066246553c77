"""How the application is served: uvicorn, with connections that cannot be held by saying nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any, Final

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

KEEP_ALIVE_S: Final = 75
"""Longer than clients keep a connection that idles: a request on one that is just closed would be lost."""
SHUTDOWN_S: Final = 3
HEAD_S: Final = 10.0
"""Seconds for a request's line and headers to come in."""
HEAD: Final = 64 * 1024
"""Bytes of them. What is less but too much all the same is told so, by ``limits``; this protects the memory."""


class Protocol(HttpToolsProtocol):
    """Closes a connection whose request does not begin, or does not come to the end of its headers.

    uvicorn ends connections that idle after an answer; it waits for ever for the rest of a request's head.
    """

    _size = 0
    _in_head = False
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._late = self.loop.call_later(HEAD_S, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._in_time()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._size += len(data)
            if self._size > HEAD:
                self.transport.close()

    def on_message_begin(self) -> None:
        """Its first byte is there."""
        super().on_message_begin()
        self._in_head, self._size = True, 0
        self._in_time()
        self._late = self.loop.call_later(HEAD_S, self.transport.close)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._in_time()
        super().on_headers_complete()

    def _in_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def server(app: FastAPI, proxies: Collection[str] = (), **listens: Any) -> uvicorn.Server:
    """A server that is not started; ``listens`` is uvicorn's: host, port. Streams of events end when it does.

    ``proxies`` are those whose ``X-Forwarded-For`` is believed: by default uvicorn believes everybody on this machine.
    """
    config = uvicorn.Config(
        app,
        **listens,
        http=Protocol,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=SHUTDOWN_S,
        timeout_keep_alive=KEEP_ALIVE_S,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
    )
    found = uvicorn.Server(config)
    app.state.feed.ends(lambda: found.should_exit)
    return found
