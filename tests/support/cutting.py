"""A network between a worker and its service that can be cut in the middle of what it carries."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

TICKET = b"caviar.trial"
"""What a ticket on the wire has inside."""


class Network:
    """Passes bytes on to a port of this machine. ``cut_next_ticket``: the next one comes through by half."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self.cut_next_ticket = False
        self.cuts = 0
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                near.close()
                continue
            self._open |= {near, far}
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if self.cut_next_ticket and TICKET in data:
                    self.cut_next_ticket = False
                    sink.sendall(data[: data.index(TICKET)])
                    self.cuts += 1
                    break
                sink.sendall(data)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
            self._open.discard(each)

    def close(self) -> None:
        self._server.close()
        for each in tuple(self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@contextmanager
def network(url: str) -> Iterator[Network]:
    found = Network(int(url.rpartition(":")[2]))
    try:
        yield found
    finally:
        found.close()
