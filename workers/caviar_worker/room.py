"""A disk without room: how it is told, and what waits for it. Keep this light: every trial's process loads it."""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

log = logging.getLogger("caviar.worker")

PATIENCE_S = 60.0
"""How long a trial waits for room before its attempt is given up."""
PAUSE_S = 0.2
_FULL = 1_000_000
"""Bytes. With less than this left, whatever fails is taken to have failed for want of room."""
_RESERVE = 256_000_000
_RESERVE_SHARE = 0.05

Given = TypeVar("Given")


def no_room(error: BaseException | None) -> bool:
    """Whether a full disk (or a spent quota) is behind ``error``."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__ or error.__context__
    return False


def free(folder: Path) -> int:
    """Bytes that this user may still write there."""
    about = os.statvfs(folder)
    return about.f_bavail * about.f_frsize


def is_full(folder: Path) -> bool:
    """Whether nothing worth mentioning is left: libraries report a full disk in words of their own."""
    try:
        return free(folder) < _FULL
    except OSError:
        return False


def reserve(folder: Path) -> int:
    """Bytes that a worker leaves free: 256 MB, or 5% of a small disk."""
    about = os.statvfs(folder)
    return min(_RESERVE, int(_RESERVE_SHARE * about.f_blocks * about.f_frsize))


def when_there_is_room(write: Callable[[], Given], what: str, give_up: Callable[[], bool]) -> Given:
    """Call ``write`` until it isn't stopped by a full disk. It must be safe to repeat.

    Raises what ``write`` raises: any other error at once, the full disk's once ``give_up`` says so.
    """
    told = False
    while True:
        try:
            return write()
        except OSError as error:
            if not no_room(error) or give_up():
                raise
            if not told:
                log.warning("The disk is full: %s waits for room.", what)
                told = True
            time.sleep(PAUSE_S)
