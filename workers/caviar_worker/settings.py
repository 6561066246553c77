"""The settings of one worker host, read once from the environment."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from caviar.contract.names import ENV_API, ENV_BROKER, ENV_MLFLOW, ENV_WORKER_TOKEN
from caviar.errors import InputError, Problem

_PLACEHOLDERS = {"changeme", "change-me", "secret", "password", "token", "todo", "xxx"}
_CLASS = re.compile(r"^[a-z0-9][a-z0-9_.-]{0,63}$")
_STORE = "CAVIAR_MLFLOW_STORE"
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"", "0", "false", "no", "off"}
_SOCKET_LIMIT = 100
"""Bytes of a unix socket's path: 108 on Linux, 104 on macOS, less some room."""


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Everything a worker host is told. ``from_environ`` reads it, ``environ`` writes it for a child."""

    url: str
    """Where the scheduler's API answers, for instance ``http://127.0.0.1:8321``."""
    token: str
    broker: str
    mlflow: str
    host: str
    slots: int
    resource_class: str
    folder: Path
    """Claims, spools, checkpoints: what must survive a restart."""
    run_dir: Path
    """Sockets; a short path, its owner's alone."""
    mlflow_store: str | None = None
    """``sqlite:///`` and the path of the MLflow server's database, where it is this machine's and nobody else's."""
    allow_folders: bool = False
    """Train functions out of folders that a study names. That is running the submitter's code."""
    allow_commands: bool = False
    """Run commands that a study names. That is running the submitter's code."""
    trial_env: tuple[str, ...] = ()
    """Names of further environment variables that trials may see."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> WorkerSettings:
        """Read and check the environment.

        Raises InputError that names every variable that is missing or wrong.
        """
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
        if token.lower() in _PLACEHOLDERS:
            problems.append(Problem((ENV_WORKER_TOKEN,), "is a placeholder", "Set a real secret."))
        broker = needed(ENV_BROKER, "For instance redis://host:6379/0.")
        if broker and urlsplit(broker).scheme not in ("redis", "rediss", "redis+socket"):
            problems.append(
                Problem(
                    (ENV_BROKER,), "is not an address of Redis", "Use redis:// or redis+socket:///."
                )
            )
        mlflow = needed(ENV_MLFLOW, "It is the address of the MLflow server.")
        mlflow_store = environ.get(_STORE, "").strip() or None
        if mlflow_store and not mlflow_store.startswith("sqlite:///"):
            problems.append(
                Problem(
                    (_STORE,),
                    "is no address of an SQLite file",
                    "Leave it unset: results go to the MLflow server.",
                )
            )
        slots = environ.get("CAVIAR_WORKER_SLOTS", "").strip() or str(os.cpu_count() or 1)
        if not slots.isdecimal() or not 1 <= int(slots) <= 4096:
            problems.append(
                Problem(("CAVIAR_WORKER_SLOTS",), f"is {slots!r}", "Write a number from 1 to 4096.")
            )
            slots = "1"
        resource_class = environ.get("CAVIAR_WORKER_CLASS", "").strip() or "cpu"
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
        settings = cls(
            url=url,
            token=token,
            broker=broker,
            mlflow=mlflow,
            mlflow_store=mlflow_store,
            host=(environ.get("CAVIAR_WORKER_HOST") or socket.gethostname())[:128],
            slots=int(slots),
            resource_class=resource_class,
            folder=folder,
            run_dir=run_dir,
            allow_folders=flag("CAVIAR_WORKER_ALLOW_FOLDERS"),
            allow_commands=flag("CAVIAR_WORKER_ALLOW_COMMANDS"),
            trial_env=tuple(environ.get("CAVIAR_TRIAL_ENV", "").replace(",", " ").split()),
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
            _STORE: self.mlflow_store or "",
            "CAVIAR_WORKER_HOST": self.host,
            "CAVIAR_WORKER_SLOTS": str(self.slots),
            "CAVIAR_WORKER_CLASS": self.resource_class,
            "CAVIAR_WORKER_DIR": str(self.folder),
            "CAVIAR_WORKER_RUN": str(self.run_dir),
            "CAVIAR_WORKER_ALLOW_FOLDERS": "1" if self.allow_folders else "0",
            "CAVIAR_WORKER_ALLOW_COMMANDS": "1" if self.allow_commands else "0",
            "CAVIAR_TRIAL_ENV": " ".join(self.trial_env),
        }

    @property
    def forkserver_socket(self) -> Path:
        return self.run_dir / "forkserver.sock"

    @property
    def closing_file(self) -> Path:
        """Exists while the host shuts down: slots give their trials back and claim nothing."""
        return self.run_dir / "closing"
