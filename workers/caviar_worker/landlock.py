"""Keeps user code from reading the worker's secret files where both are the same user's, as in a container.

Landlock (Linux 5.19 and later; no privilege is needed) lets a process give up rights for itself and all that it starts.
It only knows what stays allowed, so reading is allowed beneath everything that is not on the way to a hidden file.
What is made later in a folder on that way cannot be read either: see ``HIDEABLE``.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Collection
from pathlib import Path

from caviar_worker.user import lock_down

HIDEABLE = Path("/run")
"""Docker, Podman and Kubernetes put secrets below it. On the way to /etc/caviar/token lies /etc, whose files are
replaced as a machine lives: trials could then not read the new ones."""
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_ABI = 2
"""The first that can keep moving files between folders allowed."""
_READ_FILE, _REFER = 1 << 2, 1 << 13
_VERSION, _PATH_BENEATH = 1, 1


def available() -> bool:
    """Whether this kernel has what is needed."""
    if not sys.platform.startswith("linux"):
        return False
    return int(_libc().syscall(_CREATE_RULESET, None, 0, _VERSION)) >= _ABI


def forbid_reading(hidden: Collection[Path]) -> None:
    """This process and all that it starts can no longer open the files ``hidden``. Raises OSError."""
    lock_down()  # the kernel wants that no set-uid program leads out of it
    attributes = struct.pack("=Q", _READ_FILE | _REFER)
    rules = _call(_CREATE_RULESET, attributes, len(attributes), 0)
    try:
        _allow(rules, Path("/"), _REFER)
        _allow_all_but(rules, Path("/"), {path.resolve() for path in hidden})
        _call(_RESTRICT_SELF, rules, 0)
    finally:
        os.close(rules)


def _allow_all_but(rules: int, folder: Path, hidden: set[Path]) -> None:
    on_the_way = {parent for path in hidden for parent in path.parents}
    for entry in folder.iterdir():
        if entry in hidden or entry.is_symlink():  # where a link leads to has a way of its own
            continue
        if entry in on_the_way:
            _allow_all_but(rules, entry, hidden)
        else:
            try:
                _allow(rules, entry, _READ_FILE)
            except FileNotFoundError:  # it has just gone
                continue


def _allow(rules: int, path: Path, rights: int) -> None:
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        _call(_ADD_RULE, rules, _PATH_BENEATH, struct.pack("=Qi", rights, handle), 0)
    finally:
        os.close(handle)


def _call(number: int, *arguments: object) -> int:
    answer = int(_libc().syscall(number, *arguments))
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
