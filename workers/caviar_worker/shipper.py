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
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from caviar.contract.messages import Shipped, ShipTarget
from caviar_worker import spool
from caviar_worker.files import write_json
from caviar_worker.folders import AttemptFolder, attempts, state_of, unclaimed
from caviar_worker.lean import prepare_mlflow
from caviar_worker.one_run import OneRun
from caviar_worker.over import being_kept, remove_checkpoints
from caviar_worker.processes import be_nice, die_with_parent
from caviar_worker.room import no_room
from caviar_worker.scheduler import Away, Refused, Scheduler
from caviar_worker.settings import WorkerSettings
from caviar_worker.ship_errors import MlflowAway, MlflowRefused
from caviar_worker.ship_trial import PASSING, Forgotten, ship

if TYPE_CHECKING:
    from caviar_worker.mlflow_client import Runs

log = logging.getLogger("caviar.worker")

_NICENESS = 5
"""Training comes first, and the scheduler."""
_PASS_S = 0.25
_RUNNING_S = 0.8
"""A running trial is shipped this often: its points go in one request."""
_PASS_LIMIT_S = 2.0
"""After a long absence much waits: the scheduler hears of it meanwhile, and a command gets its run."""
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 5.0
_GONE = ".gone-"
"""Prefix of an attempt's folder that is being removed with all that its trial left."""
_PASSED = ".passed-"
"""The same where another attempt may follow."""
_TARGET_S = 30.0
"""Then the scheduler is asked again where a study's runs go: the study may have come back from MLflow."""
_SWEEP_S = 30.0
UNTOLD = ("lost", "fenced")
"""Attempts that say nothing of their trial: another one has taken over."""
_REFUSALS = 5
"""Then a run is given up: it was deleted in MLflow, say."""


@dataclass(slots=True)
class _Known:
    """What is remembered of an attempt, so that a long queue is not read again on every pass."""

    study: str
    command: bool
    since: float
    """Monotonic seconds: when it was shipped last, or seen first."""


@dataclass
class Shipper:
    """``pass_once`` looks at every attempt on the host; it is called for ever."""

    settings: WorkerSettings
    scheduler: Scheduler
    runs: Runs
    targets: dict[str, ShipTarget] = field(default_factory=dict)
    ask_again: dict[str, float] = field(default_factory=dict)
    known: dict[AttemptFolder, _Known] = field(default_factory=dict)
    refusals: dict[AttemptFolder, int] = field(default_factory=dict)
    complete: dict[AttemptFolder, str] = field(default_factory=dict)
    """Nothing is left to ship; the scheduler does not know yet."""

    swept: float = 0.0

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(self.runs.at_once, "ship")
        self._one_run = OneRun(self.runs, self.scheduler)

    def pass_once(self) -> None:
        """Ship what is new, as far as it goes in 2 s, and tell the scheduler what is complete.

        Raises MlflowAway or Away: try again later.
        """
        until = time.monotonic() + _PASS_LIMIT_S
        failed: list[Exception] = []

        def ship_trial(attempts_of_it: list[AttemptFolder]) -> None:
            if failed or time.monotonic() > until:
                return
            try:
                self._ship_in_order(attempts_of_it)
            except Exception as error:
                failed.append(error)

        list(self._pool.map(ship_trial, self._due()))
        self._tell()
        self._sweep()
        if failed:
            raise failed[0]

    def _due(self) -> list[list[AttemptFolder]]:
        """The attempts to ship, by trial: who is waited for first, then who has waited longest."""
        found: dict[str, list[AttemptFolder]] = {}
        urgent: set[str] = set()
        now = time.monotonic()
        for folder in attempts(self.settings.folder):
            about = self._meet(folder, now)
            if about is None or folder in self.complete:
                continue
            verdict = folder.verdict()
            if verdict == "fenced" and not _went_on_here(folder):
                self._remove(folder)
                continue
            if self._target(about.study) is None:
                continue
            asked = folder.metric_request.exists()
            waits = about.command or folder.fetch_request.exists()
            asked |= waits and not folder.run_id.exists()  # the trial waits for its run
            if asked or verdict is not None or now - about.since >= _RUNNING_S:
                found.setdefault(folder.trial, []).append(folder)
                if asked:
                    urgent.add(folder.trial)

        def place(trial: str) -> tuple[bool, float]:
            return trial not in urgent, min(self.known[folder].since for folder in found[trial])

        return [found[trial] for trial in sorted(found, key=place)]

    def _meet(self, folder: AttemptFolder, now: float) -> _Known | None:
        """None while its claim is being written."""
        if folder not in self.known and (claim := folder.read_claim()) is not None:
            assignment = claim["assignment"]
            command = bool(assignment["trainer"].get("command"))
            self.known[folder] = _Known(assignment["study"], command, now)
        return self.known.get(folder)

    def _ship_in_order(self, attempts_of_it: list[AttemptFolder]) -> None:
        """One trial's attempts, the earliest first: where one is refused, the next waits."""
        for folder in attempts_of_it:
            try:
                self._ship(folder)
            except MlflowRefused as error:
                self._refused(folder, error)
                return
            except Refused as error:
                log.error("%s waits: %s", folder.path.name, error)
                return
            except Forgotten as error:
                self.known[folder].since = time.monotonic()
                if folder.delivered.exists():
                    log.warning("%s: what it left is removed.", error)
                    self._remove(folder)
                return

    def _ship(self, folder: AttemptFolder) -> None:
        claim, about = folder.read_claim(), self.known[folder]
        target = self.targets.get(about.study)
        if claim is None or target is None:
            return
        what, claim = self._one_run.what_to_do(folder, claim, target)
        if what == "wait":
            return
        if what == "fill":
            if not folder.delivered.exists():
                return  # its slot is still at it
            self._one_run.fill(folder, claim["assignment"]["run_id"])
            self._remove(folder, over=True)
            return
        run_id, nothing_left = ship(self.runs, folder, claim, target)
        self.refusals.pop(folder, None)
        about.since = time.monotonic()
        if nothing_left:
            self.complete[folder] = run_id
        elif folder.metric_request.exists() and not folder.metric_answer.exists():
            latest, assignment = self.runs.latest(run_id), claim["assignment"]
            names = [assignment["metric"], *assignment.get("bounded", ())]
            write_json(folder.metric_answer, {name: latest.get(name) for name in names})

    def _target(self, study: str) -> ShipTarget | None:
        found = self.targets.get(study)
        now = time.monotonic()
        if now >= self.ask_again.get(study, 0.0):
            try:
                found = self.scheduler.ship_target(study) or found
            except Refused as error:
                log.error("%s", error)
            except Away:
                if found is None:
                    raise
            if found is not None:
                self.targets[study] = found
            self.ask_again[study] = now + (0.5 if found is None else _TARGET_S)
        return found

    def _refused(self, folder: AttemptFolder, error: Exception) -> None:
        count = self.refusals[folder] = self.refusals.get(folder, 0) + 1
        log.error("MLflow refuses %s (%d): %s", folder.path.name, count, error)
        study = self.known[folder].study
        self.targets.pop(study, None)
        self.ask_again.pop(study, None)
        run_id = folder.run_id.read_text() if folder.run_id.exists() else None
        if count >= _REFUSALS and folder.delivered.exists():
            log.error("%s is given up: its run was changed in MLflow.", folder.path.name)
            if run_id is None:
                self._remove(folder)
            else:
                self.complete[folder] = run_id

    def _tell(self) -> None:
        """Tell the scheduler which runs are complete, then forget their attempts."""
        ready = [f for f, run in self.complete.items() if not being_kept(f, run, PASSING)]
        known = {f.trial: self.complete[f] for f in ready if f.verdict() not in UNTOLD}
        if known:
            try:
                by = {f.trial: f.attempt for f in self.complete if f.trial in known}
                self.scheduler.shipped(Shipped(runs=known, attempts=by))
            except Refused as error:
                log.error("%s", error)
        for folder in ready:
            self._remove(folder)
            del self.complete[folder]

    def _sweep(self) -> None:
        """Remove folders of attempts whose slot died before it wrote its claim down."""
        now = time.monotonic()
        if now < self.swept + _SWEEP_S:
            return
        self.swept = now
        for path in unclaimed(self.settings.folder):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _SWEEP_S:
                    shutil.rmtree(path)

    def _remove(self, folder: AttemptFolder, *, over: bool = False) -> None:
        """Remove the attempt; checkpoints and the trial's state too where no attempt can follow (``over``)."""
        end = spool.read_end(folder.spool)
        accepted = folder.verdict() in ("accepted", "duplicate")
        last = over or (accepted and end is not None and end.outcome not in PASSING)
        self._one_run.forget(folder)
        self.known.pop(folder, None)
        self.refusals.pop(folder, None)
        # One rename takes the attempt out of sight: a kill in the middle must not leave half of one,
        # which would look like a trial that has no run yet.
        gone = folder.path.with_name(f"{_GONE if last else _PASSED}{folder.path.name}")
        folder.path.rename(gone)
        clean(folder.root, gone)


def _went_on_here(folder: AttemptFolder) -> bool:
    """A later attempt of this host begins with this one's checkpoints: the steps before them are in no other spool."""
    return AttemptFolder(folder.root, folder.trial, folder.attempt + 1).path.exists()


def clean(root: Path, gone: Path) -> None:
    """Remove what is left of an attempt that was taken out of sight."""
    if gone.name.startswith(_GONE):
        trial = gone.name.removeprefix(_GONE).rpartition(".")[0]
        remove_checkpoints(root, trial)
        state_of(root, trial).unlink(missing_ok=True)
    shutil.rmtree(gone, ignore_errors=True)


def for_ever(pass_once: Callable[[], None]) -> None:
    """Call ``pass_once`` with a pause that grows while the other side is away."""
    pause = _FIRST_PAUSE_S
    while True:
        try:
            pass_once()
            pause = _FIRST_PAUSE_S
            time.sleep(_PASS_S)
        except (MlflowAway, Away, OSError) as error:
            if isinstance(error, OSError) and not no_room(error):
                raise
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
    prepare_mlflow(settings)
    from caviar_worker.mlflow_client import Runs

    shipper = Shipper(
        settings,
        Scheduler(settings.url, settings.token),
        Runs(settings.mlflow, settings.mlflow_store),
    )
    for prefix in (_GONE, _PASSED):
        for gone in (settings.folder / "trials").glob(f"{prefix}*"):
            clean(settings.folder, gone)
    for_ever(shipper.pass_once)


if __name__ == "__main__":
    main()
