"""Finding the processes of one test by the folder that is in their environment, whoever their parent is by now."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import psutil


def marked(folder: Path) -> list[psutil.Process]:
    """All living processes with ``folder`` in their arguments, environment or output, this one left out.

    User code inherits ``TMPDIR``; Redis writes its title over its environment, but its arguments name the folder. A
    worker's own processes hide their environment from all but root: who was started by one that is marked is one, too.
    """
    mark = str(folder)
    found: list[psutil.Process] = []
    hidden: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if (
                mark in " ".join(process.cmdline())
                or mark in " ".join(process.environ().values())
                or any(mark in out for out in _outputs(process.pid))
            ):
                found.append(process)
        except psutil.AccessDenied:
            hidden.append(process)
        except (psutil.Error, OSError):
            continue
    pids = {process.pid for process in found}
    for process in hidden:
        with suppress(psutil.Error):
            if pids & {parent.pid for parent in process.parents()}:
                found.append(process)
    return found


def _outputs(pid: int) -> list[str]:
    return [str(Path(f"/proc/{pid}/fd/{n}").readlink()) for n in (1, 2)]
