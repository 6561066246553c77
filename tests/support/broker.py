"""A worker's line to the broker, by hand: what Celery would send, and what somebody with its token might."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from websockets.sync.client import ClientConnection, connect

from caviar.contract.names import BROKER_PATH

PASSWORD = "a-password-of-redis-of-the-tests"  # pragma: allowlist secret


def address(url: str) -> str:
    return f"ws{url.removeprefix('http')}{BROKER_PATH}"


@contextmanager
def line(url: str, token: str | None, tls: ssl.SSLContext | None = None) -> Iterator[Line]:
    """Raises InvalidStatus where the service refuses it."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    with connect(
        address(url), additional_headers=headers, compression=None, proxy=None, ssl=tls
    ) as connection:
        yield Line(connection)


class Line:
    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def ask(self, *words: str) -> bytes:
        """What Redis answers to one command: the next message, which is short."""
        self.connection.send(packed(*words))
        answer = self.connection.recv(timeout=10)
        assert isinstance(answer, bytes)
        return answer


def packed(*words: str) -> bytes:
    parts = b"".join(b"$%d\r\n%s\r\n" % (len(word.encode()), word.encode()) for word in words)
    return b"*%d\r\n%s" % (len(words), parts)
