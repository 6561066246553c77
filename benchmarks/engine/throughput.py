"""Trials a second, all of it in MLflow when the clock stops: Caviar beside other tools that log to MLflow.

    uv venv PEERS && uv pip install --python PEERS/bin/python "ray[tune]" optuna optuna-integration mlflow celery redis
    python benchmarks/engine/throughput.py --peers PEERS/bin/python

Every trial has three parameters and reports one metric ten times; every row has two workers and takes its turn on the
same machine. Each MLflow is one server process on SQLite in WAL mode, started with the embedded service's settings. A
row's clock starts when its processes are up and have imported what they need, and stops when MLflow's database holds
every trial's run as FINISHED. Then the database is asked how many runs, points and parameters there are: no row is
believed unread. About five minutes; ``--trials`` is Caviar's number, slower rows get fewer (see ROWS).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from throughput_book import Book, Measured
from throughput_peers import PEERS, SLOTS, STEPS

from caviar import embedded
from caviar.adapters.health import wait_until_up
from caviar.client.connection import Address, Client
from caviar.contract.views import Submission
from caviar.embedded import redis
from caviar.embedded.service import _Embedded

PEERS_SCRIPT = Path(__file__).with_name("throughput_peers.py")
WARM_UP = 20
TRAINER = """
def train(trial):
    for step in range(10):
        trial.report(step, loss=trial.params["x"] + step)
"""
STUDY = """
name: no-op
metric: {{name: loss, goal: minimize}}
trainer: {{function: "noop:train"}}
space:
  x: {{type: float, low: 0.0, high: 1.0}}
  y: {{type: float, low: 1.0e-4, high: 1.0, scale: log}}
  z: {{type: int, low: 1, high: 9}}
search: {{strategy: random, seed: 0}}
budget: {{trials: {trials}}}
stop: none
"""


@dataclass(frozen=True)
class Row:
    """``share`` of the trials that Caviar gets; ``points`` that a run is to have."""

    title: str
    peer: str
    share: float
    points: int = STEPS


ROWS = (
    Row("Celery, three calls of MLflow's client a trial", "celery-three-calls", 0.5),
    Row("Celery, plain fluent MLflow calls", "celery-fluent", 0.1),
    Row("Optuna + MLflowCallback: the final value only", "optuna-final", 0.1, points=1),
    Row("Optuna + MLflowCallback, points logged as well", "optuna-points", 0.1),
    Row("Ray Tune + MLflowLoggerCallback", "ray", 0.02),
)


def cpu_seconds() -> float:
    """Of everything below this process."""
    total = 0.0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            total += sum(process.cpu_times())
    return total


# Caviar


@contextmanager
def over_http() -> Iterator[None]:
    """The embedded service without its shortcut into MLflow's database: the worker ships as a team's does."""
    usual = _Embedded._worker_environment

    def without_store(self: _Embedded, common: dict[str, str]) -> dict[str, str]:
        return usual(self, common) | {"CAVIAR_MLFLOW_STORE": ""}

    _Embedded._worker_environment = without_store  # type: ignore[method-assign]
    try:
        yield
    finally:
        _Embedded._worker_environment = usual  # type: ignore[method-assign]


def caviar(title: str, trials: int) -> Measured:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "noop.py").write_text(TRAINER)
        with (
            embedded.service(folder / "home", SLOTS, print, only_this_study=False) as service,
            Client(Address(service.url, service.token)) as client,
        ):
            while not client.workers():
                time.sleep(0.2)

            def submit(number: int) -> str:
                text = STUDY.format(trials=number)
                return client.submit(Submission(text=text, folder=name, resume=False)).id

            warm = submit(WARM_UP)
            while not client.study(warm).mlflow.closed:
                time.sleep(0.2)
            before, began = cpu_seconds(), time.perf_counter()
            study = submit(trials)
            while (experiment := client.study(study).mlflow.experiment_id) is None:
                time.sleep(0.05)
            book = Book(folder / "home" / "mlflow.db", experiment, study)
            book.wait_for(trials)
            seconds = time.perf_counter() - began
            return book.measured(title, seconds, trials, STEPS, cpu_seconds() - before)


# Its peers


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """As the embedded service starts its own."""
    database = folder / "mlflow.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    port = str(free_port())
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", port),
        *("--backend-store-uri", f"sqlite:///{database}", "--workers", "1"),
        *("--artifacts-destination", str(folder / "artifacts")),
    ]
    quiet = {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "OMP_NUM_THREADS": "1",
    }
    with started(command, folder / "mlflow.log", os.environ | quiet):
        uri = f"http://127.0.0.1:{port}"
        wait_until_up(uri, threading.Event())
        yield uri


@contextmanager
def started(command: list[str], log: Path, env: dict[str, str], **more: Any) -> Iterator[Any]:
    """A process in a session of its own, of which nothing is left afterwards."""
    with log.open("ab") as stream:
        process = subprocess.Popen(
            command, env=env, stderr=stream, start_new_session=True, **({"stdout": stream} | more)
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def peer(row: Row, python: str, trials: int, folder: Path, uri: str, broker: str) -> Measured:
    from mlflow.tracking import MlflowClient

    experiment = MlflowClient(tracking_uri=uri).create_experiment(row.peer)
    job = {
        "experiment": row.peer,
        "experiment_id": experiment,
        "uri": uri,
        "trials": trials,
        "folder": str(folder),
        "broker": broker,
    }
    env = os.environ | {
        "MLFLOW_TRACKING_URI": uri,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "RAY_AIR_NEW_OUTPUT": "0",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(PEERS_SCRIPT.parent),
    }
    log, pipe = folder / f"{row.peer}.log", subprocess.PIPE
    command = [python, str(PEERS_SCRIPT), row.peer, json.dumps(job)]
    with started(command, log, env, stdin=pipe, stdout=pipe, text=True) as process:
        while (line := process.stdout.readline()).strip() != "ready":
            if not line:
                raise RuntimeError(f"{row.title} did not start:\n{log.read_text()[-3000:]}")
        book = Book(folder / "mlflow.db", experiment)
        before, began = cpu_seconds(), time.perf_counter()
        print("go", file=process.stdin, flush=True)
        book.wait_for(trials, going=lambda: process.poll() is None)
        seconds = time.perf_counter() - began
        return book.measured(row.title, seconds, trials, row.points, cpu_seconds() - before)


def installed(python: str, package: str) -> bool:
    code = f"import importlib.util as u, sys; sys.exit(not u.find_spec({package!r}))"
    return subprocess.run([python, "-c", code], check=False).returncode == 0


def peers(python: str, trials: int, only: set[str], show: Callable[[Measured], None]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, path = Path(name), Path(name) / "redis.sock"
        command = redis.arguments(redis.find_server(), path, folder)
        with (
            mlflow_server(folder) as uri,
            started(command, folder / "redis.log", dict(os.environ)),
        ):
            for row in ROWS:
                if only and row.peer not in only:
                    continue
                package, _ = PEERS[row.peer]
                if not installed(python, package):
                    print(f"{row.title:<52} missing: {python} has no {package}")
                    continue
                number = max(4, round(trials * row.share / SLOTS) * SLOTS)
                show(peer(row, python, number, folder, uri, f"redis+socket://{path}"))


def show(row: Measured) -> None:
    verdict = "right" if row.right else "WRONG"
    low, high = row.points
    points = f"{low}" if low == high else f"{low} to {high}"
    print(
        f"{row.title:<52} {row.rate:7.2f} trials/s  {1e3 * row.cpu_s / max(1, row.runs):7.1f} CPU ms a trial  "
        f"{row.runs} of {row.wanted} runs in {row.seconds:.1f} s, {points} points and {row.params[0]} "
        f"parameters each: {verdict}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--peers", metavar="PYTHON", help="interpreter that has the peers")
    parser.add_argument("--trials", type=int, default=600)
    parser.add_argument(
        "--only", nargs="*", default=[], help="caviar, caviar-http, " + ", ".join(PEERS)
    )
    chosen = parser.parse_args()
    only = set(chosen.only)
    rows: list[Measured] = []

    def keep(row: Measured) -> None:
        rows.append(row)
        show(row)

    if not only or "caviar" in only:
        keep(caviar("Caviar, embedded: into MLflow's database", chosen.trials))
    if not only or "caviar-http" in only:
        with over_http():
            keep(caviar("Caviar, over HTTP as a team's workers", chosen.trials // 2))
    ours = len(rows)
    if chosen.peers:
        peers(chosen.peers, chosen.trials, only, keep)
    else:
        print("The peers are missing: give an interpreter that has them, see --help.")
    for row in rows[ours:]:
        ratios = ", ".join(f"{mine.rate / row.rate:.1f}" for mine in rows[:ours])
        print(f"times {row.title:<46} {ratios}")


if __name__ == "__main__":
    main()
