"""Finding the processes of one test by the folder that is in their environment, whoever their parent is by now."""

from __future__ import annotations

import os
from pathlib import Path

import psutil


def marked(folder: Path) -> list[psutil.Process]:
    """All living processes with ``folder`` in their arguments, environment or output, this one left out.

    User code inherits ``TMPDIR``; Redis writes its title over its environment, but its arguments name the folder.
    """
    mark = str(folder)
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            text = " ".join(process.cmdline()) + " ".join(process.environ().values())
            if mark in text or any(mark in out for out in _outputs(process.pid)):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def _outputs(pid: int) -> list[str]:
    return [str(Path(f"/proc/{pid}/fd/{n}").readlink()) for n in (1, 2)]
