"""What is left of trials that went on elsewhere: kept as long as they may be needed, removed when the trial is over.

The agent tells the scheduler what it keeps, and hears which of it nobody needs any more.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from caviar.contract.panda import forked_from
from caviar_worker import ship_state
from caviar_worker.files import write_json
from caviar_worker.folders import (
    attempts,
    checkpoints_of,
    copies_of,
    forks_of,
    over_of,
    state_of,
    trials_kept,
)
from caviar_worker.forks import laid_aside

MOST = 100
"""Trials asked about at once; the others' turn comes when these are gone."""


def leftovers(root: Path) -> tuple[str, ...]:
    """Trials of which something lies here although no attempt does: it crashed, or was given back."""
    here = {folder.trial for folder in attempts(root)}
    copied = (path.stem for path in (root / "copies").glob("[a-z0-9]*.json"))
    kept = {*trials_kept(root), *copied} - here
    waiting = sorted(t for t in kept if not over_of(root, t).exists())
    return (*laid_aside(root), *waiting)[:MOST]


def remove(root: Path, trials: Iterable[str]) -> None:
    """Remove what is left of trials that are over; copies off the host are removed by their own process."""
    for trial in set(trials) & set(leftovers(root)):
        if forked_from(trial) is not None:
            shutil.rmtree(forks_of(root) / trial, ignore_errors=True)
            continue
        if copies_of(root, trial).exists():
            run_id = ship_state.load(state_of(root, trial)).run_id
            over_of(root, trial).parent.mkdir(exist_ok=True, mode=0o700)
            write_json(over_of(root, trial), {"keep": False, "run_id": run_id})
        else:
            shutil.rmtree(checkpoints_of(root, trial), ignore_errors=True)
        state_of(root, trial).unlink(missing_ok=True)
