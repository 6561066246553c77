"""The processes of the embedded service: each in a session of its own, watched, started again when it dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from caviar.embedded import guard, leftovers
from caviar_worker.processes import be_nice

WATCH_S = 0.2
BACKOFF_S = (0.0, 0.5, 2.0, 5.0)
STEADY_S = 60.0
"""A part that lived this long starts again without a wait."""
GIVE_UP_AFTER = 6
"""Deaths in a row after which a part cannot be helped."""
LOG_LINES = 12
MAX_LOG_BYTES = 5_000_000
HELD_BACK = ("/bin/sh", "-c", 'read -r go && exec "$@" </dev/null', "sh")
"""Becomes the command in its arguments when a line comes in, and ends when the writer is gone."""


@dataclass
class Part:
    """One process. ``niceness`` is added to the launcher's; ``first_env`` holds for the first start only."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    log: Path
    pass_fds: tuple[int, ...] = ()
    niceness: int = 0
    grace_s: float = 5.0
    first_env: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0

    def start(self, register: Callable[[int], None]) -> None:
        """Start it held back: it runs once ``register`` knows its group. Should we die in between, it never runs."""
        if self.log.exists() and self.log.stat().st_size > MAX_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        env = {**self.env, **({} if self.process else self.first_env)}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*HELD_BACK, *self.argv],
                env=env,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=self.pass_fds,
                start_new_session=True,
            )
        self.started = time.monotonic()
        if self.niceness:
            be_nice(self.process.pid, self.niceness)
        register(self.process.pid)
        assert self.process.stdin is not None
        with suppress(BrokenPipeError), self.process.stdin as stdin:
            stdin.write(b"\n")

    def last_words(self) -> str:
        """The end of its log."""
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-LOG_LINES:])

    def signal_group(self, number: signal.Signals) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)


class Parts:
    """Starts, watches and ends parts.

    ``notice`` gets a line when one died and was started again, ``give_up`` the reason when one keeps dying.
    ``noted`` is the file that says to the next start what to end, should both we and the guard be killed.
    """

    def __init__(
        self, notice: Callable[[str], None], give_up: Callable[[str], None], noted: Path
    ) -> None:
        self._notice = notice
        self._give_up = give_up
        self._noted = noted
        self._parts: list[Part] = []
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._folders: list[Path] = []
        self._guard = self._start_guard()
        self._watcher = threading.Thread(target=self._watch, name="parts", daemon=True)
        self._watcher.start()

    def remove_at_end(self, folder: Path) -> None:
        self._folders.append(folder)
        self._tell(f"folder {folder}")

    def start(self, part: Part) -> None:
        with self._lock:
            if self._closing.is_set():
                return
            part.start(self._register)
            self._parts.append(part)

    def close(self) -> None:
        """End all parts, the newest first, so that each can still say goodbye to what it stands on."""
        self._closing.set()
        self._watcher.join(timeout=5)
        with self._lock:
            for part in reversed(self._parts):
                self._end(part)
        with suppress(OSError, subprocess.TimeoutExpired):
            assert self._guard.stdin is not None
            self._guard.stdin.close()
            self._guard.wait(timeout=2 * guard.GRACE_S + 2)
        self._noted.unlink(missing_ok=True)

    def _end(self, part: Part) -> None:
        if part.process is None:
            return
        part.signal_group(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            part.process.wait(timeout=part.grace_s)
        part.signal_group(signal.SIGKILL)
        part.process.wait()

    def _watch(self) -> None:
        while not self._closing.wait(WATCH_S):
            with self._lock:
                if self._closing.is_set():
                    return
                if self._guard.poll() is not None:
                    self._guard = self._start_guard()
                for part in self._parts:
                    self._revive(part)

    def _revive(self, part: Part) -> None:
        process = part.process
        if process is None or process.poll() is None:
            return
        now = time.monotonic()
        if now - part.started > STEADY_S:
            part.deaths = 0
        if part.deaths == GIVE_UP_AFTER:
            part.deaths += 1
            self._give_up(
                f"The {part.name} does not stay up (exit {process.returncode}). "
                f"The end of its log, {part.log}:\n{part.last_words()}"
            )
        if part.deaths > GIVE_UP_AFTER:
            return
        wait = BACKOFF_S[min(part.deaths, len(BACKOFF_S) - 1)]
        if now - part.started < wait:
            return
        part.deaths += 1
        part.signal_group(signal.SIGKILL)  # what it left behind in its group
        self._tell(f"forget {process.pid}")
        self._notice(
            f"The {part.name} ended unexpectedly (exit {process.returncode}); started again. Its log: {part.log}"
        )
        part.start(self._register)

    def _start_guard(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", guard.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._guard = process
        for folder in self._folders:
            self._tell(f"folder {folder}")
        for part in self._parts:
            if part.process is not None:
                self._tell(f"group {part.process.pid}")
        return process

    def _register(self, group: int) -> None:
        self._tell(f"group {group}")
        others = [part.process.pid for part in self._parts if part.process is not None]
        leftovers.note(self._noted, {*others, group}, self._folders)

    def _tell(self, line: str) -> None:
        stream = self._guard.stdin
        assert stream is not None
        with suppress(OSError):
            stream.write(line.encode() + b"\n")
            stream.flush()
