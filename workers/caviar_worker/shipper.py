"""The one process of a host that talks to MLflow: ``python -m caviar_worker.shipper``.

It follows every spool, off the trials' path. It may be killed at any moment: what it shipped is
remembered after it succeeded, and a repetition changes nothing. While MLflow or the scheduler is
away it tries again within 5 s, and the spools keep everything.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caviar.contract.messages import RunRequest, Shipped, ShipTarget
from caviar_worker import spool
from caviar_worker.files import write_json
from caviar_worker.folders import (
    AttemptFolder,
    attempts,
    checkpoints_of,
    state_of,
    trials_kept,
    unclaimed,
)
from caviar_worker.processes import be_nice, die_with_parent
from caviar_worker.scheduler import Away, Refused, Scheduler
from caviar_worker.settings import WorkerSettings

if TYPE_CHECKING:
    from caviar_worker.mlflow_client import Runs

log = logging.getLogger("caviar.worker")

_NICENESS = 15
"""Training comes first, and the scheduler."""
_PASS_S = 0.25
_RUNNING_S = 0.8
"""A running trial is shipped this often: its points go in one request."""
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 5.0
_GONE = ".gone-"
"""Prefix of an attempt's folder that is being removed with all that its trial left."""
_PASSED = ".passed-"
"""The same where another attempt may follow."""
_TELL_AT = 10
_SWEEP_S = 30.0
_REFUSALS = 5
"""Then a run is given up: it was deleted in MLflow, say."""


@dataclass
class Shipper:
    """``pass_once`` looks at every attempt on the host; it is called for ever."""

    settings: WorkerSettings
    scheduler: Scheduler
    runs: Runs
    targets: dict[str, ShipTarget] = field(default_factory=dict)
    ask_again: dict[str, float] = field(default_factory=dict)
    shipped_at: dict[AttemptFolder, float] = field(default_factory=dict)
    refusals: dict[AttemptFolder, int] = field(default_factory=dict)
    complete: dict[AttemptFolder, str] = field(default_factory=dict)
    """Nothing is left to ship; the scheduler does not know yet."""

    sweep_at: float = 0.0

    def __post_init__(self) -> None:
        from caviar_worker.one_run import OneRun

        self.one_run = OneRun(self.runs, self.scheduler)

    def pass_once(self) -> None:
        """Ship what is new of every attempt, and tell the scheduler what is complete.

        Raises MlflowAway or Away: try again later.
        """
        from caviar_worker.mlflow_client import MlflowRefused

        waiting: set[str] = set()
        for folder in attempts(self.settings.folder):
            # Attempts of one trial go in their order: the second waits for the first.
            if folder in self.complete or folder.trial in waiting:
                continue
            claim = folder.read_claim()
            if claim is None:
                continue
            verdict = folder.verdict()
            if verdict == "fenced":
                self._remove(folder)
                continue
            if not self._due(folder, claim, verdict is not None):
                continue
            target = self._target(claim["assignment"]["study"])
            if target is None:
                waiting.add(folder.trial)
                continue
            try:
                self._ship(folder, claim, target)
            except MlflowRefused as error:
                self._refused(folder, error)
                waiting.add(folder.trial)
            if len(self.complete) >= _TELL_AT:
                self._tell()  # what a kill makes it forget is shipped again: that must not be everything
        self._tell()
        self._sweep()

    def _ship(self, folder: AttemptFolder, claim: dict[str, Any], target: ShipTarget) -> None:
        from caviar_worker.ship_trial import ship

        what, claim = self.one_run.what_to_do(folder, claim, target)
        if what == "wait":
            return
        if what == "fill":
            self.one_run.fill(folder, claim["assignment"]["run_id"])
            self._remove(folder, over=True)
            return
        run_id, nothing_left = ship(self.runs, folder, claim, target)
        self.refusals.pop(folder, None)
        self.shipped_at[folder] = time.monotonic()
        if nothing_left:
            self.complete[folder] = run_id
        elif folder.metric_request.exists() and not folder.metric_answer.exists():
            latest, assignment = self.runs.latest(run_id), claim["assignment"]
            names = [assignment["metric"], *assignment.get("bounded", ())]
            write_json(folder.metric_answer, {name: latest.get(name) for name in names})

    def _due(self, folder: AttemptFolder, claim: dict[str, Any], ended: bool) -> bool:
        if ended or folder.metric_request.exists():
            return True
        if claim["assignment"]["trainer"].get("command") and not folder.run_id.exists():
            return True  # the command waits for its run
        now = time.monotonic()
        return now - self.shipped_at.setdefault(folder, now) >= _RUNNING_S

    def _target(self, study: str) -> ShipTarget | None:
        found = self.targets.get(study)
        now = time.monotonic()
        if found is None and now >= self.ask_again.get(study, 0.0):
            try:
                found = self.scheduler.ship_target(study)
            except Refused as error:
                log.error("%s", error)
            if found is None:
                self.ask_again[study] = now + 0.5
            else:
                self.targets[study] = found
        return found

    def _refused(self, folder: AttemptFolder, error: Exception) -> None:
        count = self.refusals[folder] = self.refusals.get(folder, 0) + 1
        log.error("MLflow refuses %s (%d): %s", folder.path.name, count, error)
        claim = folder.read_claim() or {}
        self.targets.pop(claim.get("assignment", {}).get("study", ""), None)
        run_id = folder.run_id.read_text() if folder.run_id.exists() else None
        if count >= _REFUSALS and folder.delivered.exists():
            log.error("%s is given up: its run was changed in MLflow.", folder.path.name)
            if run_id is None:
                self._remove(folder)
            else:
                self.complete[folder] = run_id

    def _tell(self) -> None:
        """Tell the scheduler which runs are complete, then forget their attempts."""
        known = {f.trial: run for f, run in self.complete.items() if f.verdict() != "lost"}
        if known:
            try:
                by = {f.trial: f.attempt for f in self.complete if f.trial in known}
                self.scheduler.shipped(Shipped(runs=known, attempts=by))
            except Refused as error:
                log.error("%s", error)
        for folder in list(self.complete):
            self._remove(folder)
            del self.complete[folder]

    def _sweep(self) -> None:
        """Remove what trials left here that another host has completed meanwhile."""
        now = time.monotonic()
        if now < self.sweep_at:
            return
        self.sweep_at = now + _SWEEP_S
        for path in unclaimed(self.settings.folder):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _SWEEP_S:
                    shutil.rmtree(path)
        here = {folder.trial for folder in attempts(self.settings.folder)}
        for trial in trials_kept(self.settings.folder) - here:
            if self.scheduler.run_of(RunRequest(trial=trial, attempt=1)).complete:
                clean(self.settings.folder, self.settings.folder / "trials" / f"{_GONE}{trial}.0")

    def _remove(self, folder: AttemptFolder, *, over: bool = False) -> None:
        """Remove the attempt; checkpoints and the trial's state too where no attempt can follow (``over``)."""
        from caviar_worker.ship_trial import PASSING

        end = spool.read_end(folder.spool)
        accepted = folder.verdict() in ("accepted", "duplicate")
        last = over or (accepted and end is not None and end.outcome not in PASSING)
        self.one_run.forget(folder)
        for memory in (self.shipped_at, self.refusals):
            memory.pop(folder, None)
        # One rename takes the attempt out of sight: a kill in the middle must not leave half of one,
        # which would look like a trial that has no run yet.
        gone = folder.path.with_name(f"{_GONE if last else _PASSED}{folder.path.name}")
        folder.path.rename(gone)
        clean(folder.root, gone)


def clean(root: Path, gone: Path) -> None:
    """Remove what is left of an attempt that was taken out of sight."""
    if gone.name.startswith(_GONE):
        trial = gone.name.removeprefix(_GONE).rpartition(".")[0]
        shutil.rmtree(checkpoints_of(root, trial), ignore_errors=True)
        state_of(root, trial).unlink(missing_ok=True)
    shutil.rmtree(gone, ignore_errors=True)


def for_ever(pass_once: Callable[[], None]) -> None:
    """Call ``pass_once`` with a pause that grows while the other side is away."""
    from caviar_worker.mlflow_client import MlflowAway

    pause = _FIRST_PAUSE_S
    while True:
        try:
            pass_once()
            pause = _FIRST_PAUSE_S
            time.sleep(_PASS_S)
        except (MlflowAway, Away) as error:
            log.warning("Shipping waits: %s", error)
            time.sleep(pause)
            pause = min(_LONGEST_PAUSE_S, pause * 2)


def main() -> None:
    if len(sys.argv) > 1:
        die_with_parent(int(sys.argv[1]))
    be_nice(os.getpid(), _NICENESS)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s shipper %(levelname)s %(message)s")
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    settings = WorkerSettings.from_environ(os.environ)
    from caviar_worker.mlflow_client import Runs

    shipper = Shipper(settings, Scheduler(settings.url, settings.token), Runs(settings.mlflow))
    for prefix in (_GONE, _PASSED):
        for gone in (settings.folder / "trials").glob(f"{prefix}*"):
            clean(settings.folder, gone)
    for_ever(shipper.pass_once)


if __name__ == "__main__":
    main()
