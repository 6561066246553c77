"""The team's layout from real processes: Redis, MLflow, scheduler, refiner, worker hosts.

A supervisor starts again what died, as Compose's restart policy does. Each part has a folder of its own, which is
also the mark by which all of its processes are found, grandchildren included.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import httpx2
import psutil

from caviar.client.connection import Address, Client
from caviar.contract.views import StudyView, Submission, TrustedHost
from caviar.errors import ServiceError
from tests.support import wait_until
from tests.support.marked import marked
from tests.support.servers import end_session, free_port, redis_binary

TOKEN = "a-client-token-of-the-tests"
WORKER_TOKEN = "a-worker-token-of-the-tests"
REDIS_PASSWORD = "a-password-of-redis-of-the-tests"  # pragma: allowlist secret
ENDED = ("done", "stopped", "failed")
_WATCH_S = 0.1
Answer = TypeVar("Answer")


@dataclass
class Part:
    """One service of the layout. ``wanted``: the supervisor starts it again when it dies."""

    name: str
    argv: list[str]
    environ: dict[str, str]
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    wanted: bool = False
    starts: int = 0

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def start(self) -> None:
        (self.folder / "tmp").mkdir(parents=True, exist_ok=True)
        environ = {**self.environ, "TMPDIR": str(self.folder / "tmp")}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.argv, env=environ, stdout=log, stderr=log, start_new_session=True
            )
        self.starts += 1

    def processes(self) -> list[psutil.Process]:
        return marked(self.folder)


@dataclass
class Team:
    folder: Path
    lease_s: float = 6.0
    hosts: tuple[str, ...] = ("host-1", "host-2")
    slots: int = 2
    aof: bool = False
    through_service: bool = False
    """Workers have no address of Redis, which wants a password then."""
    extra: dict[str, str] = field(default_factory=dict)
    """Further environment of every part."""
    parts: dict[str, Part] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self.mlflow_url = f"http://127.0.0.1:{free_port()}"
        self.client = Client(Address(self.url, TOKEN))
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._supervisor = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("CAVIAR_", "MLFLOW_"))}
        self._environ = (
            kept
            | self.extra
            | {
                "CAVIAR_DATABASE_URL": f"sqlite:///{self.database}",
                "CAVIAR_BROKER_URL": self.broker,
                "CAVIAR_MLFLOW_URI": self.mlflow_url,
                "MLFLOW_TRACKING_URI": self.mlflow_url,
                "CAVIAR_TOKEN": TOKEN,
                "CAVIAR_WORKER_TOKEN": WORKER_TOKEN,
                "CAVIAR_URL": self.url,
                "CAVIAR_PORT": self.url.rpartition(":")[2],
                "CAVIAR_LEASE_S": f"{self.lease_s:g}",
                "CAVIAR_CLAIM_S": "2",
                "CAVIAR_LOCAL": "1",
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "OMP_NUM_THREADS": "1",
            }
        )
        self._add("redis", self._redis_argv())
        self._add("mlflow", self._mlflow_argv())
        for name in ("scheduler", "refiner"):
            self._add(name, [sys.executable, "-m", "caviar.cli", name])
        for name in self.hosts:
            self._add_host(name)

    @property
    def database(self) -> Path:
        return self.folder / "caviar.db"

    @property
    def broker(self) -> str:
        entry = f":{REDIS_PASSWORD}@" if self.through_service else ""
        return f"redis+socket://{entry}{self.folder / 'redis.sock'}"

    def worker_folder(self, host: str) -> Path:
        return self.folder / host / "worker"

    def _add(self, name: str, argv: list[str], more: dict[str, str] | None = None) -> None:
        environ = self._environ | (more or {})
        self.parts[name] = Part(name, argv, environ, self.folder / name)

    def _add_host(self, name: str) -> None:
        here = self.folder / name
        about = {
            "CAVIAR_WORKER_HOST": name,
            "CAVIAR_WORKER_SLOTS": str(self.slots),
            "CAVIAR_WORKER_DIR": str(here / "worker"),
            "CAVIAR_WORKER_RUN": str(here / "run"),
            "CAVIAR_WORKER_ALLOW_FOLDERS": "1",
            "CAVIAR_WORKER_USER": "same",
        }
        if self.through_service:
            about["CAVIAR_BROKER_URL"] = ""
        self._add(name, [sys.executable, "-m", "caviar.cli", "worker"], about)

    def _redis_argv(self) -> list[str]:
        kept = ("--appendonly", "yes") if self.aof else ("--save", "", "--appendonly", "no")
        home = self.folder / "redis"
        home.mkdir(parents=True, exist_ok=True)
        return [
            redis_binary(),
            *("--port", "0", "--unixsocket", str(self.folder / "redis.sock")),
            *("--unixsocketperm", "700", "--dir", str(home), *kept),
            *(("--requirepass", REDIS_PASSWORD) if self.through_service else ()),
        ]

    def _mlflow_argv(self) -> list[str]:
        home = self.folder / "mlflow"
        return [
            *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
            *("--backend-store-uri", f"sqlite:///{home / 'mlflow.db'}"),
            *("--artifacts-destination", str(home / "artifacts")),
            *("--host", "127.0.0.1", "--port", self.mlflow_url.rpartition(":")[2]),
        ]

    # The supervisor

    def start(self) -> None:
        """Everything, and wait until all of it answers and knows of the others."""
        for name in ("redis", "mlflow", "scheduler"):
            self.up(name)
        wait_until(self._api_answers, 120, "the scheduler answers")
        for name in ("refiner", *self.hosts):
            self.up(name)
        self._supervisor.start()
        self.whole()

    def up(self, name: str) -> None:
        """Start it, and from now on again whenever it dies."""
        part = self.parts[name]
        with self._lock:
            part.wanted = True
            if part.process is None or part.process.poll() is not None:
                self._start(part)

    def down(self, name: str) -> None:
        """kill -9 of all that belongs to it, as a machine that is switched off; it stays down until ``up``."""
        part = self.parts[name]
        with self._lock:
            part.wanted = False
            self._kill_all(part)

    def kill(self, name: str) -> None:
        """kill -9 of the part's own process; the supervisor starts it again."""
        process = self.parts[name].process
        if process is not None:
            process.kill()

    def freeze(self, name: str) -> None:
        for process in self.parts[name].processes():
            with suppress(psutil.Error):
                process.suspend()

    def thaw(self, name: str) -> None:
        for process in self.parts[name].processes():
            with suppress(psutil.Error):
                process.resume()

    def _supervise(self) -> None:
        while not self._closing.wait(_WATCH_S):
            with self._lock:
                for part in self.parts.values():
                    if part.wanted and part.process and part.process.poll() is not None:
                        self._start(part)

    def _start(self, part: Part) -> None:
        """A container's other processes end with its first one: so do the servers' groups here.

        A worker host is started over what its agent left: ending that is its own business.
        """
        if part.process is not None and part.name not in self.hosts:
            end_session(part.process)
        if part.name == "redis":
            (self.folder / "redis.sock").unlink(missing_ok=True)
        part.start()

    def _kill_all(self, part: Part) -> None:
        for process in part.processes():
            with suppress(psutil.Error):
                process.kill()
        if part.process is not None:
            end_session(part.process)

    # Asking it

    def ask(self, question: Callable[[Client], Answer]) -> Answer | None:
        """A question to the API; None while the scheduler is away."""
        with suppress(ServiceError):
            return question(self.client)
        return None

    def whole(self) -> None:
        """Wait until every part is up and every host known: what was broken is mended."""
        for part in self.parts.values():
            self.thaw(part.name)
            self.up(part.name)
        wait_until(self._api_answers, 120, "the scheduler answers")
        wait_until(self._hosts_known, 120, "every host is known to the scheduler")
        for worker in self.ask(lambda client: client.workers()) or []:
            if worker.aside:
                trusted = TrustedHost(host=worker.host)
                self.ask(lambda client, trusted=trusted: client.trust(trusted))  # type: ignore[misc]
        wait_until(self._mlflow_answers, 180, "MLflow answers")

    def submit(self, name: str, trainer: str, trials: int, code: Path, **more: str) -> str:
        """A study of the function ``trainer``; ``more`` are further lines of its file by key. Its id."""
        lines = {"stop": "none", "search": "{strategy: random, seed: 1}"} | more
        text = "\n".join(
            [
                f"name: {name}",
                "metric: {name: score, goal: maximize}",
                f'trainer: {{function: "{trainer}"}}',
                "space:\n  x: {type: float, low: 0.0, high: 1.0}",
                f"budget: {{trials: {trials}}}",
                *(f"{key}: {value}" for key, value in lines.items()),
            ]
        )
        submission = Submission(text=text, folder=str(code), user="tests")
        accepted = wait_until(
            lambda: self.ask(lambda client: client.submit(submission)), 60, f"{name} is accepted"
        )
        return accepted.id  # type: ignore[union-attr]

    def study(self, study: str) -> StudyView | None:
        return self.ask(lambda client: client.study(study))

    def wait_until_ended(self, *studies: str, deadline: float = 240, complete: bool = True) -> None:
        """Until the studies are over, and ``complete`` in MLflow."""

        def over(study: str) -> bool:
            view = self.study(study)
            time.sleep(0.1)
            return view is not None and view.state in ENDED and (view.mlflow.closed or not complete)

        for study in studies:
            try:
                wait_until(lambda study=study: over(study), deadline, f"{study} is over")  # type: ignore[misc]
            except AssertionError as error:
                raise AssertionError(f"{error}\n{self.study(study)}\n{self.logs()}") from None

    def logs(self) -> str:
        """The end of every part's log, for a test that failed."""
        found = []
        for part in self.parts.values():
            if part.log.exists():
                tail = part.log.read_text(errors="replace").splitlines()[-15:]
                found += [f"--- {part.name}", *tail]
        return "\n".join(found)

    def _api_answers(self) -> bool:
        return self.ask(lambda client: client.workers()) is not None

    def _hosts_known(self) -> bool:
        known = self.ask(lambda client: client.workers()) or []
        return {worker.host for worker in known} >= set(self.hosts)

    def _mlflow_answers(self) -> bool:
        try:
            return httpx2.get(f"{self.mlflow_url}/health", timeout=2).status_code == 200
        except httpx2.HTTPError:
            time.sleep(0.1)
            return False

    # The end

    def terminate(self) -> float:
        """SIGTERM to everything at once. Seconds until no process of it was left."""
        self._end_supervisor()
        begun = time.monotonic()
        for part in self.parts.values():
            if part.process is not None and part.process.poll() is None:
                part.process.send_signal(signal.SIGTERM)
        while self.processes() and time.monotonic() < begun + 60:
            for part in self.parts.values():
                if part.process is not None:
                    part.process.poll()
        return time.monotonic() - begun

    def processes(self) -> list[psutil.Process]:
        return marked(self.folder)

    def close(self) -> None:
        self._end_supervisor()
        for part in self.parts.values():
            part.wanted = False
            self._kill_all(part)
        self.client.__exit__()

    def _end_supervisor(self) -> None:
        self._closing.set()
        if self._supervisor.ident is not None:
            self._supervisor.join()


@contextmanager
def running_team(folder: Path, **more: object) -> Iterator[Team]:
    team = Team(folder, **more)  # type: ignore[arg-type]
    try:
        team.start()
        yield team
    finally:
        team.close()
