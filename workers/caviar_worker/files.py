"""Small files that two processes share: written whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

_MOST = 16_000_000
"""Bytes."""


def write_json(path: Path, value: Any, mode: int = 0o600) -> None:
    """Put ``value`` at ``path`` by a rename, so that a reader sees the old file or the new one.

    Trials may run as another user: by default they are not to read it.

    No fsync: after a power cut the trial is lost with its host anyway, and a fsync costs 5–20 ms.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(draft, flags, mode), "w", encoding="utf-8") as file:
            file.write(json.dumps(value, separators=(",", ":")))
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in ``path``; None where there is no file or no JSON object in it.

    User code may have put something else there: a link is not followed, a pipe not waited for, and no more is read than
    any of our files has.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            data = file.read(_MOST + 1)
        value = json.loads(data) if len(data) <= _MOST else None
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def read_tail(path: Path, size: int) -> str:
    """The last ``size`` bytes of a text file, from the start of a line where there is one."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - size))
            data = file.read(size)
    except OSError:
        return ""
    if end > size and b"\n" in data[:-1]:
        data = data[data.index(b"\n") + 1 :]
    return data.decode("utf-8", errors="replace")
