"""What is left to do for the checkpoints of a trial that is over: noted by the shipper, done by ``copies``."""

from __future__ import annotations

import shutil
from pathlib import Path

from caviar_worker import spool
from caviar_worker.files import read_json, write_json
from caviar_worker.folders import AttemptFolder, checkpoints_of, copies_of, over_of

_TRAINED = ("done", "stopped")
"""Outcomes after which a study may keep the last checkpoint."""


def being_kept(folder: AttemptFolder, run_id: str, passing: tuple[str, ...]) -> bool:
    """Whether a shipped attempt has to wait until its last checkpoint is in its run, as its study wants.

    What is left to do is noted with the first call. ``passing``: outcomes after which another attempt may follow.
    """
    path = over_of(folder.root, folder.trial)
    if not path.exists():
        here = checkpoints_of(folder.root, folder.trial).exists()
        if not here and not copies_of(folder.root, folder.trial).exists():
            return False
        end = spool.read_end(folder.spool)
        accepted = folder.verdict() in ("accepted", "duplicate")
        if not accepted or end is None or end.outcome in passing:
            return False
        policy = (folder.read_claim() or {}).get("assignment", {}).get("checkpoints", {})
        keep = here and policy.get("after") == "keep" and end.outcome in _TRAINED
        if not keep and not copies_of(folder.root, folder.trial).exists():
            return False
        path.parent.mkdir(exist_ok=True, mode=0o700)
        write_json(path, {"keep": keep, "run_id": run_id, "attempt": folder.attempt})
    return (read_json(path) or {}).get("keep") is True


def remove_checkpoints(root: Path, trial: str) -> None:
    """Remove a finished trial's checkpoints from this host, unless something is left to do with them."""
    if not over_of(root, trial).exists():
        shutil.rmtree(checkpoints_of(root, trial), ignore_errors=True)
