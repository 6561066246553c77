"""One POST to an address that was checked, within one deadline, following nothing."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore2

from caviar.webhooks.addresses import Allowed, Refused, resolve

DEADLINE_S = 10.0
"""For the whole exchange, however slowly the other side answers."""


class Failed(Exception):
    """It was not taken. ``gone``: and never will be (410)."""

    def __init__(self, reason: str, gone: bool = False) -> None:
        super().__init__(reason)
        self.gone = gone


class _Stream(httpcore2.NetworkStream):
    """Reads and writes until the deadline: a receiver that sends a byte now and then holds nobody up."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def _within(self, timeout: float | None) -> float:
        return _within(self._deadline, timeout)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._within(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._within(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, self._within(timeout))
        return _Stream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Checked(httpcore2.NetworkBackend):
    """Connects to the address that was checked, never to the name again."""

    def __init__(self, allowed: Allowed, deadline: float) -> None:
        self._allowed = allowed
        self._deadline = deadline
        self._backend = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        address = resolve(host, port, self._allowed)
        left = _within(self._deadline, timeout)
        stream = self._backend.connect_tcp(address, port, left, local_address, socket_options)
        return _Stream(stream, self._deadline)


def _within(deadline: float, timeout: float | None) -> float:
    left = max(0.001, deadline - time.monotonic())
    return left if timeout is None else min(left, timeout)


def post(url: str, body: bytes, headers: dict[bytes | str, bytes | str], allowed: Allowed) -> None:
    """Raises Failed unless the receiver answers 2xx."""
    backend = _Checked(allowed, time.monotonic() + DEADLINE_S)
    with httpcore2.ConnectionPool(network_backend=backend, http2=False) as pool:
        try:
            with pool.stream("POST", url, headers=headers, content=body) as answer:
                status = answer.status
        except Refused as refused:
            raise Failed(str(refused)) from None
        except (httpcore2.TimeoutException, TimeoutError):
            raise Failed(f"no answer in {DEADLINE_S:g} s") from None
        except (OSError, httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            raise Failed(f"no connection: {str(error)[:200] or type(error).__name__}") from None
        except httpcore2.UnsupportedProtocol as error:
            raise Failed(str(error)[:200]) from None
    if 300 <= status < 400:
        raise Failed(f"answered {status}: redirects are not followed")
    if not 200 <= status < 300:
        raise Failed(f"answered {status}", gone=status == 410)
