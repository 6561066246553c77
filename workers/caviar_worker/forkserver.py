"""The process that starts trials: ``python -m caviar_worker.forkserver --socket PATH``.

    slot --connection--> fork server --socket pair--> zygote of a trainer --fork--> trial

It kills a trial's group when the slot's connection ends, all of them when its own standard input
ends (the agent is gone), and it is killed with nothing left behind: zygotes and trials get the
kernel's signal, slots see the connection's end and kill the groups they were told. Requests are in
``client``. It imports little: every zygote is a fork of it.
"""

from __future__ import annotations

import argparse
import itertools
import os
import selectors
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from caviar_worker import zygote
from caviar_worker.landlock import forbid_reading
from caviar_worker.processes import adopt_orphans, die_with_parent, kill_group
from caviar_worker.wire import Wire

_MOST_FILES = 65_536
_MAX_ZYGOTES = 4
"""Each keeps a user's imports in memory."""

Key = tuple[str | None, str | None]


@dataclass(eq=False)
class Run:
    wire: Wire | None
    pid: int | None = None


@dataclass(eq=False)
class Zygote:
    pid: int
    wire: Wire
    key: Key
    files: list[tuple[str, int]] | None = None
    """None while it imports."""
    runs: dict[int, Run] = field(default_factory=dict)
    checks: list[Wire] = field(default_factory=list)
    used: float = 0.0
    retired: bool = False
    status: int | None = None


class ForkServer:
    def __init__(self, listener: socket.socket, user: str | None = None) -> None:
        """``user``: who zygotes and trials are; None: who this process is."""
        self.listener = listener
        self.user = user
        self.selector = selectors.DefaultSelector()
        self.zygotes: list[Zygote] = []
        self.clients: dict[Wire, Run | None] = {}
        self.ids = itertools.count(1)
        self.ending = False
        self.wake, self._waker = os.pipe()
        for handle in (self.wake, self._waker):
            os.set_blocking(handle, False)

    def serve(self) -> None:
        """Until standard input ends or SIGTERM comes."""
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.selector.register(0, selectors.EVENT_READ)
        self.selector.register(self.wake, selectors.EVENT_READ)
        while not self.ending:
            for key, _ in self.selector.select():
                if key.fileobj == 0:
                    self.ending = self.ending or not os.read(0, 4096)
                elif key.fileobj == self.wake:
                    os.read(self.wake, 4096)
                    self.reap()
                elif key.fileobj is self.listener:
                    self.accept()
                elif isinstance(key.data, Zygote):
                    self.from_zygote(key.data)
                elif key.fileobj in self.clients:
                    self.from_client(key.fileobj)
        self.kill_all()

    def _end(self, *_: object) -> None:
        self.ending = True

    def accept(self) -> None:
        wire = Wire(self.listener.accept()[0])
        self.clients[wire] = None
        self.selector.register(wire, selectors.EVENT_READ)

    def from_client(self, wire: Wire) -> None:
        try:
            messages = wire.receive()
            for message in messages or ():
                if message["op"] == "run":
                    self.run(wire, message)
                elif message["op"] == "check":
                    self.check(wire, message["trainer"])
        except (ValueError, KeyError, TypeError):
            messages = None
        if messages is None:
            self.forget(wire)

    def forget(self, wire: Wire) -> None:
        """The slot is gone or done: what runs for it ends."""
        run = self.clients.pop(wire, None)
        self.selector.unregister(wire)
        wire.close()
        if run is not None:
            run.wire = None
            if run.pid is not None:
                kill_group(run.pid)
        for one in self.zygotes:
            if wire in one.checks:
                one.checks.remove(wire)

    def run(self, wire: Wire, request: dict[str, Any]) -> None:
        one = self.zygote_for(request["trainer"])
        number = next(self.ids)
        one.runs[number] = self.clients[wire] = Run(wire)
        one.wire.send({**request, "run": number})

    def check(self, wire: Wire, trainer: dict[str, Any]) -> None:
        one = self.zygote_for(trainer)
        if one.files is not None:
            wire.send({"ok": True})
        else:
            one.checks.append(wire)

    def zygote_for(self, trainer: dict[str, Any]) -> Zygote:
        """The trainer's zygote: the warm one, or a new one where there is none or its source changed."""
        # A bundle's folder is called by its digest: two that have modules of one name never meet.
        key = (trainer.get("function"), trainer.get("folder") if trainer.get("function") else None)
        warm = next((z for z in self.zygotes if z.key == key and not z.retired), None)
        if warm is not None and warm.files is not None and _changed(warm.files):
            self.retire(warm)
            warm = None
        one = warm or self.make(key, trainer)
        one.used = time.monotonic()
        return one

    def make(self, key: Key, trainer: dict[str, Any]) -> Zygote:
        idle = [z for z in self.zygotes if not (z.retired or z.runs or z.checks)]
        kept = sum(not z.retired for z in self.zygotes)
        if kept >= _MAX_ZYGOTES and idle:
            self.retire(min(idle, key=lambda z: z.used))
        ours, theirs = socket.socketpair()
        me = os.getpid()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            try:
                os.setsid()
                die_with_parent(me)
                signal.set_wakeup_fd(-1)
                for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
                    signal.signal(number, signal.SIG_DFL)
                # All but the way back to this process: user code finds nothing else that is open.
                mine = theirs.fileno()
                os.closerange(3, mine)
                os.closerange(mine + 1, _MOST_FILES)
                nothing = os.open(os.devnull, os.O_RDONLY)
                os.dup2(nothing, 0)
                os.close(nothing)
                zygote.main(Wire(theirs), trainer, self.user)
            finally:
                os._exit(1)
        theirs.close()
        one = Zygote(pid, Wire(ours), key)
        self.zygotes.append(one)
        self.selector.register(one.wire, selectors.EVENT_READ, one)
        return one

    def retire(self, one: Zygote) -> None:
        """No new trials; it ends with its last."""
        one.retired = True
        if not one.runs:
            kill_group(one.pid)

    def from_zygote(self, one: Zygote) -> None:
        messages = one.wire.receive()
        if messages is None:
            self.lost(one)
            return
        for message in messages:
            if "ready" in message:
                one.files = [(name, mtime) for name, mtime in message["ready"]]
                self.answer_checks(one, {"ok": True})
            elif "error" in message:
                self.fail(one, message["error"])
            elif "started" in message:
                self.started(one.runs[message["started"]], message)
            elif "exited" in message:
                run = one.runs.pop(message.pop("exited"))
                run.pid = None
                if run.wire is not None:
                    run.wire.send(message)
                if one.retired:
                    self.retire(one)

    def started(self, run: Run, message: dict[str, Any]) -> None:
        run.pid = message["pid"]
        if run.wire is None:
            kill_group(message["pid"])
        else:
            run.wire.send({"pid": message["pid"], "start": message["start"]})

    def answer_checks(self, one: Zygote, answer: dict[str, Any]) -> None:
        for wire in one.checks:
            wire.send(answer)
        one.checks.clear()

    def fail(self, one: Zygote, error: str) -> None:
        """The import raised: everybody who waits for it is told, and the next request tries anew."""
        one.retired = True
        self.answer_checks(one, {"ok": False, "error": error})
        for run in one.runs.values():
            if run.wire is not None:
                run.wire.send({"error": error})
        one.runs.clear()

    def lost(self, one: Zygote) -> None:
        """A zygote is dead: its trials die by the kernel's signal, what they started by ours."""
        self.selector.unregister(one.wire)
        deadline = time.monotonic() + 0.5
        while one.status is None and time.monotonic() < deadline:
            self.reap()
            time.sleep(0.002)
        kill_group(one.pid)
        self.zygotes.remove(one)
        one.wire.close()
        error = f"The process that imported {one.key[0] or 'the command'} {_how(one.status)}."
        for run in one.runs.values():
            if run.pid is not None:
                kill_group(run.pid)
            if run.wire is not None:
                # Also where it had no process yet: an import that was killed says nothing of the trainer.
                run.wire.send({"signal": int(signal.SIGKILL), "error": error})
        one.runs.clear()
        self.answer_checks(one, {"ok": False, "error": error})

    def reap(self) -> None:
        """Collect zygotes, and orphans of trials, which are ours by PR_SET_CHILD_SUBREAPER."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                for one in self.zygotes:
                    if one.pid == pid:
                        one.status = status

    def kill_all(self) -> None:
        for one in self.zygotes:
            for run in one.runs.values():
                if run.pid is not None:
                    kill_group(run.pid)
            kill_group(one.pid)
        deadline = time.monotonic() + 1.0
        with suppress(ChildProcessError):
            while time.monotonic() < deadline:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    time.sleep(0.005)


def _changed(files: list[tuple[str, int]]) -> bool:
    try:
        return any(Path(name).stat().st_mtime_ns != mtime for name, mtime in files)
    except FileNotFoundError:
        return True


def _how(status: int | None) -> str:
    if status is None:
        return "went silent"
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit status {code}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="caviar_worker.forkserver")
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--user", help="who trials run as; by default, who this process is")
    parser.add_argument("--hide", type=Path, action="append", help="a file trials must not read")
    parser.add_argument("--parent", type=int, help="end when this process is no longer the parent")
    arguments = parser.parse_args()
    if arguments.parent and os.getppid() != arguments.parent:
        sys.exit(0)
    adopt_orphans()
    if arguments.hide:
        forbid_reading(arguments.hide)
    path: Path = arguments.socket
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o077)
    listener.bind(str(path))
    os.umask(before)  # the files of trials are the user's business
    listener.listen(1024)
    try:
        ForkServer(listener, arguments.user).serve()
    finally:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
