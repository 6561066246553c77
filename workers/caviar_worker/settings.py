"""The settings of one worker host, read once from the environment."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from caviar.contract.gateway import MLFLOW
from caviar.contract.names import ENV_API, ENV_BROKER, ENV_MLFLOW, ENV_WORKER_TOKEN
from caviar.errors import InputError, Problem
from caviar.secrets import GENERATE, equal_secrets, password_of, weakness, with_files
from caviar_worker.cores import usable_cores
from caviar_worker.gpus import usable_gpus
from caviar_worker.user import wrong_user

CPU = "cpu"
"""The class of workers that pin no trial to a GPU."""
SECRETS = (ENV_WORKER_TOKEN, ENV_BROKER)
"""Variables that may be given as a file: ``CAVIAR_WORKER_TOKEN_FILE``."""
_CLASS = re.compile(r"^[a-z0-9][a-z0-9_.-]{0,63}$")
_STORE = re.compile(r"^(|mlflow|/.*|[a-z][a-z0-9+.-]*://.+)$")
_SIZE = re.compile(r"^(?:([0-9]+(?:\.[0-9]+)?) ?([kMGT]?B))?$", re.IGNORECASE)
_UNITS = {"B": 1, "KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000, "TB": 1_000_000_000_000}
_MLFLOW_STORE = "CAVIAR_MLFLOW_STORE"
_USER = "CAVIAR_WORKER_USER"
SAME = "same"
"""As the user of trials: the worker's own."""
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"", "0", "false", "no", "off"}
_BROKER_SOCKET = "broker.sock"
_SOCKET_LIMIT = 100
"""Bytes of a unix socket's path: 108 on Linux, 104 on macOS, less some room."""


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Everything a worker host is told. ``from_environ`` reads it, ``environ`` writes it for a child."""

    url: str
    """Where the scheduler's API answers, for instance ``http://127.0.0.1:8321``."""
    token: str
    broker: str
    """Where Celery finds Redis: its own address, or ``broker_socket``."""
    mlflow: str
    """The address of MLflow: below ``url`` where nothing else is said."""
    host: str
    slots: int
    resource_class: str
    folder: Path
    """Claims, spools, checkpoints: what must survive a restart."""
    run_dir: Path
    """Sockets; a short path, its owner's alone."""
    mlflow_store: str | None = None
    """``sqlite:///`` and the path of the MLflow server's database, where it is this machine's and nobody else's."""
    gpus: tuple[str, ...] = ()
    """What trials are pinned to, by UUID. None where the class is ``cpu``."""
    slots_per_gpu: int = 1
    allow_folders: bool = False
    """Train functions out of folders that a study names. That is running the submitter's code."""
    allow_commands: bool = False
    """Run commands that a study names. That is running the submitter's code."""
    allow_bundles: bool = False
    """Run code that a study brings along."""
    trainers: tuple[str, ...] = ("*",)
    """Patterns of what may be trained: names of installed trainers, ``module:function`` of functions."""
    user: str | None = None
    """Whose user trials run as; None: this process'."""
    trial_env: tuple[str, ...] = ()
    """Names of further environment variables that trials may see."""
    checkpoints: str = ""
    """Where checkpoints are copied to, so that another host goes on from them: ``mlflow`` (the trial's run), an
    absolute folder that hosts share, or an address that MLflow has an artifact store for. Empty: nowhere."""
    disk: int | None = None
    """Bytes that ``folder`` may take; None: half of what it and the free space are together."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> WorkerSettings:
        """Read and check the environment.

        Raises InputError that names every variable that is missing or wrong.
        """
        environ = with_files(environ, SECRETS)
        problems: list[Problem] = []

        def needed(name: str, why: str) -> str:
            value = environ.get(name, "").strip()
            if not value:
                problems.append(Problem((name,), "is not set", why))
            return value

        def flag(name: str) -> bool:
            value = environ.get(name, "").strip().lower()
            if value not in _TRUE | _FALSE:
                problems.append(Problem((name,), f"is {value!r}", "Write 1 or 0."))
            return value in _TRUE

        url = needed(ENV_API, "It is the address of the service.").rstrip("/")
        if url and urlsplit(url).scheme not in ("http", "https"):
            problems.append(
                Problem((ENV_API,), f"is {url!r}", "It starts with http:// or https://.")
            )
        token = needed(ENV_WORKER_TOKEN, "The service prints the workers' token when it starts.")
        weak = weakness(token) if token else None
        if weak is not None:
            problems.append(Problem((ENV_WORKER_TOKEN,), weak, GENERATE))
        broker = environ.get(ENV_BROKER, "").strip()
        if broker and urlsplit(broker).scheme not in ("redis", "rediss", "redis+socket"):
            problems.append(
                Problem(
                    (ENV_BROKER,), "is not an address of Redis", "Use redis:// or redis+socket:///."
                )
            )
        password = password_of(broker)
        weak = weakness(password) if password else None
        if weak is not None:
            problems.append(Problem((ENV_BROKER,), f"the password in it {weak}", GENERATE))
        problems += equal_secrets({ENV_WORKER_TOKEN: token, ENV_BROKER: password})
        mlflow = environ.get(ENV_MLFLOW, "").strip() or f"{url}{MLFLOW}"
        mlflow_store = environ.get(_MLFLOW_STORE, "").strip() or None
        if mlflow_store and not mlflow_store.startswith("sqlite:///"):
            problems.append(
                Problem(
                    (_MLFLOW_STORE,),
                    "is no address of an SQLite file",
                    "Leave it unset: results go to the MLflow server.",
                )
            )

        def number(name: str, default: int, most: int) -> int:
            value = environ.get(name, "").strip() or str(default)
            if not (value.isascii() and value.isdecimal()) or not 1 <= int(value) <= most:
                problems.append(
                    Problem((name,), f"is {value!r}", f"Write a number from 1 to {most}.")
                )
                return 1
            return int(value)

        resource_class = environ.get("CAVIAR_WORKER_CLASS", "").strip()
        gpus: tuple[str, ...] = ()
        if resource_class != CPU:
            try:
                gpus = usable_gpus(environ)
            except InputError as error:
                problems += error.problems
        resource_class = resource_class or ("gpu" if gpus else CPU)
        slots_per_gpu = number("CAVIAR_WORKER_SLOTS_PER_GPU", 1, 64)
        places = len(gpus) * slots_per_gpu
        slots = number("CAVIAR_WORKER_SLOTS", min(places, 4096) or usable_cores(), 4096)
        if gpus and slots > places:
            problems.append(
                Problem(
                    ("CAVIAR_WORKER_SLOTS",),
                    f"is {slots}, but {len(gpus)} GPUs with {slots_per_gpu} slots each are {places}",
                    "Leave it out, or raise CAVIAR_WORKER_SLOTS_PER_GPU.",
                )
            )
        if not _CLASS.match(resource_class):
            problems.append(
                Problem(
                    ("CAVIAR_WORKER_CLASS",),
                    f"is {resource_class!r}",
                    "Use small letters, digits, dots and dashes.",
                )
            )
        folder = Path(environ.get("CAVIAR_WORKER_DIR") or Path.home() / ".caviar" / "worker")
        folder = folder.absolute()
        run_dir = Path(environ.get("CAVIAR_WORKER_RUN") or folder / "run").absolute()
        if len(os.fsencode(run_dir / "forkserver.sock")) > _SOCKET_LIMIT:
            problems.append(
                Problem(
                    ("CAVIAR_WORKER_RUN",),
                    f"{run_dir} is too long for a unix socket",
                    "Name a folder with a shorter path, for instance under /run or /tmp.",
                )
            )
        checkpoints = environ.get("CAVIAR_WORKER_CHECKPOINTS", "").strip()
        if not _STORE.match(checkpoints):
            problems.append(
                Problem(
                    ("CAVIAR_WORKER_CHECKPOINTS",),
                    f"is {checkpoints!r}",
                    "Write mlflow, an absolute folder, or an address such as s3://bucket/checkpoints.",
                )
            )
        disk = _SIZE.match(environ.get("CAVIAR_WORKER_DISK", "").strip())
        if disk is None:
            problems.append(
                Problem(
                    ("CAVIAR_WORKER_DISK",),
                    f"is {environ['CAVIAR_WORKER_DISK']!r}",
                    "Write a size, for instance 20GB.",
                )
            )
        allowed = {
            name: flag(f"CAVIAR_WORKER_ALLOW_{name}") for name in ("FOLDERS", "COMMANDS", "BUNDLES")
        }
        user = environ.get(_USER, "").strip()
        if os.getuid() == 0 and not user and any(allowed.values()):
            problems.append(
                Problem(
                    (_USER,),
                    "is not set, but the worker runs as root and runs code that studies bring",
                    f"Name an unprivileged user for trials, or {SAME} where they may do all that root may.",
                )
            )
        elif user not in ("", SAME):
            problems += wrong_user(user)
        settings = cls(
            url=url,
            token=token,
            broker=broker or _through_the_service(run_dir),
            mlflow=mlflow,
            mlflow_store=mlflow_store,
            host=(environ.get("CAVIAR_WORKER_HOST") or socket.gethostname())[:128],
            slots=slots,
            resource_class=resource_class,
            folder=folder,
            run_dir=run_dir,
            gpus=gpus,
            slots_per_gpu=slots_per_gpu,
            allow_folders=allowed["FOLDERS"],
            allow_commands=allowed["COMMANDS"],
            allow_bundles=allowed["BUNDLES"],
            trainers=_words(environ.get("CAVIAR_WORKER_TRAINERS", "")) or ("*",),
            user=None if user in ("", SAME) else user,
            trial_env=_words(environ.get("CAVIAR_TRIAL_ENV", "")),
            checkpoints=checkpoints,
            disk=int(float(disk[1]) * _UNITS[disk[2].upper()]) if disk and disk[1] else None,
        )
        if problems:
            raise InputError(problems)
        return settings

    def environ(self) -> dict[str, str]:
        """The variables from which ``from_environ`` makes these settings again."""
        return {
            ENV_API: self.url,
            ENV_WORKER_TOKEN: self.token,
            ENV_BROKER: self.broker,
            ENV_MLFLOW: self.mlflow,
            _MLFLOW_STORE: self.mlflow_store or "",
            "CAVIAR_WORKER_HOST": self.host,
            "CAVIAR_WORKER_SLOTS": str(self.slots),
            "CAVIAR_WORKER_CLASS": self.resource_class,
            "CAVIAR_WORKER_SLOTS_PER_GPU": str(self.slots_per_gpu),
            "CAVIAR_WORKER_DIR": str(self.folder),
            "CAVIAR_WORKER_RUN": str(self.run_dir),
            "CAVIAR_WORKER_ALLOW_FOLDERS": "1" if self.allow_folders else "0",
            "CAVIAR_WORKER_ALLOW_COMMANDS": "1" if self.allow_commands else "0",
            "CAVIAR_WORKER_ALLOW_BUNDLES": "1" if self.allow_bundles else "0",
            "CAVIAR_WORKER_TRAINERS": " ".join(self.trainers),
            _USER: self.user or SAME,
            "CAVIAR_TRIAL_ENV": " ".join(self.trial_env),
            "CAVIAR_WORKER_CHECKPOINTS": self.checkpoints,
            "CAVIAR_WORKER_DISK": "" if self.disk is None else f"{self.disk}B",
        } | ({"CUDA_VISIBLE_DEVICES": ",".join(self.gpus)} if self.gpus else {})

    @property
    def behind_gateway(self) -> bool:
        """Whether MLflow lies at the service's own address: then it wants a token as the service does."""
        return self.mlflow.rstrip("/") == f"{self.url}{MLFLOW}"

    @property
    def forkserver_socket(self) -> Path:
        return self.run_dir / "forkserver.sock"

    @property
    def broker_socket(self) -> Path | None:
        """Where the agent joins Celery to Redis through the service; None where Celery goes to Redis itself."""
        through = self.broker == _through_the_service(self.run_dir)
        return self.run_dir / _BROKER_SOCKET if through else None

    @property
    def closing_file(self) -> Path:
        """Exists while the host shuts down: slots give their trials back and claim nothing."""
        return self.run_dir / "closing"

    @property
    def alive_file(self) -> Path:
        """Touched with every heartbeat that the service answered: what a health check looks at."""
        return self.run_dir / "alive"

    @property
    def full_file(self) -> Path:
        """Exists while the host has no room for another trial."""
        return self.run_dir / "full"


def _through_the_service(run_dir: Path) -> str:
    return f"redis+socket://{run_dir / _BROKER_SOCKET}"


def _words(value: str) -> tuple[str, ...]:
    return tuple(value.replace(",", " ").split())
