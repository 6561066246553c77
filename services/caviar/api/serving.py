"""How the application is served: uvicorn, with connections that cannot be held by saying nothing or reading nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from typing import Any, Final

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

KEEP_ALIVE_S: Final = 75
"""Longer than clients keep a connection that idles: a request on one that is just closed would be lost."""
SHUTDOWN_S: Final = 3
HEAD_S: Final = 10.0
"""Seconds for a request's line and headers to come in."""
HEAD: Final = 64 * 1024
"""Bytes of them. What is less but too much all the same is told so, by ``limits``; this protects the memory."""
MESSAGE: Final = 64 * 1024
"""Bytes of a WebSocket's message."""
PING_S: Final = 20.0
"""A WebSocket is asked so often whether it is there, and has as long to answer."""
LINGER_S: Final = 5.0
"""Seconds for a WebSocket's client to take the last of what it was sent."""

_quiet = logging.getLogger("caviar.websocket")
_quiet.setLevel(logging.WARNING)


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


class WebSocket(WebSocketsSansIOProtocol):
    """Reads nothing from a client that does not read, so that no question is answered into memory, and lets it go.

    uvicorn holds back the application's own messages, but answers pings without an end; a connection that it closes
    stays until all of it is taken. It also writes a line into the log for each connection.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.logger = self.conn.logger = _quiet

    def pause_writing(self) -> None:
        super().pause_writing()
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.read_paused and not self.transport.is_closing():
            self.transport.resume_reading()

    async def receive(self) -> Any:
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            if self.writable.is_set() and not self.transport.is_closing():
                self.transport.resume_reading()
        return message

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        self.loop.call_later(LINGER_S, self.transport.abort)


def server(app: FastAPI, proxies: Collection[str] = (), **listens: Any) -> uvicorn.Server:
    """A server that is not started; ``listens`` is uvicorn's: host, port. Streams of events end when it does.

    ``proxies`` are those whose ``X-Forwarded-For`` is believed: by default uvicorn believes everybody on this machine.
    """
    config = uvicorn.Config(
        app,
        **listens,
        http=Protocol,
        ws=WebSocket,
        ws_max_size=MESSAGE,
        ws_ping_interval=PING_S,
        ws_ping_timeout=PING_S,
        ws_per_message_deflate=False,  # 100 KB each, for what is a few hundred bytes
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
