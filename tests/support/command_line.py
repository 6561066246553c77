"""Running the command line as a person does, and looking for what it leaves behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from tests.support.marked import marked

DEADLINE_S = 480.0


def wait_for(condition: Callable[[], Any], what: str, deadline_s: float = DEADLINE_S) -> Any:
    """Poll until ``condition`` gives something true; fail with ``what`` after the deadline."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {deadline_s:g} s for {what}")


class Caviar:
    """One home, and the command line against it. Every process that it starts inherits ``TMPDIR``: its mark."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.tmp = Path(tempfile.mkdtemp(prefix="e2e-", dir="/tmp"))
        self.folder = folder
        self.started: list[subprocess.Popen[str]] = []

    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("CAVIAR_", "MLFLOW_"))}
        return kept | {"CAVIAR_HOME": str(self.home), "TMPDIR": str(self.tmp)}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        # Tests that run in the background ignore SIGINT, and a child would inherit that.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        process = subprocess.Popen(
            [sys.executable, "-m", "caviar.cli", *arguments],
            env=self.environment(),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        signal.signal(signal.SIGINT, before)
        self.started.append(process)
        return process

    def run(self, *arguments: str) -> tuple[int, str, str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=DEADLINE_S)
        return process.returncode, out, err

    def processes(self) -> list[psutil.Process]:
        """Every process that carries this home's mark, whoever its parent is by now."""
        return marked(self.tmp)

    def part(self, *words: str) -> psutil.Process:
        """The process whose command line has all of ``words``."""

        def find() -> psutil.Process | None:
            for started in self.started:
                if started.poll():
                    out, err = started.communicate()
                    raise AssertionError(f"it ended with {started.returncode}: {out}{err}")
            for process in self.processes():
                try:
                    line = " ".join(process.cmdline())
                except psutil.NoSuchProcess:
                    continue
                if all(word in line for word in words):
                    return process
            return None

        found = wait_for(find, f"a process with {words}")
        assert isinstance(found, psutil.Process)
        return found

    def training(self) -> list[Path]:
        """Folders of trials that a slot has claimed and not finished."""
        return list((self.home / "worker" / "trials").glob("*/claim.json"))

    def kill(self, process: psutil.Process) -> None:
        os.kill(process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Kill what a failed test left, and remove the mark's folder."""
        for process in self.processes():
            process.kill()
        for started in self.started:
            if started.stdout is not None and not started.stdout.closed:
                started.communicate()
        shutil.rmtree(self.tmp, ignore_errors=True)

    def logs(self) -> str:
        """The tail of every part's log, for a test that failed."""
        lines = []
        for log in sorted((self.home / "logs").glob("*.log")):
            lines += [f"--- {log.name}", *log.read_text(errors="replace").splitlines()[-15:]]
        return "\n".join(lines)

    def assert_nothing_left(self) -> None:
        """No process, no socket folder, no file that says that a service runs."""
        wait_for(lambda: not self.processes(), "every process to be gone", 30)
        wait_for(lambda: not list(self.tmp.glob("caviar-*")), "the runtime folder to be gone", 10)


def mlflow_trial_runs(home: Path, study: str, metric: str = "loss") -> list[dict[str, Any]]:
    """The study's trial runs as MLflow has them, with the points of ``metric``, read in a process of its own."""
    script = """
import json, sys
import mlflow
client = mlflow.MlflowClient(sys.argv[1])
runs = client.search_runs([e.experiment_id for e in client.search_experiments()],
    "tags.`caviar.kind` = 'trial' and tags.`caviar.study` = '%s'" % sys.argv[2], max_results=5000)
def row(r):
    history = client.get_metric_history(r.info.run_id, sys.argv[3])
    return dict(name=r.info.run_name, status=r.info.status, params=r.data.params, metrics=r.data.metrics,
        tags=r.data.tags, steps=sorted([m.step, m.value] for m in history))
print(json.dumps([row(r) for r in runs]))
"""
    found = subprocess.run(
        [sys.executable, "-c", script, f"sqlite:///{home / 'mlflow.db'}", study, metric],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded: list[dict[str, Any]] = json.loads(found.stdout.splitlines()[-1])
    return loaded
