"""What `caviar export` takes for a large study, beside Optuna's own way to a table.

    python benchmarks/engine/export.py [--trials 50000] [--runs 3]

A store is filled in bulk and served by the real API over HTTP from this process. Each export is a process of its own,
as a person would run it; its wall time, its processor time and its largest memory are told. `--optuna` is run once,
since it takes minutes. Two peers read the storage that it has written, each in another process: Optuna's own way to a
table, `study.trials_dataframe().to_csv()`, and `optuna.copy_study` into another storage. An import of the packages
alone is the floor of each.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from history import add_study, open_store

from caviar.adapters.sql import Teams
from caviar.api import create_app
from caviar.api.access import Access
from caviar.scheduler import Scheduler

TOKEN = "a-token-of-the-benchmark"  # noqa: S105
PEER = """
import optuna, sys
study = optuna.load_study(study_name="large", storage=sys.argv[1])
study.trials_dataframe().to_csv(sys.argv[2], index=False)
"""
COPY = """
import optuna, sys
optuna.copy_study(from_study_name="large", from_storage=sys.argv[1], to_storage=sys.argv[2])
"""
FLOORS = {
    "caviar": "import caviar.cli.moving",
    "peer": "import optuna, pandas, sqlalchemy",
}


@dataclass(frozen=True)
class Cost:
    """Of one process."""

    wall_s: float
    cpu_s: float
    peak_mb: float


@contextmanager
def served(folder: Path, trials: int) -> Iterator[str]:
    """The address of an API with one study, ``large``."""
    engine, store = open_store(folder / "caviar.db")
    add_study(engine, store, "large", "random", trials, trials + 1, True)
    scheduler = Scheduler(store, lambda *_: None, lease_s=60, claim_s=60, local=True)
    app = create_app(store, scheduler, Access(Teams(engine), TOKEN, TOKEN), mlflow_uri="")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = int(listener.getsockname()[1])
    config = uvicorn.Config(app, port=port, log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
        engine.dispose()


def cost(words: list[str], env: dict[str, str]) -> Cost:
    began = time.perf_counter()
    process = subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{words} ended with {process.returncode}")
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def tell(what: str, found: list[Cost], size: int = 0) -> None:
    wall, cpu, peak = (
        statistics.median(getattr(each, name) for each in found)
        for name in ("wall_s", "cpu_s", "peak_mb")
    )
    written = f"   file {size / 1e6:6.1f} MB" if size else ""
    print(f"{what:<28} wall {wall:7.2f} s   cpu {cpu:7.2f} s   peak {peak:6.0f} MB{written}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=50_000)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    python, runs = sys.executable, given.runs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with served(folder, given.trials) as url:
            env = {**os.environ, "CAVIAR_URL": url, "CAVIAR_TOKEN": TOKEN}
            for who, code in FLOORS.items():
                tell(
                    f"imports alone, {who}", [cost([python, "-c", code], env) for _ in range(runs)]
                )
            caviar = [python, "-m", "caviar.cli", "export", "large"]
            for option, file in (("--csv", "large.csv"), ("--parquet", "large.parquet")):
                found = [cost([*caviar, option, str(folder / file)], env) for _ in range(runs)]
                tell(f"caviar export {option}", found, (folder / file).stat().st_size)
            storage = f"sqlite:///{folder / 'large.db'}"
            found = [cost([*caviar, "--optuna", storage], env)]
            tell("caviar export --optuna", found, (folder / "large.db").stat().st_size)
            words = [python, "-c", PEER, storage, str(folder / "peer.csv")]
            found = [cost(words, env) for _ in range(runs)]
            tell("trials_dataframe().to_csv()", found, (folder / "peer.csv").stat().st_size)
            words = [python, "-c", COPY, storage, f"sqlite:///{folder / 'copy.db'}"]
            tell("optuna.copy_study", [cost(words, env)], (folder / "copy.db").stat().st_size)


if __name__ == "__main__":
    main()
