"""Trials under a user of their own, where the worker is root: what they may not read belongs to others then.

The trial's user owns the files in which a trial reports, but not the folder they lie in: it can neither replace one
by a link nor add one, so whoever reads them later, as root, reads what he means to read.
"""

from __future__ import annotations

import os
import pwd
import resource
import sys
from collections.abc import Mapping
from pathlib import Path

from caviar.errors import InputError, Problem
from caviar_worker.folders import AttemptFolder, bundles_of, curve_folder, home_of
from caviar_worker.processes import prctl

_NAME = "CAVIAR_WORKER_USER"
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_THROUGH = 0o711
"""Anybody may go through the folder, nobody but its owner may list it."""


def wrong_user(name: str) -> list[Problem]:
    """What is wrong with ``name`` as the user of trials."""
    try:
        about = pwd.getpwnam(name)
    except KeyError:
        return [
            Problem((_NAME,), f"there is no user {name!r} on this machine", "useradd makes one.")
        ]
    if os.getuid() != 0:
        return [
            Problem(
                (_NAME,), "only a worker that runs as root can change the user", "Leave it out."
            )
        ]
    if about.pw_uid == 0 or about.pw_gid == 0:
        return [Problem((_NAME,), f"{name} may do what root may", "Name an unprivileged user.")]
    return []


def become(name: str) -> None:
    """This process, and all that it starts, is the unprivileged user's from here on, for good.

    Its groups are those that the system gives the user (one for GPUs, say). Not even a set-uid program leads back.
    """
    about = pwd.getpwnam(name)
    os.initgroups(name, about.pw_gid)
    os.setgid(about.pw_gid)
    os.setuid(about.pw_uid)
    os.umask(0o077)
    lock_down()
    if sys.platform.startswith("linux"):
        # The kernel hides who changed its user. Nothing that was here before is a secret: see environment.py.
        prctl(_PR_SET_DUMPABLE, 1)


def lock_down() -> None:
    """No way to more rights, and no core dumps on the worker's disk. For processes that run user code."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform.startswith("linux"):
        prctl(_PR_SET_NO_NEW_PRIVS, 1)


def hide() -> None:
    """Let no other process of the same user read this one's environment, memory or files.

    For the worker's own processes, which hold its secrets. Where it is not Linux, nothing is hidden.
    """
    if sys.platform.startswith("linux"):
        prctl(_PR_SET_DUMPABLE, 0)


def environment_of(name: str | None, folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of user code, for the user that it runs as."""
    if name is None:
        return dict(environ)
    theirs = {"HOME": str(home_of(folder)), "USER": name, "LOGNAME": name}
    return {key: value for key, value in environ.items() if key != "TMPDIR"} | theirs


def prepare_host(name: str | None, folder: Path) -> None:
    """Make the worker's folder one in which the user reaches what is its own, and nothing else.

    Raises InputError where it cannot be reached at all.
    """
    if name is None:
        return
    about = pwd.getpwnam(name)
    for path in (folder, folder / "trials", folder / "checkpoints", bundles_of(folder)):
        path.mkdir(exist_ok=True)
        path.chmod(_THROUGH)
    curve_folder(folder).mkdir(exist_ok=True)
    curve_folder(folder).chmod(0o755)
    home = home_of(folder)
    home.mkdir(exist_ok=True, mode=0o700)
    os.chown(home, about.pw_uid, about.pw_gid)
    if not _may(name, home, os.W_OK | os.X_OK):
        raise InputError(
            Problem(
                ("CAVIAR_WORKER_DIR",),
                f"the user {name} cannot reach {folder}",
                "Each folder above it needs mode 711 or more.",
            )
        )


def prepare_attempt(name: str | None, folder: AttemptFolder) -> None:
    """Make the files in which the attempt's trial reports, before it starts. Raises OSError."""
    if name is None:
        return
    about = pwd.getpwnam(name)
    folder.path.chmod(_THROUGH)
    files = (
        *(folder.spool, folder.result, folder.output, folder.early, folder.curve),
        folder.live,
    )
    for path in files:
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(path, flags, 0o600)
        os.fchown(handle, about.pw_uid, about.pw_gid)
        os.close(handle)
    checkpoints = folder.checkpoints
    checkpoints.mkdir(exist_ok=True)
    checkpoints.chmod(0o755)
    for path in (folder.path / "scratch", checkpoints / str(folder.attempt)):
        path.mkdir(exist_ok=True, mode=0o700)
        os.chown(path, about.pw_uid, about.pw_gid, follow_symlinks=False)


def reads_python(name: str) -> bool:
    """Whether the user reaches the interpreter and its library: what user code imports is read as the user."""
    return _may(name, Path(sys.executable), os.X_OK) and _may(name, Path(os.__file__), os.R_OK)


def _may(name: str, path: Path, how: int) -> bool:
    """Tried as the user, because the folders above the path decide."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            become(name)
            code = 0 if os.access(path, how) else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
