"""The process that starts and ends all others of a worker host: ``main(settings)``.

It may be process 1 of a container. ``caviar worker`` calls it.

    agent ─┬─ fork server ── zygotes ── trials      (ends when its standard input ends)
           ├─ Celery worker ── slots                (killed by the kernel with the agent)
           ├─ shipper                               (the same; started with the first trial)
           └─ copies                                (the same; started where checkpoints are copied or kept)

Where Celery reaches Redis through the service, a thread of the agent joins the two.
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import sys
import threading
import time
import uuid
from contextlib import suppress
from pathlib import Path

from caviar.errors import CaviarError, InputError, Problem
from caviar.secrets import SUFFIX, files_of
from caviar_worker import hidden
from caviar_worker.children import Child, forkserver_command, reap_strangers
from caviar_worker.cores import usable_cores
from caviar_worker.disk import Disk
from caviar_worker.environment import trial_environment
from caviar_worker.files import read_json
from caviar_worker.folders import attempts, held
from caviar_worker.landlock import HIDEABLE, available
from caviar_worker.processes import kill_recorded_group
from caviar_worker.settings import SECRETS, WorkerSettings
from caviar_worker.user import environment_of, hide, prepare_host, reads_python

log = logging.getLogger("caviar.worker")

_TICK_S = 0.1
_SETTLE_S = 0.3
"""A slot that is just claiming has written its claim by then."""
QUIET_S = 3.0
"""The first sign of life comes with the first claim, or this late: its imports would keep the first trial waiting."""
SHUTDOWN_S = 4.2
"""From the first signal until whatever is left is killed: trials have 2 s of it."""


def main(settings: WorkerSettings) -> int:
    """Run the host until SIGTERM or SIGINT. Returns the exit status.

    Raises InputError where another worker holds the folder, or the sockets' folder is not ours alone.
    """
    _log_to_stderr()
    hide()
    lock = _lock(settings.folder)
    try:
        _private(settings.run_dir)
        prepare_host(settings.user, settings.folder)
        _say_who(settings)
        settings.closing_file.unlink(missing_ok=True)
        kill_left_overs(settings.folder)
        return Agent(settings).run()
    finally:
        os.close(lock)


class Agent:
    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings
        self.incarnation = uuid.uuid4().hex
        self.signals = 0
        self.ended = threading.Event()
        self.disk = Disk(settings)
        given_as_read = {name + SUFFIX for name in ("CAVIAR_TOKEN", *SECRETS)}
        not_theirs = {"CAVIAR_TOKEN", *given_as_read}
        inherited = {name: value for name, value in os.environ.items() if name not in not_theirs}
        service = {
            **inherited,
            **settings.environ(),
            "CAVIAR_WORKER_INCARNATION": self.incarnation,
        }
        allowed = trial_environment(
            os.environ, settings.trial_env, cores=usable_cores(), slots=settings.slots
        )
        theirs = environment_of(settings.user, settings.folder, allowed)
        me = str(os.getpid())
        self.forkserver = Child(
            "fork server",
            forkserver_command(settings.forkserver_socket, settings.user, _hidden_files()),
            theirs,
            pipe=True,
        )

        def part(name: str, module: str) -> Child:
            # The folder is for whoever looks at processes: theirs show nothing else of whose they are.
            run = hidden.command(f"caviar_worker.{module}", me, str(settings.folder))
            return Child(name, run, allowed, hidden=service)

        self.celery = part("Celery worker", "celery_main")
        self.shipper = part("shipper", "shipper")
        self.copies = part("checkpoint copies", "copies")
        self.children = [self.forkserver, self.celery]

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        if self.settings.broker_socket is not None:
            threading.Thread(target=self._tunnel, name="tunnel", daemon=True).start()
        for child in self.children:
            child.start()
        beats = threading.Thread(target=self._beat, name="beats", daemon=True)
        threading.Thread(target=self.disk.run, args=(self.ended,), name="disk", daemon=True).start()
        watched = False
        quiet_until = time.monotonic() + QUIET_S
        try:
            while not self.signals:
                self._tend()
                if beats.ident is None and (
                    time.monotonic() > quiet_until or any(attempts(self.settings.folder))
                ):
                    beats.start()
                if beats.ident is not None and not watched:
                    watched = True
                    self._watch()
                time.sleep(_TICK_S)
        finally:
            self._close()
        return 0

    def _tunnel(self) -> None:
        from caviar_worker.tunnel import Tunnel

        Tunnel(self.settings, lambda: self.celery.pid, self.ended).run()

    def _beat(self) -> None:
        from caviar_worker.beats import Beats

        Beats(self.settings, self.incarnation, self.ended, self.disk).run()

    def _watch(self) -> None:
        """Serve those who change trainings while they run."""
        from caviar_worker.wards import Listener, Teller

        for part in (Listener, Teller):
            run = part(self.settings, self.incarnation, self.ended).run
            threading.Thread(target=run, name=part.__name__.lower(), daemon=True).start()

    def _tend(self) -> None:
        """Start again what died; start the shipper when there is something to ship."""
        if self.shipper not in self.children and any(attempts(self.settings.folder)):
            self.children.append(self.shipper)
            self.shipper.start()
        if self.copies not in self.children and (
            self.settings.checkpoints
            or any((self.settings.folder / "over").glob("*.json"))
            or any((self.settings.folder / "trials").glob("*/fetch.request"))
        ):
            self.children.append(self.copies)
            self.copies.start()
        for child in self.children:
            child.revive()
        reap_strangers({child.pid for child in self.children})

    def _close(self) -> None:
        """Give back what runs, then end everything: gracefully in time, or at once on a second signal."""
        log.info("Shutting down: running trials are given back.")
        deadline = time.monotonic() + SHUTDOWN_S
        with suppress(OSError):  # a full disk: then trials are ended without being asked first
            self.settings.closing_file.touch()
        self.celery.terminate()
        # Celery needs 2 s to end an idle pool: it is killed as soon as no slot holds a trial. A ticket that
        # is lost with it is sent again by the scheduler.
        settled = time.monotonic() + _SETTLE_S
        while self.signals < 2 and self.celery.running() and time.monotonic() < deadline:
            if time.monotonic() > settled and not any(held(self.settings.folder)):
                break
            time.sleep(0.02)
        self.ended.set()
        self.celery.kill()
        # What trials have said goes to MLflow in what is left of the time: nobody may ever start this worker again.
        while self.signals < 2 and self.shipper.running() and time.monotonic() < deadline:
            if not any(attempts(self.settings.folder)):
                break
            time.sleep(0.02)
        self.shipper.kill()
        self.copies.kill()
        self.forkserver.close_pipe()
        limit = time.monotonic() + 1.0
        while self.forkserver.running() and time.monotonic() < limit:
            time.sleep(0.01)
        self.forkserver.kill()

    def _on_signal(self, *_: object) -> None:
        self.signals += 1


def kill_left_overs(folder: Path) -> None:
    """Kill the trials of an earlier agent that are still there: after a crash of all at once."""
    for attempt in attempts(folder):
        group = read_json(attempt.group)
        if attempt.delivered.exists() or group is None:
            continue
        pid, start, boot = group.get("pid"), group.get("start"), group.get("boot")
        if isinstance(pid, int) and isinstance(start, int) and isinstance(boot, str):
            killed = kill_recorded_group(pid, start, boot, attempt.path)
            if killed:
                log.warning("%d processes of %s were left over: killed.", killed, attempt.path.name)


def _say_who(settings: WorkerSettings) -> None:
    if settings.user is not None:
        log.info("Trials run as the user %s.", settings.user)
        if not reads_python(settings.user):
            where = f"{sys.executable} and {os.__file__}"
            log.warning("%s cannot read %s: imports will fail.", settings.user, where)
    elif settings.allow_folders or settings.allow_commands or settings.allow_bundles:
        log.warning(
            "Studies' code runs as this worker's own user: it can read what this user can read. "
            "Run the worker as root with CAVIAR_WORKER_USER to keep them apart."
        )


def _hidden_files() -> list[Path]:
    """The files with secrets that trials are kept from reading; says which ones cannot be hidden."""
    given = files_of(os.environ, ("CAVIAR_TOKEN", *SECRETS))
    hidden = [path for path in given if HIDEABLE in path.parents and available()]
    if open_ := [str(path) for path in given if path not in hidden]:
        log.warning(
            "Trials that run as the owner of %s can read it. Hidden are files below %s, on Linux 5.19 and later.",
            " and ".join(open_),
            HIDEABLE,
        )
    return hidden


def _lock(folder: Path) -> int:
    """Hold the worker's folder for this process' life. The kernel gives it back however it ends."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(folder / "agent.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        way_out = "Stop it, or give this one another CAVIAR_WORKER_DIR."
        raise CaviarError(f"Another worker uses {folder}. {way_out}") from None
    return handle


def _private(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    about = folder.stat()
    if about.st_uid != os.getuid() or about.st_mode & 0o077:
        way_out = "Its mode must be 0700 and its owner the worker's user."
        raise InputError(
            Problem(("CAVIAR_WORKER_RUN",), f"{folder} can be used by others", way_out)
        )


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for name in ("httpx2", "websockets"):
        logging.getLogger(name).setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main(WorkerSettings.from_environ(os.environ)))
