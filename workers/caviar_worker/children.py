"""The agent's child processes: started, watched, started again, ended."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from caviar_worker.processes import kill_group

log = logging.getLogger("caviar.worker")

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 10.0
_STEADY_S = 30.0
"""A child that lived this long starts again without a pause."""


class Child:
    """One child in a session of its own, so that a Ctrl-C in the terminal reaches the agent alone."""

    def __init__(
        self,
        name: str,
        command: list[str],
        environ: dict[str, str],
        *,
        pipe: bool = False,
        hidden: dict[str, str] | None = None,
    ) -> None:
        """``hidden``: of the environment what only a process of ``hidden.command`` is given, over its input."""
        self.name = name
        self._command = command
        self._environ = environ
        self._stdin = subprocess.PIPE if pipe else subprocess.DEVNULL
        self._hidden = hidden
        self._process: subprocess.Popen[bytes] | None = None
        self._pause = _FIRST_PAUSE_S
        self._started = 0.0
        self._again: float | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        self._started = time.monotonic()
        self._again = None
        if self._hidden is None:
            self._process = self._popen(self._stdin)
            return
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                self._process = self._popen(theirs.fileno())
            with suppress(OSError):  # it is dead already
                ours.sendall(json.dumps(self._hidden).encode())

    def _popen(self, stdin: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._command, env=self._environ, stdin=stdin, start_new_session=True
        )

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def revive(self) -> None:
        """Start it again some time after it died; the pause doubles while it keeps dying."""
        if self._process is None or self.running():
            return
        now = time.monotonic()
        if self._again is None:
            code = self._process.returncode
            if now - self._started > _STEADY_S:
                self._pause = _FIRST_PAUSE_S
            log.error("The %s died (%s): again in %.1f s.", self.name, _say(code), self._pause)
            kill_group(self._process.pid)
            self.close_pipe()
            self._again = now + self._pause
            self._pause = min(_LONGEST_PAUSE_S, self._pause * 2)
        elif now >= self._again:
            self.start()

    def terminate(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.terminate()

    def kill(self) -> None:
        """Kill it and what it left in its group, and collect it."""
        if self._process is not None:
            kill_group(self._process.pid)
            self._process.wait()
            self.close_pipe()

    def close_pipe(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()


def forkserver_command(socket: Path, user: str | None, hide: Iterable[Path] = ()) -> list[str]:
    """The fork server's argv, with this process as the parent it ends with.

    ``user``: who trials run as. ``hide``: files that they must not read though they may be the same user's.
    """
    module = "caviar_worker.forkserver"
    return [
        *(sys.executable, "-m", module),
        *("--socket", str(socket), "--parent", str(os.getpid())),
        *(() if user is None else ("--user", user)),
        *(word for path in hide for word in ("--hide", str(path))),
    ]


def reap_strangers(ours: set[int | None]) -> None:
    """As process 1 of a container the agent inherits every orphan: collect those that ended."""
    if os.getpid() != 1:
        return
    with suppress(ChildProcessError):
        while True:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None or ended.si_pid in ours:
                return
            os.waitpid(ended.si_pid, 0)


def _say(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit status {code}"
