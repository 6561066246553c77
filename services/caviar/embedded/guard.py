"""Ends the parts of an embedded service when its launcher is gone, however it went.

Run as a process of its own with nothing but the standard library. The launcher holds the other end of its standard
input and writes lines: ``group N`` (a process group to end), ``forget N``, ``folder PATH`` (to remove). When the
launcher ends, by itself or by kill -9, the kernel closes that end, and this process cleans up.
"""

import os
import signal
import sys
import time

GRACE_S = 6.0


def alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def end(groups: set[int]) -> None:
    """SIGTERM to every group, and SIGKILL to what is left after the grace."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for group in groups:
            try:
                os.killpg(group, number)
            except (ProcessLookupError, PermissionError):
                continue
        deadline = time.monotonic() + GRACE_S
        while any(map(alive, groups)) and time.monotonic() < deadline:
            time.sleep(0.05)


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    groups: set[int] = set()
    folders: list[str] = []
    for line in sys.stdin:
        word, _, rest = line.rstrip("\n").partition(" ")
        if word == "group":
            groups.add(int(rest))
        elif word == "forget":
            groups.discard(int(rest))
        elif word == "folder":
            folders.append(rest)
    end(groups)
    import shutil

    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
