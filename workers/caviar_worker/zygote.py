"""A process that has imported one trainer and forks itself for every trial of it.

It never initialises CUDA and runs no user code but the import. Messages from the fork server:
``{"run": id, "folder": ..., "assignment": ..., "trainer": ..., "checkpoints": ..., "environ": ...}``; to it:
``{"ready": [[file, mtime], ...]}`` or ``{"error": text}`` once, then for each run
``{"started": id, "pid": n, "start": ticks}`` and ``{"exited": id, "code": n}`` or ``"signal": n``.
"""

from __future__ import annotations

import gc
import importlib
import os
import selectors
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from caviar_worker import child
from caviar_worker.processes import be_killed_first, die_with_parent, kill_group, started_at
from caviar_worker.user import become
from caviar_worker.wire import Wire

_ERROR_LINES = 12
_POLL_S = 0.05
"""How often exits are looked for where the system has no pidfd (macOS)."""


def main(wire: Wire, trainer: dict[str, Any], user: str | None = None) -> None:
    """Become ``user``, import, then serve until the fork server is gone. Never returns."""
    function: Callable[[Any], object] | None = None
    if user is not None:
        parent = os.getppid()
        become(user)
        die_with_parent(parent)  # a change of the user makes the kernel forget it
    sys.dont_write_bytecode = sys.dont_write_bytecode or bool(trainer.get("bundle"))
    # Collections while modules load find nothing and cost a fifth of the import.
    gc.disable()
    if trainer.get("function"):
        try:
            function = load(trainer["function"], trainer.get("folder"))
            refuse_cuda(trainer["function"])
        except BaseException as error:
            wire.send({"error": readable(error)})
            os._exit(1)
    # Objects that exist now are never collected again: a collection in a child would copy their pages.
    gc.freeze()
    gc.enable()
    wire.send({"ready": loaded_files(trainer.get("folder"))})
    _Zygote(wire, function).serve()


def load(name: str, folder: str | None) -> Callable[[Any], object]:
    """The function ``module:name``, with ``folder`` as working directory and first on ``sys.path``.

    Raises what the import raises, and TypeError or AttributeError with the name where it is no function.
    """
    if folder is not None:
        os.chdir(folder)
        sys.path.insert(0, folder)
    module_name, _, path = name.partition(":")
    found: Any = importlib.import_module(module_name)
    for part in path.split("."):
        found = getattr(found, part)
    if not callable(found):
        raise TypeError(f"{name} is {type(found).__name__}, not a function.")
    return found  # type: ignore[no-any-return]


def refuse_cuda(name: str) -> None:
    """Raises ImportError where the import initialised CUDA: no forked process could use a GPU then."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    initialised = getattr(cuda, "is_initialized", None)
    if callable(initialised) and initialised():
        raise ImportError(
            f"Importing {name} initialised CUDA, which does not survive the fork that starts a trial. "
            "Move CUDA calls into the function: nothing at the module's top may create a tensor on a GPU, "
            "call .cuda() or .to('cuda')."
        )


def loaded_files(folder: str | None) -> list[tuple[str, int]]:
    """The source files under ``folder`` that are imported now, with their times of change in ns."""
    if folder is None:
        return []
    home = folder.rstrip(os.sep) + os.sep
    names = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    return [
        (name, Path(name).stat().st_mtime_ns)
        for name in names
        if isinstance(name, str) and name.startswith(home) and Path(name).exists()
    ]


def readable(error: BaseException) -> str:
    """The last lines of a failed import, without the import machinery's frames."""
    if isinstance(error, SyntaxError):
        lines = traceback.format_exception_only(error)
    else:
        frames = [
            frame
            for frame in traceback.extract_tb(error.__traceback__)
            if "importlib" not in frame.filename and frame.filename != __file__
        ]
        lines = traceback.format_list(frames) + traceback.format_exception_only(error)
    return "\n".join("".join(lines).rstrip().splitlines()[-_ERROR_LINES:])


class _Zygote:
    def __init__(self, wire: Wire, function: Callable[[Any], object] | None) -> None:
        self.wire = wire
        self.function = function
        self.running: dict[int, tuple[int, int | None]] = {}
        """pid -> (run id, pidfd)"""
        self.selector = selectors.DefaultSelector()
        self.selector.register(wire, selectors.EVENT_READ)

    def serve(self) -> None:
        poll = None if hasattr(os, "pidfd_open") else _POLL_S
        while True:
            for key, _ in self.selector.select(poll):
                if key.data is not None:
                    self.exited(key.data)
                    continue
                messages = self.wire.receive()
                if messages is None:
                    for pid in self.running:
                        kill_group(pid)
                    os._exit(0)
                for message in messages:
                    self.start(message)
            if poll is not None:
                for pid in list(self.running):
                    flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
                    if os.waitid(os.P_PID, pid, flags) is not None:
                        self.exited(pid)

    def start(self, request: dict[str, Any]) -> None:
        me = os.getpid()
        ready, say_ready = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            try:
                os.setsid()
                os.write(say_ready, b"1")
                die_with_parent(me, watch=False)
                be_killed_first()
                os.close(ready)
                os.close(say_ready)
                self.wire.close()
                self.selector.close()
                for _, handle in self.running.values():
                    if handle is not None:
                        os.close(handle)
                child.main(Path(request["folder"]), request, self.function)
            finally:
                os._exit(1)
        os.close(say_ready)
        os.read(ready, 1)  # the child leads its own group from here on: whoever is told may kill it
        os.close(ready)
        handle = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None
        self.running[pid] = (request["run"], handle)
        if handle is not None:
            self.selector.register(handle, selectors.EVENT_READ, pid)
        self.wire.send({"started": request["run"], "pid": pid, "start": started_at(pid)})

    def exited(self, pid: int) -> None:
        run, handle = self.running.pop(pid)
        if handle is not None:
            self.selector.unregister(handle)
            os.close(handle)
        # Before the leader is reaped its number cannot belong to another group: no stranger is hit.
        kill_group(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        self.wire.send(
            {"exited": run, "signal": -code} if code < 0 else {"exited": run, "code": code}
        )
