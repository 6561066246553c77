"""Starting and ending the embedded service, or finding the one that already runs in a home.

Order of the start: what the first trial needs comes first (Redis, worker, scheduler); refiner and MLflow follow once it
trains, since no round is due yet, the spool bridges MLflow's absence, and their start would compete for the cores.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

from caviar.contract.messages import Trainer
from caviar.embedded import leftovers, listening, record, redis
from caviar.embedded.parts import Part, Parts
from caviar.errors import ServiceError

LEASE_S = 10.0
CLAIM_S = 4.0
API_PORT = 8642
MLFLOW_PORT = 8643
HOLD_S = 8.0
"""Refiner and MLflow wait this long at most for the first trial to train."""
FIND_S = 15.0
CHECK_S = 600.0
"""Importing a trainer may take long (a cold disk, a large framework)."""
_WORKER_SETTINGS = (
    "CAVIAR_TRIAL_ENV",
    "CAVIAR_WORKER_CHECKPOINTS",
    "CAVIAR_WORKER_CLASS",
    "CAVIAR_WORKER_DISK",
    "CAVIAR_WORKER_SLOTS_PER_GPU",
)
"""Of the caller's environment; the other settings of the worker are the service's."""
_API_SETTINGS = ("CAVIAR_HOSTS", "CAVIAR_PROXIES", "CAVIAR_RATE", "CAVIAR_WRONG_TOKENS")
"""The same of the API: what a proxy in front of it needs."""


@dataclass(frozen=True)
class Service:
    """A running service, ours (``owned``) or one that was there already."""

    url: str
    token: str
    mlflow_url: str
    tracking_uri: str
    """MLflow's store itself: readable when the service is not running."""
    owned: bool
    forkserver: Path
    elsewhere: str | None = None
    """Where other machines find it, if they may."""

    def check_trainer(self, trainer: Trainer) -> str | None:
        """Import the trainer where trials will run; the reason why it does not import, or None.

        What was imported stays loaded: the first trial starts warm.
        """
        if trainer.function is None:
            return None
        from caviar_worker.client import check_trainer

        return check_trainer(self.forkserver, trainer.model_dump(mode="json"), CHECK_S)


@contextmanager
def service(
    home: Path,
    workers: int | None,
    notice: Callable[[str], None],
    *,
    only_this_study: bool,
    bind: str | None = None,
) -> Iterator[Service]:
    """The service of ``home``: started, and ended on exit, unless one runs there already.

    Args:
        home: folder of everything that is kept (made with mode 700).
        workers: training slots; one a core by default.
        notice: gets a line about what a person should know.
        only_this_study: unfinished studies of the home start paused.
        bind: an address that the API listens on beside loopback.

    Raises:
        InputError: nobody has a token to come in with from elsewhere, or the address is none; nothing was started.
        ServiceError: a part cannot be started; nothing is left running.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (home / "lock").open("a+") as lock:
        if not locked(lock):
            yield _find(home)
            return
        if bind is not None:
            listening.refuse_open(home, bind)
        with ended_by_signals():
            embedded = _Embedded(home, workers, notice, only_this_study, bind)
            try:
                yield embedded.start()
            except KeyboardInterrupt:
                if embedded.broken:
                    raise ServiceError(embedded.broken) from None
                raise
            finally:
                with uninterrupted():
                    embedded.close()


class _Embedded:
    def __init__(
        self,
        home: Path,
        workers: int | None,
        notice: Callable[[str], None],
        only: bool,
        bind: str | None,
    ) -> None:
        self._home = home
        self._slots = workers
        self._only = only
        self._notice = notice
        self._late = threading.Thread(target=self._start_late, name="late-parts", daemon=True)
        self._closing = threading.Event()
        self._logs = home / "logs"
        self._logs.mkdir(exist_ok=True)
        self._binary = redis.find_server()
        self.broken = ""
        """Why the service cannot go on, where it cannot."""
        noted = home / "parts.json"
        if killed := leftovers.end(noted, home):
            notice(f"{killed} processes of an earlier service in {home} were left over: ended.")
        self._parts = Parts(notice, self._give_up, noted)
        self._runtime = _runtime_folder()
        self._parts.remove_at_end(self._runtime)
        self._sockets = listening.listen(API_PORT, bind)
        port = self._sockets[0].getsockname()[1]
        self._url = f"http://127.0.0.1:{port}"
        self._elsewhere = None if bind is None else listening.url(bind, port)
        self._mlflow_url = f"http://127.0.0.1:{_port_of_mlflow(port)}"
        self._store = record.store(home)
        self._token, self._worker_token = secrets.token_urlsafe(32), secrets.token_urlsafe(32)

    def start(self) -> Service:
        broker = self._runtime / "redis.sock"
        common = self._environment(f"redis+socket://{broker}")
        worker_env = self._worker_environment(common)
        self._start("redis", redis.arguments(self._binary, broker, self._runtime), common)
        self._start("worker", _caviar("worker"), worker_env, grace_s=10.0)
        numbers = tuple(each.fileno() for each in self._sockets)
        self._start(
            "scheduler",
            _caviar("scheduler"),
            common | _given(_API_SETTINGS) | {"CAVIAR_SOCKETS": ",".join(map(str, numbers))},
            pass_fds=numbers,
            first_env={"CAVIAR_START_PAUSED": "1"} if self._only else {},
        )
        self._common = common
        self._late.start()
        found = Service(
            url=self._url,
            token=self._token,
            mlflow_url=self._mlflow_url,
            tracking_uri=self._store,
            owned=True,
            elsewhere=self._elsewhere,
            forkserver=Path(worker_env["CAVIAR_WORKER_RUN"]) / "forkserver.sock",
        )
        _write_private(self._home / "service.json", _to_json(found))
        return found

    def close(self) -> None:
        self._closing.set()
        with suppress(FileNotFoundError):
            (self._home / "service.json").unlink()
        self._late.join()
        self._parts.close()
        for listener in self._sockets:
            listener.close()

    def _give_up(self, reason: str) -> None:
        """Called in the watcher's thread: the main thread is ended as if by a signal."""
        self.broken = reason
        os.kill(os.getpid(), signal.SIGTERM)

    def _start(
        self,
        name: str,
        argv: list[str],
        env: dict[str, str],
        *,
        grace_s: float = 5.0,
        niceness: int = 0,
        pass_fds: tuple[int, ...] = (),
        first_env: dict[str, str] | None = None,
    ) -> None:
        log = self._logs / f"{name}.log"
        self._parts.start(
            Part(
                name,
                argv,
                env,
                log,
                grace_s=grace_s,
                niceness=niceness,
                pass_fds=pass_fds,
                first_env=first_env or {},
            )
        )

    def _start_late(self) -> None:
        spools = self._home / "worker" / "trials"
        deadline = time.monotonic() + HOLD_S
        while self._only and time.monotonic() < deadline and not any(spools.glob("*/claim.json")):
            if self._closing.wait(0.1):
                return
        self._start("refiner", _caviar("refiner"), self._common)
        record.prepare(self._home)
        self._start(
            "mlflow",
            record.command(self._home, self._mlflow_url),
            self._common,
            niceness=10,
        )

    def _environment(self, broker: str) -> dict[str, str]:
        """What every part sees."""
        return record.environment() | {
            "CAVIAR_DATABASE_URL": f"sqlite:///{self._home / 'caviar.db'}",
            "CAVIAR_BROKER_URL": broker,
            "CAVIAR_MLFLOW_URI": self._mlflow_url,
            "CAVIAR_TOKEN": self._token,
            "CAVIAR_WORKER_TOKEN": self._worker_token,
            "CAVIAR_LEASE_S": str(LEASE_S),
            "CAVIAR_CLAIM_S": str(CLAIM_S),
            "CAVIAR_LOCAL": "1",
            "CAVIAR_DRAWN": "1",
            "CAVIAR_PORT": self._url.rpartition(":")[2],
            "MLFLOW_TRACKING_URI": self._mlflow_url,
            "OMP_NUM_THREADS": "1",
        }

    def _worker_environment(self, common: dict[str, str]) -> dict[str, str]:
        (self._runtime / "worker").mkdir(mode=0o700)
        # Whoever comes from elsewhere runs commands and code of its own here only where it was asked for.
        theirs = ("CAVIAR_WORKER_ALLOW_COMMANDS", "CAVIAR_WORKER_ALLOW_BUNDLES")
        own = dict.fromkeys(theirs, "1") if self._elsewhere is None else _given(theirs)
        kept = _given(_WORKER_SETTINGS)
        slots = {} if self._slots is None else {"CAVIAR_WORKER_SLOTS": str(self._slots)}
        unset = {"CAVIAR_TOKEN", "CAVIAR_DATABASE_URL", "OMP_NUM_THREADS"}
        threads = {n: os.environ[n] for n in ("OMP_NUM_THREADS",) if n in os.environ}
        return {key: value for key, value in common.items() if key not in unset} | {
            **own,
            # What studies name where they name nothing: on a machine with GPUs too.
            "CAVIAR_WORKER_CLASS": "cpu",
            **kept,
            **threads,
            **slots,
            "CAVIAR_URL": self._url,
            "CAVIAR_MLFLOW_STORE": self._store,
            "CAVIAR_WORKER_DIR": str(self._home / "worker"),
            "CAVIAR_WORKER_RUN": str(self._runtime / "worker"),
            "CAVIAR_WORKER_ALLOW_FOLDERS": "1",
            # The studies are this user's own, and so is their code.
            "CAVIAR_WORKER_USER": "same",
        }


def _caviar(command: str) -> list[str]:
    return [sys.executable, "-m", "caviar.cli", command]


def _given(names: Sequence[str]) -> dict[str, str]:
    """What the caller's environment has of these."""
    return {name: os.environ[name] for name in names if name in os.environ}


def locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _find(home: Path) -> Service:
    """The service that holds the lock of ``home``.

    Raises:
        ServiceError: it does not say where it is (it is starting or ending).
    """
    deadline = time.monotonic() + FIND_S
    while time.monotonic() < deadline:
        with suppress(OSError, ValueError, KeyError):
            noted = json.loads((home / "service.json").read_text(encoding="utf-8"))
            return Service(
                url=noted["url"],
                token=noted["token"],
                mlflow_url=noted["mlflow"],
                tracking_uri=noted["tracking_uri"],
                owned=False,
                forkserver=Path(noted["forkserver"]),
            )
        time.sleep(0.1)
    raise ServiceError(
        f"Another caviar is using {home} and is just starting or ending; try again, or choose another --home."
    )


def _to_json(found: Service) -> str:
    return json.dumps(
        {
            "url": found.url,
            "token": found.token,
            "mlflow": found.mlflow_url,
            "tracking_uri": found.tracking_uri,
            "forkserver": str(found.forkserver),
            "pid": os.getpid(),
        }
    )


def _runtime_folder() -> Path:
    """A new folder with mode 700 for the sockets. A unix socket's path is short (108 bytes): so is this one's."""
    base = tempfile.gettempdir()
    return Path(tempfile.mkdtemp(prefix="caviar-", dir=base if len(base) <= 60 else "/tmp"))  # noqa: S108


def _write_private(path: Path, text: str) -> None:
    """Atomically, readable by the owner alone from the first byte."""
    temporary = path.with_suffix(".new")
    with suppress(FileNotFoundError):
        temporary.unlink()
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    temporary.replace(path)


def _port_of_mlflow(api_port: int) -> int:
    """A port for MLflow, which takes seconds until it listens: nobody else may choose the same one meanwhile.

    So the usual port is for the service that holds the API's usual port, as long as nothing else listens there.
    """
    usual = api_port == API_PORT
    with listening.on_loopback(MLFLOW_PORT if usual else 0) as listener:
        return int(listener.getsockname()[1])


def free_url() -> str:
    """An address on this machine where nothing listens."""
    with listening.on_loopback(0) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM and a closed terminal end like Ctrl-C, so that everything is cleaned up."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {
        number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Cleaning up takes seconds; a second Ctrl-C does not cut it short."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
