"""What the worker's folder takes of its disk: warned of before the bound, no new trials at the bound.

The agent looks. Slots read its verdict from a file, and look at the disk themselves before each claim.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from caviar_worker.room import free, reserve
from caviar_worker.settings import WorkerSettings

log = logging.getLogger("caviar.worker")

_LOOK_S = 1.0
_MEASURE_S = 5.0
_MEASURE_SHARE = 50
"""Measuring takes at most 1/50 of the time, however many files there are."""
_WARN = 0.8
_BALLAST = 4_000_000
_LAST = 256_000
"""Bytes free, below which the ballast is dropped."""


@dataclass(frozen=True, slots=True)
class Use:
    """Bytes of the worker's folder on disk: spools and all else of attempts, checkpoints, in all."""

    attempts: int = 0
    checkpoints: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    full: bool = False
    """No more trials are claimed."""
    warning: str = ""


class Disk:
    """Runs in a thread of the agent."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings
        self.verdict = Verdict()
        self._use = Use()
        self._measure_at = 0.0

    def run(self, ended: threading.Event) -> None:
        while not ended.is_set():
            try:
                self.look()
            except Exception:  # the thread must go on: without it nobody says that the disk fills
                log.exception("The disk could not be looked at.")
            ended.wait(_LOOK_S)

    def look(self) -> None:
        """Judge, keep the file for the slots, and say what has changed."""
        folder = self.settings.folder
        now = time.monotonic()
        if now >= self._measure_at:
            self._use = measure(folder)
            took = time.monotonic() - now
            self._measure_at = now + took + max(_MEASURE_S, _MEASURE_SHARE * took)
        left = free(folder)
        self._keep_ballast(left)
        verdict = judge(folder, self._use, left, reserve(folder), self.settings.disk)
        with suppress(OSError):  # slots see a disk without room themselves
            if verdict.full:
                self.settings.full_file.touch()
            else:
                self.settings.full_file.unlink(missing_ok=True)
        before, self.verdict = self.verdict, verdict
        if (verdict.full, bool(verdict.warning)) != (before.full, bool(before.warning)):
            log.warning("%s", verdict.warning or "There is room on the disk again.")

    def _keep_ballast(self, left: int) -> None:
        """Hold a few bytes back, for the ends of the trials that run when the disk gets full, and for the shipper."""
        ballast = self.settings.folder / "ballast"
        if left < _LAST:
            ballast.unlink(missing_ok=True)
        elif left > 2 * reserve(self.settings.folder) and not ballast.exists():
            with suppress(OSError):
                ballast.write_bytes(bytes(min(_BALLAST, reserve(self.settings.folder) // 2)))


def may_claim(settings: WorkerSettings) -> bool:
    """Whether this host has room for another trial."""
    if settings.full_file.exists():
        return False
    try:
        return free(settings.folder) >= reserve(settings.folder)
    except OSError:
        return True


def judge(folder: Path, use: Use, left: int, spare: int, bound: int | None) -> Verdict:
    """What ``use`` bytes on a disk with ``left`` free mean.

    Without a ``bound`` the folder may take half of what it and the free space are together.
    """
    most = bound if bound is not None else (use.total + left) // 2
    taken = (
        f"{folder} takes {_size(use.total)} of the {_size(most)} that it may: {_size(use.attempts)} "
        f"by trials that train or wait for MLflow, {_size(use.checkpoints)} by checkpoints"
    )
    if left < spare:
        text = f"The disk of {folder} has {_size(left)} left, and {_size(spare)} are kept free. Make room there."
        return Verdict(True, f"No trials are claimed. {text}")
    if use.total >= most:
        return Verdict(
            True, f"No trials are claimed. {taken}. Make room, or raise CAVIAR_WORKER_DISK."
        )
    if use.total >= _WARN * most:
        return Verdict(warning=f"{taken}. No more trials are claimed when that is reached.")
    if left < 2 * spare:
        text = f"The disk of {folder} has {_size(left)} left. No more trials are claimed below {_size(spare)}."
        return Verdict(warning=text)
    return Verdict()


def measure(folder: Path) -> Use:
    """What lies in ``folder`` now; files come and go meanwhile."""
    parts = {name: _taken(folder / name) for name in ("trials", "checkpoints")}
    others = _taken(folder, parts)
    return Use(parts["trials"], parts["checkpoints"], sum(parts.values()) + others)


def _taken(folder: Path, but: dict[str, int] | None = None) -> int:
    total = 0
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    total += 0 if but and entry.name in but else _taken(Path(entry.path))
                else:
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
    return total


def _size(count: int) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count / 1e3:.0f} kB"
