"""Workers' way to Redis: a WebSocket, joined to a connection of Redis that may take tickets and nothing else.

Bytes go both ways as they come. What is held of a line is bounded: each side is read only while the other one takes
what was read, and a client that does not read is not read from (:mod:`caviar.api.serving`). Lines cost no thread: one
task looks once a second at all of them, for tokens that hold no more and for ends that no longer take anything.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import StreamReader, StreamWriter
from collections import Counter
from contextlib import suppress
from typing import Final, NamedTuple

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from caviar.adapters.redis_door import CHUNK, Door
from caviar.api.access import Access
from caviar.api.problems import Refused
from caviar.contract.names import BROKER_PATH
from caviar.teams import Caller

log = logging.getLogger("caviar.broker")

LOOK_S: Final = 1.0
STALLED_S: Final = 30.0
"""Seconds for an end to take what it was sent."""
UNANSWERED: Final = 64 * 1024
"""Bytes of commands that Redis has not answered: a worker's have a few hundred. More is nothing but Redis' memory."""
A_TOKEN: Final = 1000
ALL: Final = 4000
"""Lines of one token, and of all, at most. A worker has two or three."""
CLOSE_S: Final = 1.0


class Why(NamedTuple):
    """Why a line ends, as its worker is told. Code 1000: it left itself."""

    code: int
    reason: str = ""


LEFT: Final = Why(1000)
NO_BROKER: Final = Why(1013, "the broker went away")
NOT_BINARY: Final = Why(1003, "bytes of Redis' protocol are binary messages")
TOO_MUCH: Final = Why(1008, "too much was sent without waiting for an answer")
NO_TOKEN: Final = Why(1008, "the token does not hold any more")
STALLED: Final = Why(1008, "it did not take what it was sent")


class Lines:
    """All lines of this service."""

    def __init__(self, door: Door, access: Access) -> None:
        self._door = door
        self._access = access
        self._lines: set[Line] = set()
        self._of: Counter[str] = Counter()
        """Lines by token, those included that are being opened."""
        self._looking: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return self._of.total()

    async def serve(self, websocket: WebSocket) -> None:
        """Raises HTTPException before the WebSocket is accepted: what is refused has opened nothing."""
        caller = await self._access.worker(websocket)
        self._refuse_more(caller.token)
        self._of[caller.token] += 1
        try:
            reader, writer = await self._door.open()
            try:
                await websocket.accept()
                await self._joined(Line(websocket, caller, reader, writer))
            finally:
                writer.transport.abort()
        finally:
            self._of[caller.token] -= 1
            self._of += Counter()  # drops what is 0

    def _refuse_more(self, token: str) -> None:
        """Raises Refused (429) where this token has all the lines that it may have."""
        if self._of[token] >= A_TOKEN or len(self) >= ALL:
            detail = (
                f"A token has at most {A_TOKEN} lines to the broker at once, all together {ALL}."
            )
            raise Refused("too-many", detail, {"Retry-After": "10"})

    async def _joined(self, line: Line) -> None:
        self._lines.add(line)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            why = await line.join()
        finally:
            self._lines.discard(line)
        if why is not LEFT:
            with suppress(
                WebSocketDisconnect, RuntimeError, TimeoutError
            ):  # it left, or does not take it
                async with asyncio.timeout(CLOSE_S):
                    await line.websocket.close(*why)

    async def _look(self) -> None:
        """Until there is no line."""
        while self._lines:
            await asyncio.sleep(LOOK_S)
            now = asyncio.get_running_loop().time()
            for line in tuple(self._lines):
                if not self._access.holds(line.caller):
                    log.info("cut a line: token %s holds no more", line.caller.token)
                    line.cut(NO_TOKEN)
                elif line.waits_since is not None and now - line.waits_since > STALLED_S:
                    line.cut(STALLED)


class Line:
    """One worker's connection and its connection of Redis."""

    def __init__(
        self, websocket: WebSocket, caller: Caller, reader: StreamReader, writer: StreamWriter
    ) -> None:
        self.websocket = websocket
        self.caller = caller
        self.waits_since: float | None = None
        """Since when the worker has not taken what it was sent, by the loop's clock."""
        self._reader = reader
        self._writer = writer
        self._unanswered = 0
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[Why] = self._loop.create_future()

    def cut(self, why: Why) -> None:
        if not self._ended.done():
            self._ended.set_result(why)

    async def join(self) -> Why:
        """Until one of the two ends leaves, or ``cut``. The connection of Redis is the caller's to close."""
        ways = [asyncio.create_task(way) for way in (self._to_redis(), self._to_worker())]
        try:
            for way in ways:
                way.add_done_callback(self._over)
            return await self._ended
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    def _over(self, way: asyncio.Task[Why]) -> None:
        if way.cancelled():
            return
        error = way.exception()
        if error is not None and not isinstance(error, WebSocketDisconnect):
            log.error("a line failed", exc_info=error)
        self.cut(way.result() if error is None else LEFT)

    async def _to_redis(self) -> Why:
        while True:
            message = await self.websocket.receive()
            if message["type"] == "websocket.disconnect":
                return LEFT
            data = message.get("bytes")
            if data is None:
                return NOT_BINARY
            self._unanswered += len(data)
            if self._unanswered > UNANSWERED:
                return TOO_MUCH
            try:
                self._writer.write(data)
                await self._writer.drain()
            except OSError:
                return NO_BROKER

    async def _to_worker(self) -> Why:
        while True:
            try:
                data = await self._reader.read(CHUNK)
            except OSError:
                return NO_BROKER
            if not data:
                return NO_BROKER
            self._unanswered = 0
            self.waits_since = self._loop.time()
            await self.websocket.send_bytes(data)
            self.waits_since = None


def broker_route(lines: Lines) -> WebSocketRoute:
    """It wants a worker's token, of which it asks before it accepts."""
    return WebSocketRoute(BROKER_PATH, lines.serve, name="broker")
