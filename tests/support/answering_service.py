"""A real HTTP server that answers as the API does, for the client."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Service:
    """Routes to (status, body), and the requests that came. A status of 0 breaks the connection."""

    url: str
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    requests: list[tuple[str, str, str | None, Any]] = field(default_factory=list)
    """(method, path with query, Authorization, body)"""

    def problem(self, route: str, status: int, detail: str, problems: Any = ()) -> None:
        body = {"title": "x", "status": status, "detail": detail, "problems": list(problems)}
        self.answers[route] = (status, body)


@contextmanager
def answering_service() -> Iterator[Service]:
    served: Service

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            token = self.headers.get("Authorization")
            served.requests.append((self.command, self.path, token, body))
            path = self.path.partition("?")[0].removeprefix("/api/v1")
            status, answer = served.answers.get(f"{self.command} {path}", (500, "no such route"))
            if status == 0:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            content = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self) -> None:
            self.do_GET()

        def do_PATCH(self) -> None:
            self.do_GET()

        def do_PUT(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Service(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
