"""JSON lines over a stream socket, between slot, fork server and zygotes on one machine."""

from __future__ import annotations

import json
import socket
from typing import Any


class Wire:
    """One end of a connection. Messages are small: a send does not block."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._buffer = b""

    def fileno(self) -> int:
        return self.sock.fileno()

    def send(self, message: dict[str, Any]) -> bool:
        """Whether the message went out. The other end's death is learned by ``receive``."""
        try:
            self.sock.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            return False
        return True

    def receive(self) -> list[dict[str, Any]] | None:
        """The messages that one read completes; None where the other end is gone."""
        try:
            data = self.sock.recv(65536)
        except (ConnectionError, TimeoutError):
            return None
        if not data:
            return None
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        return [json.loads(line) for line in lines if line]

    def close(self) -> None:
        self.sock.close()
