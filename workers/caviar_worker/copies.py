"""The process that copies checkpoints off the host and fetches them: ``python -m caviar_worker.copies``.

Uploads and downloads take as long as they take; neither trials nor the shipping of metrics wait for them. It may be
killed at any moment: what is not whole is not seen, and is copied again.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from caviar.contract.panda import fork_key
from caviar_worker import checkpoints, ship_state
from caviar_worker.files import read_json, write_json
from caviar_worker.folders import (
    AttemptFolder,
    checkpoints_of,
    copies_of,
    forks_of,
    held,
    state_of,
    trials_with_checkpoints,
)
from caviar_worker.lean import prepare_mlflow
from caviar_worker.processes import be_nice, die_with_parent
from caviar_worker.settings import WorkerSettings

if TYPE_CHECKING:
    from caviar_worker.store import Store

log = logging.getLogger("caviar.worker")

IN_RUN = "resume"
"""Where the copies lie among the artifacts of a trial's run."""
KEPT = "checkpoint"
"""Where the last checkpoint lies that a study keeps."""
_ANY = 2**63
"""No attempt is later: the newest checkpoint of the trial on this host."""
_NICENESS = 5
"""Training comes first, but a slot waits for what is fetched."""
_PASS_S = 0.5
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0


class Copies:
    """``copy_all`` and ``fetch_all`` are called for ever, each in a thread of its own: a fetch waits for no upload."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings
        self.root = settings.folder

    def copy_all(self) -> None:
        """Copy the newest checkpoint of every trial, and see to the trials that are over.

        One that fails holds up no other. Raises the last error.
        """
        failed: Exception | None = None
        jobs = [partial(self._end, path) for path in sorted((self.root / "over").glob("*.json"))]
        if self.settings.checkpoints:
            jobs += [partial(self._copy, trial) for trial in trials_with_checkpoints(self.root)]
        for job in jobs:
            try:
                job()
            except Exception as error:
                failed = error
        if failed is not None:
            raise failed

    def fetch_all(self) -> None:
        """Answer the slots that ask for what another host has copied."""
        for folder in held(self.root):
            if folder.fetch_request.exists() and not folder.fetch_answer.exists():
                self._fetch(folder)

    def _copy(self, trial: str) -> None:
        state_file = copies_of(self.root, trial)
        state = read_json(state_file) or {}
        found = next(iter(checkpoints.saved(checkpoints_of(self.root, trial), _ANY)), None)
        if found is None or [found[0], found[1]] == state.get("newest"):
            return
        attempt, step, path = found
        store = self._store(trial, ship_state.load(state_of(self.root, trial)).run_id)
        if store is None:
            return  # the shipper has not made the run yet
        claim = AttemptFolder(self.root, trial, attempt).read_claim() or {}
        policy = claim.get("assignment", {}).get("checkpoints", {})
        keep = policy.get("keep", state.get("keep", 2))
        # Links keep the files until they are copied, however soon the trial saves the next checkpoint.
        linked = state_file.with_name(f".{trial}")
        shutil.rmtree(linked, ignore_errors=True)
        state_file.parent.mkdir(exist_ok=True, mode=0o700)
        # Before the first upload, so that whoever ends the trial knows that there is something to remove.
        write_json(state_file, {**state, "keep": keep, "newest": None})
        try:
            checkpoints.link(path, linked, attempt, step)
            store.put(linked, attempt, step)
        except FileNotFoundError:
            return  # a newer one has replaced it meanwhile
        except checkpoints.NotPlain as error:
            log.warning("A checkpoint of %s is not copied: %s", trial, error)
        finally:
            shutil.rmtree(linked, ignore_errors=True)
        write_json(state_file, {"keep": keep, "newest": [attempt, step]})
        for old in store.found(attempt)[keep:]:
            store.remove(*old)

    def _fetch(self, folder: AttemptFolder) -> None:
        if folder.attempt > 1 and self.settings.checkpoints and not self._fetch_copy(folder):
            return
        origin = ((folder.read_claim() or {}).get("assignment") or {}).get("origin") or {}
        if origin.get("run_id") and checkpoints.newest(folder.checkpoints, folder.attempt) is None:
            self._fetch_kept(folder, str(origin["run_id"]))
        write_json(folder.fetch_answer, {})

    def _fetch_copy(self, folder: AttemptFolder) -> bool:
        """Bring the newest that an earlier attempt has copied. False while it is not known where these lie."""
        store = self._store(folder.trial, _run_id(folder))
        if store is None:
            return False
        here = checkpoints.newest(folder.checkpoints, folder.attempt)
        best = (int(here.path.parent.name), here.step) if here else (0, -1)
        there = store.found(folder.attempt)
        state_file = copies_of(self.root, folder.trial)
        if there and not state_file.exists():
            # Whoever ends the trial removes what any host has copied.
            state_file.parent.mkdir(exist_ok=True, mode=0o700)
            write_json(state_file, {"newest": None})
        newer = [place for place in there if place > best]
        write_json(folder.fetch_found, {"newer": len(newer)})
        for attempt, step in newer:
            if self._bring(store, folder, attempt, step):
                name = folder.path.name
                log.info("%s goes on from the copy of step %d, attempt %d.", name, step, attempt)
                write_json(state_file, {"newest": [attempt, step]})
                break
        return True

    def _fetch_kept(self, folder: AttemptFolder, run_id: str) -> None:
        """The checkpoint of another run, with which this trial begins."""
        from caviar_worker.store import Store, Unusable, address_of_run

        try:
            address = address_of_run(self.settings.mlflow, run_id)
            store = Store(address, KEPT, self.settings.mlflow)
            store.fetch_kept(forks_of(self.root) / fork_key(folder.trial, 0, 0))
        except Unusable as error:
            log.warning("%s: run %s has no checkpoint: %s", folder.path.name, run_id, error)
        except Exception as error:
            if getattr(error, "error_code", "") != "RESOURCE_DOES_NOT_EXIST":
                raise
            log.warning("%s: run %s is gone.", folder.path.name, run_id)

    def _bring(self, store: Store, folder: AttemptFolder, attempt: int, step: int) -> bool:
        from caviar_worker.store import Unusable

        try:
            store.fetch(folder.checkpoints, attempt, step)
        except Unusable as error:
            log.warning("%s: the copy of step %d is passed over: %s", folder.path.name, step, error)
            return False
        return True

    def _end(self, path: Path) -> None:
        job, trial = read_json(path) or {}, path.stem
        run_id = job.get("run_id")
        try:
            if job.get("keep"):
                self._keep(trial, str(run_id), int(job.get("attempt", 1)))
                write_json(path, {**job, "keep": False})  # the trial waits for nothing more
            if copies_of(self.root, trial).exists():
                store = self._store(trial, run_id)
                if store is not None:
                    store.remove_all()
        except Exception as error:
            if getattr(error, "error_code", "") != "RESOURCE_DOES_NOT_EXIST":
                raise
            log.error("The run of %s is gone from MLflow, and with it its checkpoints.", trial)
        shutil.rmtree(checkpoints_of(self.root, trial), ignore_errors=True)
        copies_of(self.root, trial).unlink(missing_ok=True)
        path.unlink(missing_ok=True)

    def _keep(self, trial: str, run_id: str, attempt: int) -> None:
        """Put the newest checkpoint among the artifacts of the trial's run."""
        from caviar_worker.store import Store, address_of_run

        found = checkpoints.newest(checkpoints_of(self.root, trial), attempt)
        if found is None:
            return
        number = int(found.path.parent.name)
        linked = copies_of(self.root, trial).with_name(f".{trial}.kept")
        shutil.rmtree(linked, ignore_errors=True)
        linked.parent.mkdir(exist_ok=True, mode=0o700)
        try:
            checkpoints.link(found.path, linked, number, found.step)
            address = address_of_run(self.settings.mlflow, run_id)
            store = Store(address, KEPT, self.settings.mlflow)
            store.put_files(linked, KEPT, number, found.step)
        except checkpoints.NotPlain as error:
            log.warning("The checkpoint of %s is not kept: %s", trial, error)
        finally:
            shutil.rmtree(linked, ignore_errors=True)

    def _store(self, trial: str, run_id: str | None) -> Store | None:
        """Where the copies of a trial lie; None while that is not known."""
        from caviar_worker.store import Store, address_of_run

        where, tracking = self.settings.checkpoints, self.settings.mlflow
        if not where or (where == "mlflow" and run_id is None):
            return None
        if where == "mlflow":
            return Store(address_of_run(tracking, str(run_id)), IN_RUN, tracking)
        return Store(where, trial, tracking)


def _run_id(folder: AttemptFolder) -> str | None:
    return folder.run_id.read_text().strip() if folder.run_id.exists() else None


def for_ever(what: str, one_pass: Callable[[], None]) -> None:
    """Call ``one_pass``, with a pause that grows while it fails: each kind of store fails in its own way."""
    pause = _FIRST_PAUSE_S
    while True:
        try:
            one_pass()
            pause = _FIRST_PAUSE_S
            time.sleep(_PASS_S)
        except Exception as error:
            log.warning("%s waits: %s: %s", what, type(error).__name__, str(error)[:500])
            time.sleep(pause)
            pause = min(_LONGEST_PAUSE_S, pause * 2)


def main() -> None:
    if len(sys.argv) > 1:
        die_with_parent(int(sys.argv[1]))
    be_nice(os.getpid(), _NICENESS)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s copies %(levelname)s %(message)s")
    settings = WorkerSettings.from_environ(os.environ)
    prepare_mlflow(settings)
    import caviar_worker.store  # noqa: F401 - here, before a slot waits for it

    copies = Copies(settings)
    fetching = ("Fetching checkpoints", copies.fetch_all)
    threading.Thread(target=for_ever, args=fetching, daemon=True).start()
    for_ever("Copying checkpoints", copies.copy_all)


if __name__ == "__main__":
    main()
