"""The team's layout around MLflow: a reverse proxy that asks `/gate` as nginx' auth_request does, and the real
`caviar mlflow` behind it. The scheduler is whatever answers at the address that the proxy is given.
"""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx2

from caviar.contract import gateway as names
from tests.support import wait_until
from tests.support.servers import end_session, free_port

GATE_SECRET = "the-gateway's-secret-of-the-tests"
MLFLOW_SECRET = "the-service's-secret-of-the-tests"
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "te", "upgrade"}
FROM_OUTSIDE = {
    each.lower() for each in (names.USER, names.SHOWN, names.ORIGINAL_URI, names.ORIGINAL_METHOD)
}
"""What the proxy never lets in: it says these itself."""


def normalized(uri: str) -> str:
    """The path by which nginx chooses a location: decoded once, slashes merged, dots resolved."""
    parts: list[str] = []
    for part in unquote(uri.partition("?")[0]).split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part not in ("", ".", ".."):
            parts.append(part)
    return "/" + "/".join(parts)


class _Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # otherwise each answer waits 40 ms for the client's ACK
    wbufsize = -1
    server: Gateway  # type: ignore[assignment]

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        path = normalized(self.path)
        if path == names.GATE:  # `internal`
            self._answer(404, [], b"")
        elif path == names.MLFLOW or path.startswith(f"{names.MLFLOW}/"):
            self._to_mlflow(body)
        else:
            self._answer(*self._ask(self.server.scheduler, self.path, self._own_headers(), body))

    def _to_mlflow(self, body: bytes) -> None:
        asked = self._own_headers()
        asked += [(names.ORIGINAL_URI, self.path), (names.ORIGINAL_METHOD, self.command)]
        status, headers, told = self._ask(self.server.scheduler, names.GATE, asked, b"", "GET")
        found = {name.lower(): value for name, value in headers}
        to_login = found.get(names.TO_LOGIN.lower())
        if status == 401 and to_login:
            self._answer(303, [("Location", to_login)], b"")
        elif status == 204:
            user = (names.USER, found[names.USER.lower()])
            sent = [*self._own_headers(drop=("authorization", "cookie")), user]
            sent.append((names.SHOWN, self.server.gate_secret))
            self._answer(*self._ask(self.server.mlflow, self.path, sent, body))
        else:
            self._answer(status, headers, told)

    def _own_headers(self, drop: tuple[str, ...] = ()) -> list[tuple[str, str]]:
        left_out = HOP_BY_HOP | FROM_OUTSIDE | set(drop)
        return [(k, v) for k, v in self.headers.items() if k.lower() not in left_out]

    def _ask(
        self,
        netloc: str,
        uri: str,
        headers: list[tuple[str, str]],
        body: bytes,
        method: str | None = None,
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(netloc, timeout=60)
        try:
            connection.putrequest(
                method or self.command, uri, skip_host=True, skip_accept_encoding=True
            )
            for name, value in headers:
                connection.putheader(name, value)
            if body or method is None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        except OSError:
            return 502, [], b"Bad gateway"
        finally:
            connection.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


class Gateway(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, scheduler: str, mlflow: str) -> None:
        super().__init__(("127.0.0.1", port), _Proxy)
        self.scheduler, self.mlflow = scheduler, mlflow
        self.gate_secret = GATE_SECRET

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def running_gateway(port: int, scheduler: str, mlflow: str) -> Iterator[Gateway]:
    """``scheduler`` and ``mlflow``: addresses of servers."""
    gateway = Gateway(port, urlsplit(scheduler).netloc, urlsplit(mlflow).netloc)
    thread = threading.Thread(target=gateway.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield gateway
    finally:
        gateway.shutdown()
        thread.join()
        gateway.server_close()


@dataclass
class DoorServer:
    """The real `caviar mlflow` on SQLite."""

    folder: Path
    public_url: str
    port: int
    settings: dict[str, str] = field(default_factory=dict)
    """Beside its own, or instead of them."""
    process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}{names.MLFLOW}"

    def environ(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("CAVIAR_", "MLFLOW_"))}
        return kept | {
            "CAVIAR_MLFLOW_URI": self.uri,
            "CAVIAR_MLFLOW_DATABASE_URL": f"sqlite:///{self.folder / 'mlflow.db'}",
            "CAVIAR_MLFLOW_ARTIFACTS": str(self.folder / "artifacts"),
            "CAVIAR_PUBLIC_URL": self.public_url,
            "CAVIAR_GATE_SECRET": GATE_SECRET,
            "CAVIAR_MLFLOW_SECRET": MLFLOW_SECRET,
            "TMPDIR": str(self.folder),
            **self.settings,
        }

    def start(self) -> None:
        with (self.folder / "mlflow.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "caviar.cli", "mlflow"],
                env=self.environ(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait(self) -> None:
        wait_until(self._answers, deadline=240, why=f"MLflow answers at {self.uri}")

    def kill(self) -> None:
        if self.process is not None:
            end_session(self.process)
            self.process = None

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "mlflow.log").read_text()
        try:
            return httpx2.get(f"{self.uri}/health", timeout=2).status_code == 200
        except httpx2.HTTPError:
            time.sleep(0.1)
            return False


@contextmanager
def running_door(
    folder: Path, public_url: str, settings: dict[str, str] | None = None
) -> Iterator[DoorServer]:
    server = DoorServer(folder, public_url, free_port(), settings or {})
    server.start()
    try:
        server.wait()
        yield server
    finally:
        server.kill()
