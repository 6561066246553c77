"""Checkpoints that are laid aside for a trial that begins where another one was.

<root>/forks/<key>/<step>/              linked there while the other trial runs, so that no newer one pushes it out
<root>/checkpoints/<trial>/0/<step>/    the forked trial's own: attempt 0 is what it began with

All that the other one kept up to that step comes along, so that a training that went back can go back further. Both
moves are renames of whole folders: after a kill it lies in one place or the other, and asking again is harmless.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from caviar_worker import checkpoints
from caviar_worker.checkpoints import MANIFEST
from caviar_worker.folders import AttemptFolder, checkpoints_of, forks_of


class NoCheckpoint(Exception):
    """There is none to begin from; the message says which there are."""


def lay_aside(folder: AttemptFolder, key: str, step: int | None) -> int:
    """Keep what there is at or before ``step`` (all of it where that is None) under ``key``. The newest step of it.

    Raises NoCheckpoint, and OSError where the disk is full.
    """
    home = forks_of(folder.root) / key
    if home.exists():
        return _newest(home)
    found = list(checkpoints.saved(folder.checkpoints, folder.attempt))
    draft = home.with_name(f".{key}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for attempt, at, path in found:
        if (step is not None and at > step) or (draft / str(at)).exists():
            continue
        begun = any(draft.iterdir())  # those behind the newest are verified when they are loaded
        there = draft / str(at)
        # Only what is linked is looked into: the original may be anything that its owner has put there.
        linked = begin_with(path, attempt, at, there)
        if linked and not begun and not checkpoints.verified(there, 0, at):
            shutil.rmtree(there)
    if any(draft.iterdir()):
        draft.rename(home)
        return _newest(home)
    shutil.rmtree(draft)
    kept = ", ".join(str(at) for at in sorted({at for _, at, _ in found}))
    if not kept:
        raise NoCheckpoint("the training has saved no checkpoint yet: trial.save_checkpoint()")
    raise NoCheckpoint(f"no checkpoint at or before step {step} is kept: there are {kept}")


def begin_with(source: Path, attempt: int, step: int, to: Path) -> bool:
    """Link a checkpoint of attempt ``attempt`` to ``to``, as one that a trial begins with. False where it just went."""
    try:
        checkpoints.link(source, to, attempt, step)
    except (FileNotFoundError, checkpoints.NotPlain):
        shutil.rmtree(to, ignore_errors=True)
        return False
    try:  # whoever owns the original may write to it still
        manifest = json.loads((to / MANIFEST).read_bytes()) | {"attempt": 0}
    except (ValueError, TypeError, RecursionError):
        shutil.rmtree(to, ignore_errors=True)
        return False
    (to / MANIFEST).unlink()  # it is linked too: the other's must stay as it is
    (to / MANIFEST).write_text(json.dumps(manifest))
    (to / MANIFEST).chmod(0o644)  # the trial may run as another user, who reads it
    for folder in (to, *(path for path in to.rglob("*") if path.is_dir())):
        folder.chmod(0o755)
    return True


def adopt(root: Path, trial: str, key: str) -> bool:
    """Make what lies under ``key`` the checkpoints that ``trial`` begins with. False where there is nothing."""
    home = checkpoints_of(root, trial)
    if any(home.glob("[0-9]*/[0-9]*")):
        return True
    laid = forks_of(root) / key
    if not laid.exists():
        return False
    home.mkdir(parents=True, exist_ok=True)
    for folder in (home, laid):
        folder.chmod(0o755)
    laid.rename(home / "0")
    return True


def laid_aside(root: Path) -> list[str]:
    """The keys under which something lies here."""
    return sorted(path.name for path in forks_of(root).glob("[a-z0-9]*"))


def _newest(home: Path) -> int:
    return max(int(path.name) for path in home.iterdir())
