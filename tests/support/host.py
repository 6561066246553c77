"""A real worker host in a test: the agent as a process, with all that it starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from caviar.contract.messages import Finish, Trainer
from caviar.contract.names import TASK_TRIAL, queue_name
from caviar_worker.app import make_app
from caviar_worker.settings import WorkerSettings
from tests.support import wait_until
from tests.support.desk import TOKEN, Desk
from tests.support.marked import marked
from tests.support.servers import RedisServer

DATABASE = "postgresql://caviar:a-secret-of-the-tests@db/caviar"  # pragma: allowlist secret
"""In the worker's environment, where it does not belong."""


@dataclass
class Host:
    settings: WorkerSettings
    desk: Desk
    process: subprocess.Popen[bytes] | None = None
    log: Path = Path(os.devnull)
    prefix: tuple[str, ...] = ()
    """Words before the agent's command: another user, a view of its own on the files."""

    def start(self) -> None:
        if self.process is not None:
            self.process.poll()  # an earlier agent that was killed is collected
        environ = {**os.environ, **self.settings.environ(), "CAVIAR_DATABASE_URL": DATABASE}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, sys.executable, "-m", "caviar_worker.agent"],
                env=environ,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def send(self, *tickets: object) -> None:
        """Put tickets on the real queue."""
        with make_app(self.settings.broker) as app:
            for ticket in tickets:
                app.send_task(
                    TASK_TRIAL, args=[ticket], queue=queue_name(self.settings.resource_class)
                )

    def train(self, trial: str, trainer: Trainer, attempt: int = 1, **more: Any) -> None:
        self.send(self.desk.add(trial, trainer, attempt=attempt, **more))

    def finish_of(self, trial: str, attempt: int = 1, deadline: float = 90) -> Finish:
        """The report on an attempt, once the scheduler's side has it."""

        def found() -> Finish | None:
            return self.desk.finished.get((trial, attempt))

        return self.wait_for(found, f"{trial}.{attempt} is reported", deadline)  # type: ignore[return-value]

    def wait_for(self, look: Callable[[], object], why: str, deadline: float = 60) -> object:
        """As ``wait_until``; what the host said is told where it was in vain."""
        try:
            return wait_until(look, deadline, why)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log.read_text()[-4000:]}") from None

    def attempt_folder(self, trial: str, attempt: int = 1) -> Path:
        return self.settings.folder / "trials" / f"{trial}.{attempt}"

    def processes(self) -> list[psutil.Process]:
        """All of the host that is alive: everything that runs with its folder in its environment or argv."""
        here = {
            p.pid: p for mark in (self.settings.folder, self.settings.run_dir) for p in marked(mark)
        }
        return list(here.values())

    def part(self, module: str) -> psutil.Process:
        """The oldest process that runs ``python -m caviar_worker.<module>``."""

        def look() -> psutil.Process | None:
            found = [p for p in self.processes() if f"caviar_worker.{module}" in _command(p)]
            return min(found, key=lambda p: (p.create_time(), p.pid)) if found else None

        return wait_until(look, why=f"{module} runs")  # type: ignore[return-value]

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=60)

    def wait_until_gone(self) -> None:
        wait_until(
            lambda: not self.processes(),
            30,
            f"no process is left: {[(p.pid, _command(p)) for p in self.processes()]}",
        )


def _command(process: psutil.Process) -> list[str]:
    """Its argv; empty where it ended since it was found."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@contextmanager
def worker_host(
    folder: Path,
    redis: RedisServer,
    desk: Desk,
    mlflow: str = "http://127.0.0.1:9",
    slots: int = 2,
    store: str | None = None,
    name: str = "host-1",
    broker: str | None = None,
    **more: Any,
) -> Iterator[Host]:
    """A host that starts no process until ``start``; whatever is left at the end is killed.

    ``more``: further settings.
    """
    settings = WorkerSettings(
        url=desk.url,
        token=TOKEN,
        broker=broker or redis.url,
        mlflow=mlflow,
        mlflow_store=store,
        host=name,
        slots=slots,
        resource_class="cpu",
        folder=folder / "worker",
        run_dir=folder / "run",
        allow_folders=True,
        allow_commands=True,
        **more,
    )
    host = Host(settings, desk, log=folder / "agent.log")
    try:
        yield host
    finally:
        if host.process is not None:
            host.process.kill()
            host.process.wait()
        for process in host.processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()
