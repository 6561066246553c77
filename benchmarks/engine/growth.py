"""What a service costs that has trained 100,000 trials, beside one that has trained few; and Optuna on SQLite.

    python benchmarks/engine/growth.py [--trials 100000] [--shape many|one|both] [--seconds 20] [--training 0.25]
                                        [--without-peer]

A store is filled in bulk (training so many would take days), then a real scheduler process starts on it, with SQLite
and Redis. Four clients take tickets from Redis, claim and finish through the HTTP API, while the loop turns and the
search proposes what comes next; a fifth reads what `caviar studies` and `caviar show` read. By default without a pause:
that is as much as the scheduler carries, and calls wait for each other. With ``--training`` each of the four holds its
trial for so many seconds, and the fifth rests as long between two looks. Two shapes: ``many`` studies of 1,000 trials
of which one in ten goes on, and ``one`` study with all of them that goes on beside nine small ones. Prints milliseconds
at the median and the 95th percentile, the scheduler's processor time a trial, its memory, and the keys that are left in
Redis.

The peer: Optuna in one process, an RDB storage on SQLite filled in bulk the same way, with TPE and with random search.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psutil
import redis
from growth_peer import optuna_costs
from history import add_study, loss, open_store

from caviar.client.connection import Address, Client
from caviar.embedded.redis import arguments, find_server

TOKEN = "a-token-of-the-benchmark"  # noqa: S105
WORKER_TOKEN = "a-workers-token-of-the-benchmark"  # noqa: S105
CLIENTS = 4
WARM_S = 15.0
HOSTS = 4
LEASE_S = 20.0


@dataclass
class Times:
    """Seconds of each call, by what was called."""

    seen: dict[str, list[float]] = field(default_factory=dict)

    @contextmanager
    def of(self, what: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seen.setdefault(what, []).append(time.perf_counter() - began)

    def line(self, what: str) -> str:
        found = sorted(self.seen.get(what, ()))
        if not found:
            return f"{what:>14}: nothing"
        middle, late = (1e3 * found[int(len(found) * share)] for share in (0.5, 0.95))
        return f"{what:>14}: median {middle:7.1f} ms   p95 {late:7.1f} ms   of {len(found)}"


def fill(path: Path, shape: str, trials: int) -> str:
    """Returns the id of the largest study that goes on."""
    engine, store = open_store(path)
    largest = ""
    if shape == "one":
        largest = add_study(engine, store, "large", "zoom", trials, trials + 10_000, False)
        for index in range(9):
            add_study(engine, store, f"small-{index}", "zoom", 50, 10_000, False)
    else:
        each = max(1, trials // 100)
        for index in range(100):
            over = index % 10 > 0
            made = add_study(
                engine, store, f"s-{index}", "zoom", each, each + (0 if over else 10_000), over
            )
            largest = largest if over else made
    engine.dispose()
    return largest


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def service(
    folder: Path,
) -> Iterator[tuple[str, redis.Redis, psutil.Process, psutil.Process, float]]:
    """Redis, a scheduler and a refiner on ``folder``'s store.

    The scheduler's address, Redis, the two processes, and the seconds until it answered.
    """
    port = free_port()
    sock = folder / "redis.sock"
    queue = subprocess.Popen(arguments(find_server(), sock, folder), stdout=subprocess.DEVNULL)
    env = {
        **os.environ,
        "CAVIAR_DATABASE_URL": f"sqlite:///{folder / 'caviar.db'}",
        "CAVIAR_BROKER_URL": f"redis+socket://{sock}",
        "CAVIAR_MLFLOW_URI": "http://127.0.0.1:1",
        "CAVIAR_TOKEN": TOKEN,
        "CAVIAR_WORKER_TOKEN": WORKER_TOKEN,
        "CAVIAR_PORT": str(port),
    }
    began = time.perf_counter()
    scheduler = subprocess.Popen([sys.executable, "-m", "caviar.cli", "scheduler"], env=env)
    refiner = subprocess.Popen([sys.executable, "-m", "caviar.cli", "refiner"], env=env)
    try:
        url = f"http://127.0.0.1:{port}"
        while True:
            try:
                httpx2.get(f"{url}/api/v1/health", trust_env=False)
                break
            except httpx2.HTTPError:
                if scheduler.poll() is not None:
                    raise RuntimeError("the scheduler did not start") from None
                time.sleep(0.05)
        ready = time.perf_counter() - began
        connection = redis.Redis(unix_socket_path=str(sock))
        yield url, connection, psutil.Process(scheduler.pid), psutil.Process(refiner.pid), ready
    finally:
        for process in (refiner, scheduler, queue):
            process.terminate()
            process.wait(timeout=20)


def worker(
    url: str, queue: redis.Redis, place: int, until: float, training: float, times: Times
) -> int:
    """One slot: takes tickets until the time is over. Returns how many trials it finished."""
    headers = {"Authorization": f"Bearer {WORKER_TOKEN}"}
    host, finished = f"host-{place}", 0
    with httpx2.Client(base_url=f"{url}/api/v1/worker", headers=headers, trust_env=False) as http:
        hello = {"v": 1, "host": host, "incarnation": "one", "slots": 1}
        http.post("/hello", json=hello).raise_for_status()
        beaten = time.monotonic()
        while time.monotonic() < until:
            if time.monotonic() - beaten > LEASE_S / 4:
                beaten = time.monotonic()
                beat = {"v": 1, "host": host, "incarnation": "one", "free": 1}
                with times.of("heartbeat"):
                    http.post("/heartbeat", json=beat).raise_for_status()
            with times.of("ticket"):
                message: Any = queue.brpop(["caviar.cpu"], timeout=1)
            if message is None:
                continue
            ticket = json.loads(base64.b64decode(json.loads(message[1])["body"]))[0][0]
            nonce = f"nonce-{random.random()}"
            claim = {
                "v": 1,
                "trial": ticket["trial"],
                "attempt": ticket["attempt"],
                "nonce": nonce,
                "host": host,
                "incarnation": "one",
                "slot": 0,
            }
            with times.of("claim"):
                answer = http.post("/claim", json=claim).raise_for_status().json()
            if not answer["granted"]:
                continue
            time.sleep(training)
            finish = {
                "v": 1,
                "trial": ticket["trial"],
                "attempt": ticket["attempt"],
                "nonce": nonce,
                "outcome": "done",
                "value": loss(ticket["params"]),
                "steps": 9,
                "curve": [[1, 1.0], [3, 0.5], [9, 0.2]],
                "seconds": 0.01,
            }
            with times.of("finish"):
                http.post("/finish", json=finish).raise_for_status()
            finished += 1
    return finished


def reader(url: str, study: str, until: float, rest: float, times: Times) -> None:
    with Client(Address(url, TOKEN)) as client:
        client.studies()
        client.study(client.resolve(study))
        while time.monotonic() < until:
            with times.of("studies"):
                client.studies()
            with times.of("show"):
                client.study(client.resolve(study))
            time.sleep(rest)


def measure(shape: str, trials: int, seconds: float, training: float) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        study = fill(folder / "caviar.db", shape, trials)
        size = (folder / "caviar.db").stat().st_size / 1e6
        with service(folder) as (url, queue, process, refiner, ready):
            time.sleep(WARM_S)  # the refiner has read everything by then
            times = Times()
            before = process.cpu_times()
            memory = process.memory_info().rss / 1e6
            until = time.monotonic() + seconds
            finished: list[int] = []
            threads = [
                threading.Thread(
                    target=lambda place=place: finished.append(
                        worker(url, queue, place, until, training, times)
                    )
                )
                for place in range(CLIENTS)
            ]
            rest = max(0.1, training)
            threads.append(threading.Thread(target=reader, args=(url, study, until, rest, times)))
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            after = process.cpu_times()
            spent = after.user + after.system - before.user - before.system
            done = max(1, sum(finished))
            held = [each.memory_info().rss / 1e6 for each in (process, refiner)]
            left = {
                key.decode(): queue.llen(key) if queue.type(key) == b"list" else 1
                for key in queue.scan_iter()
            }
            print(f"\n{shape}, {trials:,} trials ({size:.0f} MB of SQLite), ready in {ready:.1f} s")
            print(
                f"{sum(finished)} trials in {seconds:g} s; the scheduler's processor "
                f"{1e3 * spent / done:.1f} ms each, reads included"
            )
            for what in ("claim", "finish", "heartbeat", "studies", "show", "ticket"):
                print(times.line(what))
            print(
                f"memory: scheduler {memory:.0f} MB, later {held[0]:.0f}; refiner {held[1]:.0f} MB"
            )
            print(f"left in Redis, by key: {left}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--shape", choices=("many", "one", "both"), default="both")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--training", type=float, default=0.0)
    parser.add_argument("--without-peer", action="store_true")
    chosen = parser.parse_args()
    for trials in chosen.trials:
        for shape in ("many", "one") if chosen.shape == "both" else (chosen.shape,):
            measure(shape, trials, chosen.seconds, chosen.training)
        if not chosen.without_peer:
            optuna_costs(trials)


if __name__ == "__main__":
    main()
