"""Checkpoints that are laid aside for a trial that begins where another one was.

<root>/forks/<key>/<attempt>/<step>/    linked there while the other trial runs, so that no newer one pushes it out
<root>/checkpoints/<trial>/0/<step>/    the forked trial's own: attempt 0 is what it began with

Both moves are renames of whole folders: after a kill it lies in one place or the other, and asking again is harmless.
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
    """Keep the newest checkpoint at or before ``step`` (of all where it is None) under ``key``. Its step.

    Raises NoCheckpoint, and OSError where the disk is full.
    """
    home = forks_of(folder.root) / key
    laid = _laid(home)
    if laid is not None:
        return laid[1]
    found = list(checkpoints.saved(folder.checkpoints, folder.attempt))
    for attempt, at, path in found:
        if step is not None and at > step:
            continue
        if not checkpoints.verified(path, attempt, at):
            continue
        draft = home.with_name(f".{key}")
        shutil.rmtree(draft, ignore_errors=True)
        (draft / str(attempt)).mkdir(parents=True)
        try:
            checkpoints.link(path, draft / str(attempt) / str(at), attempt, at)
        except (FileNotFoundError, checkpoints.NotPlain):
            shutil.rmtree(draft, ignore_errors=True)
            continue  # pushed out this moment
        draft.rename(home)
        return at
    kept = ", ".join(str(at) for at in sorted({at for _, at, _ in found}))
    if not kept:
        raise NoCheckpoint("the training has saved no checkpoint yet: trial.save_checkpoint()")
    raise NoCheckpoint(f"no checkpoint at or before step {step} is kept: there are {kept}")


def adopt(root: Path, trial: str, key: str) -> bool:
    """Make what lies under ``key`` the checkpoint that ``trial`` begins with. False where it is gone."""
    home = checkpoints_of(root, trial) / "0"
    if _laid(home.parent) is not None:
        return True
    laid = _laid(forks_of(root) / key)
    if laid is None:
        return False
    attempt, step = laid
    own = home / str(step)
    source = forks_of(root) / key / str(attempt) / str(step)
    if not checkpoints.verified(source, attempt, step):
        return False
    manifest = json.loads((source / MANIFEST).read_bytes()) | {"attempt": 0}
    draft = own.with_name(f".draft-{step}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.parent.mkdir(parents=True, exist_ok=True)
    for folder in (draft.parent.parent, draft.parent):
        folder.chmod(0o755)  # the trial may run as another user, who reads them
    checkpoints.link(source, draft, attempt, step)
    draft.chmod(0o755)
    (draft / MANIFEST).unlink()  # it is linked too: the other's must stay as it is
    (draft / MANIFEST).write_text(json.dumps(manifest))
    (draft / MANIFEST).chmod(0o644)
    draft.rename(own)
    shutil.rmtree(forks_of(root) / key, ignore_errors=True)
    return True


def laid_aside(root: Path) -> list[str]:
    """The keys under which something lies here."""
    return sorted(path.name for path in forks_of(root).glob("[a-z0-9]*"))


def remove(root: Path, key: str) -> None:
    shutil.rmtree(forks_of(root) / key, ignore_errors=True)


def _laid(home: Path) -> tuple[int, int] | None:
    """(attempt, step) of what lies there."""
    for path in home.glob("[0-9]*/[0-9]*"):
        return int(path.parent.name), int(path.name)
    return None
