"""Celery's way to Redis through the service: a unix socket here, a WebSocket there, bytes between them.

It is a thread of the agent, which Celery ends with anyway. The socket lies in a folder that is the worker's alone; a
trial that runs as the worker's own user gets there all the same, so whoever is not of Celery's session is not served.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import ssl
import struct
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from caviar.contract.names import BROKER_PATH, ENV_WORKER_TOKEN
from caviar_worker.certificates import certificates
from caviar_worker.settings import WorkerSettings

log = logging.getLogger("caviar.worker")

CHUNK: Final = 32 * 1024
"""Bytes that are read at once; a message of the service's is no longer."""
PING_S: Final = 20.0
OPEN_S: Final = 10.0
PATIENCE_S: Final = 20.0
"""How long Celery waits in here for a service that is away, before its connection is closed. Its own pauses between two
attempts grow to half a minute: a service that comes back meanwhile would be found so much later."""
_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 2.0
_AGAIN_S: Final = 5.0
_LOOK_S: Final = 0.5
_PASSING: Final = frozenset({408, 425, 429})


class Tunnel:
    """Serves ``settings.broker_socket`` until ``ended``. ``celery`` tells the process id of Celery's first process."""

    def __init__(
        self, settings: WorkerSettings, celery: Callable[[], int | None], ended: threading.Event
    ) -> None:
        self._settings = settings
        self._url = f"ws{settings.url.removeprefix('http')}{BROKER_PATH}"
        self._celery = celery
        self._ended = ended
        self._said: str | None = None
        """Why no ticket comes, as it was said last."""
        self._tls: ssl.SSLContext | None = None

    def run(self) -> None:
        path = self._settings.broker_socket
        assert path is not None
        while not self._ended.is_set():
            try:
                asyncio.run(self._serve(path))
            except Exception:  # the thread must not end: without it no ticket comes
                log.exception("The way to the broker failed.")
                self._ended.wait(_AGAIN_S)

    async def _serve(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._tls = certificates(self._settings.url)
        server = await asyncio.start_unix_server(self._serve_one, path, limit=CHUNK)
        try:
            while not self._ended.is_set():
                await asyncio.sleep(_LOOK_S)
        finally:
            server.close()
            path.unlink(missing_ok=True)

    async def _serve_one(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            if self._is_celery(writer.get_extra_info("socket")):
                await self._join(reader, writer)
        except Exception:
            log.exception("A connection to the broker failed.")
        finally:
            writer.transport.abort()

    def _is_celery(self, peer: socket.socket) -> bool:
        """Nobody can enter another's session, so it tells Celery and its slots from trials of the same user."""
        if not hasattr(socket, "SO_PEERCRED"):  # macOS: the folder's mode is all there is
            return True
        about = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid = struct.unpack("3i", about)[0]
        try:
            return os.getsid(pid) == self._celery()
        except ProcessLookupError:
            return False

    async def _join(self, reader: StreamReader, writer: StreamWriter) -> None:
        connection = await self._connected()
        if connection is None:
            return
        async with connection:
            ways = [
                asyncio.create_task(_to_service(reader, connection)),
                asyncio.create_task(_to_celery(connection, writer)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)

    async def _connected(self) -> ClientConnection | None:
        """None where the service stays away for ``PATIENCE_S``, or the worker ends."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE_S
        pause = _FIRST_PAUSE_S
        while not self._ended.is_set():
            try:
                connection = await connect(
                    self._url,
                    additional_headers={"Authorization": f"Bearer {self._settings.token}"},
                    ssl=self._tls,
                    proxy=None,  # as the worker's other calls: a proxy is no way to one's own service
                    compression=None,
                    open_timeout=OPEN_S,
                    ping_interval=PING_S,
                    ping_timeout=PING_S,
                    close_timeout=1.0,
                    max_size=2 * CHUNK,
                    max_queue=2,
                )
            except (OSError, EOFError, WebSocketException) as error:
                self._say(_told(error))
                if _for_good(error):  # until somebody does something about it
                    pause = PATIENCE_S
            else:
                self._say(None)
                return connection
            await asyncio.sleep(min(pause, deadline - loop.time()))
            if loop.time() >= deadline:
                break
            pause = min(_LONGEST_PAUSE_S, pause * 2)
        return None

    def _say(self, why: str | None) -> None:
        """One line when it changes, however often it is tried."""
        if why == self._said:
            return
        if why is None:
            log.info("Tickets come again.")
        else:
            log.warning("No ticket comes: %s", why)
        self._said = why


async def _to_service(reader: StreamReader, connection: ClientConnection) -> None:
    with suppress(ConnectionClosed, OSError):
        while data := await reader.read(CHUNK):
            await connection.send(data)


async def _to_celery(connection: ClientConnection, writer: StreamWriter) -> None:
    with suppress(ConnectionClosed, OSError):
        async for data in connection:
            if isinstance(data, str):
                return
            writer.write(data)
            await writer.drain()


def _for_good(error: Exception) -> bool:
    """Whether trying again changes nothing."""
    if not isinstance(error, InvalidStatus):
        return False
    status = error.response.status_code
    return 400 <= status < 500 and status not in _PASSING


def _told(error: Exception) -> str:
    if not isinstance(error, InvalidStatus):
        return f"the service does not answer ({error or type(error).__name__})."
    status, body = error.response.status_code, bytes(error.response.body or b"")
    try:
        detail = str(json.loads(body)["detail"])[:500]
    except (ValueError, KeyError, TypeError):
        detail = (
            "it is no service of this version, or what is in front of it lets no WebSocket through."
        )
    if status in (401, 403):
        detail += f" Set {ENV_WORKER_TOKEN}."
    return f"the service answers {status}: {detail}"
