"""A trial's output on disk, bounded: the beginning and the end of what it printed stay."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

MOST = 8_000_000
"""Bytes that the output of a running trial may take before its middle is cut out."""
MOST_KEPT = 1_000_000
"""The same once it has ended."""
_SHARE_OF_HEAD = 4
_CUT = b"\n... the middle of the output was left out here ...\n"


def bound(path: Path, most: int = MOST) -> None:
    """Cut the middle out of an output that is longer than ``most`` bytes.

    The trial goes on writing meanwhile, for it appends: what it prints in this very moment may be cut as well.
    """
    # A full disk must not end a trial here: what was cut out has made room.
    with suppress(OSError):
        size = path.stat().st_size
        if size <= most:
            return
        kept = min(most, MOST_KEPT)
        head = kept // _SHARE_OF_HEAD
        with path.open("r+b") as file:
            file.seek(size - (kept - head - len(_CUT)))
            tail = file.read(kept)
            file.truncate(head)
        with path.open("ab") as file:
            file.write(_CUT + tail)
