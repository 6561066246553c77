"""Many clients that submit and watch at once: is a request lost, and how long does one take?

    python benchmarks/engine/clients.py --clients 200 --seconds 60

The real scheduler process on SQLite and Redis; no MLflow, nothing trains: slots are played in this process, they claim
over HTTP, sleep, report, finish. Every client has a token of its own, in one of four teams. It submits a study with an
idempotency key, listens to its events until it ends, and meanwhile asks for the study as `caviar watch` does, with
If-None-Match, and once for its trials; then the next study. Half the clients start in one instant, the others spread
over ten seconds. It prints every kind of request with its median, 95th and 99th percentile, the server's processor
time and what else the machine did; and what was lost: a submission without its study, a trial's end that its listener
was not told or was told twice. With --burst all clients start in one instant. `--length 10 --trials 4 --slots 64` is a
lighter load.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import redis.asyncio

from caviar.adapters.sql import Teams, migrate, open_engine
from caviar.contract.access import Quota
from caviar.embedded import redis as binaries
from caviar.teams import new_token

STUDY = """
name: client-{client}-{number}
metric: {{name: loss, goal: minimize}}
trainer: {{function: "quadratic:train"}}
space:
  x: {{type: float, low: 0.0, high: 1.0}}
  y: {{type: float, low: 1.0e-4, high: 1.0, scale: log}}
search: {{strategy: random, seed: {number}}}
budget: {{trials: {trials}}}
stop: none
"""
TEAMS = ("vision", "speech", "planning", "text")
TOKEN = "an-operators-token-of-the-benchmark"  # noqa: S105
WORKER_TOKEN = "a-workers-token-of-the-benchmark"  # noqa: S105
START_S = 10.0


@dataclass
class Seen:
    """What clients and slots saw."""

    took: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    later: list[float] = field(default_factory=list)
    """Those of the clients' requests that began after all had started."""
    began: float = field(default_factory=time.perf_counter)
    failed: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    studies: int = 0
    unchanged: int = 0
    trials: int = 0
    delays: list[float] = field(default_factory=list)
    """From a trial's end at the worker to the listener's hearing of it."""
    ended: dict[str, float] = field(default_factory=dict)

    def add(self, kind: str, began: float) -> None:
        took = time.perf_counter() - began
        self.took[kind].append(took)
        if began > self.began + 2 * START_S and not kind.startswith("worker"):
            self.later.append(took)


@dataclass
class Service:
    url: str
    broker: Path
    server: psutil.Process


class Client:
    def __init__(
        self, http: aiohttp.ClientSession, service: Service, token: str, seen: Seen
    ) -> None:
        self._http = http
        self._url = f"{service.url}/api/v1"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._seen = seen

    async def run(self, number: int, given: argparse.Namespace, until: float) -> None:
        count = 0
        while time.monotonic() < until:
            await self._one(number, count, given)
            count += 1

    async def _one(self, client: int, count: int, given: argparse.Namespace) -> None:
        text = STUDY.format(client=client, number=count, trials=given.trials)
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        first = (
            "submit, of those at once"
            if not count and (given.burst or client % 2 == 0)
            else "submit"
        )
        answer = await self._ask(first, "POST", "/studies", {"text": text}, headers)
        if answer is None:
            return
        study = answer["id"]
        self._seen.studies += 1
        over = asyncio.Event()
        polling = asyncio.create_task(self._poll(study, given.poll, over))
        told = await self._listen(study)
        over.set()
        await polling
        trials = await self._ask("trials", "GET", f"/studies/{study}/trials")
        ends = sorted(trial["number"] for trial in trials or () if trial["state"] == "done")
        if sorted(told) != ends or len(ends) != given.trials:
            self._seen.lost.append(f"{study}: told {sorted(told)}, there are {ends}")
        mine = await self._ask("list", "GET", f"/studies?called={study}")
        if not mine:
            self._seen.lost.append(f"{study} is not listed")

    async def _poll(self, study: str, every_s: float, over: asyncio.Event) -> None:
        tag = ""
        while not over.is_set():
            headers = {"If-None-Match": tag} if tag else {}
            tag = await self._study(study, headers) or tag
            try:
                await asyncio.wait_for(over.wait(), every_s * random.uniform(0.8, 1.2))
            except TimeoutError:
                continue

    async def _study(self, study: str, headers: dict[str, str]) -> str | None:
        began = time.perf_counter()
        path = f"{self._url}/studies/{study}"
        try:
            async with self._http.get(path, headers=self._headers | headers) as answer:
                await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            self._seen.failed.append(f"study: {error!r}")
            return None
        kind = "study, unchanged" if answer.status == 304 else "study"
        self._seen.add(kind, began)
        if answer.status not in (200, 304):
            self._seen.failed.append(f"study: {answer.status}")
        return answer.headers.get("ETag")

    async def _listen(self, study: str) -> list[int]:
        """The numbers of the trials whose end was told, until the stream ends."""
        told: list[int] = []
        began = time.perf_counter()
        path, event, last = f"{self._url}/studies/{study}/events", "", "0"
        timeout = aiohttp.ClientTimeout(total=None, sock_read=60)
        headers = self._headers | {"Last-Event-ID": last}
        try:
            async with self._http.get(path, headers=headers, timeout=timeout) as answer:
                async for line in answer.content:
                    if began:
                        self._seen.add("events, until the first line", began)
                        began = 0.0
                    if line.startswith(b"event: "):
                        event = line[7:].strip().decode()
                    elif line.startswith(b"data: ") and event == "trial":
                        trial = json.loads(line[6:])
                        if trial["state"] == "done":
                            told.append(trial["number"])
                            self._heard(trial["id"])
        except (aiohttp.ClientError, TimeoutError) as error:
            self._seen.failed.append(f"events: {error!r}")
        return told

    def _heard(self, trial: str) -> None:
        ended = self._seen.ended.pop(trial, None)
        if ended is not None:
            self._seen.delays.append(time.perf_counter() - ended)

    async def _ask(
        self, kind: str, method: str, path: str, body: Any = None, headers: Any = None
    ) -> Any:
        began = time.perf_counter()
        try:
            async with self._http.request(
                method, self._url + path, json=body, headers=self._headers | (headers or {})
            ) as answer:
                content = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            self._seen.failed.append(f"{kind}: {error!r}")
            return None
        self._seen.add(kind, began)
        if answer.status >= 300:
            self._seen.failed.append(f"{kind}: {answer.status} {content[:200]!r}")
            return None
        return json.loads(content)


class Slots:
    """One worker's slots: they take tickets from the queue as a worker does."""

    def __init__(
        self, http: aiohttp.ClientSession, service: Service, seen: Seen, host: str, slots: int
    ) -> None:
        self._http, self._service, self._seen = http, service, seen
        self._host, self._slots = host, slots
        self._held: dict[str, int] = {}
        self._tickets = redis.asyncio.Redis(unix_socket_path=str(service.broker))

    async def run(self, length_s: float) -> None:
        about = {"host": self._host, "incarnation": "one", "resource_class": "cpu"}
        await self._call("hello", about | {"slots": self._slots})
        slots = [self._slot(number, length_s) for number in range(self._slots)]
        await asyncio.gather(self._beat(), *slots)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(4.0)
            held = [
                {"trial": t, "attempt": a, "step": 1, "value": 0.5} for t, a in self._held.items()
            ]
            about = {"host": self._host, "incarnation": "one"}
            await self._call("heartbeat", about | {"free": 0, "held": held})

    async def _slot(self, number: int, length_s: float) -> None:
        while True:
            taken = await self._tickets.brpop(["caviar.cpu"], timeout=1)
            if taken is None:
                continue
            message = json.loads(taken[1])
            ticket = json.loads(base64.b64decode(message["body"]))[0][0]
            who = {
                "trial": ticket["trial"],
                "attempt": ticket["attempt"],
                "nonce": uuid.uuid4().hex,
            }
            place = {"host": self._host, "incarnation": "one", "slot": number}
            claimed = await self._call("claim", who | place)
            if not claimed or not claimed["granted"]:
                continue
            self._held[ticket["trial"]] = ticket["attempt"]
            await asyncio.sleep(random.expovariate(1 / length_s))
            end = {"outcome": "done", "value": random.random(), "seconds": length_s}
            self._seen.ended[ticket["trial"]] = time.perf_counter()
            verdict = await self._call("finish", who | end)
            del self._held[ticket["trial"]]
            if not verdict or verdict["verdict"] != "accepted":
                self._seen.lost.append(f"{ticket['trial']}: its end was {verdict}")
            self._seen.trials += 1

    async def _call(self, what: str, body: Any) -> Any:
        began = time.perf_counter()
        path = f"{self._service.url}/api/v1/worker/{what}"
        headers = {"Authorization": f"Bearer {WORKER_TOKEN}"}
        async with self._http.post(path, json=body, headers=headers) as answer:
            content = await answer.json()
        self._seen.add(f"worker: {what}", began)
        if answer.status >= 300:
            self._seen.failed.append(f"{what}: {answer.status} {content}")
            return None
        return content


def start(folder: Path, clients: int) -> tuple[Service, list[str], list[subprocess.Popen[bytes]]]:
    """Redis, and the scheduler on a database with teams and tokens."""
    database = f"sqlite:///{folder / 'caviar.db'}"
    engine = open_engine(database)
    migrate(engine)
    teams = Teams(engine)
    for name in TEAMS:
        teams.add(name, 1.0, Quota())
    tokens = []
    for number in range(clients):
        fresh = new_token()
        teams.add_token(fresh, f"client-{number}", "submitter", TEAMS[number % len(TEAMS)], None)
        tokens.append(fresh.text)
    engine.dispose()
    broker = folder / "redis.sock"
    arguments = binaries.arguments(binaries.find_server(), broker, folder)
    queue = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
    port = random.randint(20_000, 40_000)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CAVIAR_")}
    environ |= {
        "CAVIAR_DATABASE_URL": database,
        "CAVIAR_BROKER_URL": f"redis+socket://{broker}",
        "CAVIAR_MLFLOW_URI": "http://127.0.0.1:9",
        "CAVIAR_TOKEN": TOKEN,
        "CAVIAR_WORKER_TOKEN": WORKER_TOKEN,
        "CAVIAR_PORT": str(port),
        "OMP_NUM_THREADS": "1",
    }
    with (folder / "scheduler.log").open("wb") as log:
        command = [sys.executable, "-m", "caviar.cli", "scheduler"]
        server = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
    service = Service(f"http://127.0.0.1:{port}", broker, psutil.Process(server.pid))
    return service, tokens, [server, queue]


async def measure(given: argparse.Namespace, service: Service, tokens: list[str]) -> Seen:
    seen = Seen()
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as http:
        await answers(http, service.url)
        hosts = [
            Slots(http, service, seen, f"host-{number}", given.slots // 4) for number in range(4)
        ]
        working = [asyncio.create_task(host.run(given.length)) for host in hosts]
        until = time.monotonic() + given.seconds

        async def client(number: int, token: str) -> None:
            if not given.burst and number % 2:
                await asyncio.sleep(random.uniform(0, START_S))
            await Client(http, service, token, seen).run(number, given, until)

        await asyncio.gather(*(client(number, token) for number, token in enumerate(tokens)))
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
    return seen


async def answers(http: aiohttp.ClientSession, url: str) -> None:
    for _ in range(300):
        try:
            async with http.get(f"{url}/api/v1/ready") as answer:
                if answer.status == 200:
                    return
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.1)
    raise SystemExit("the scheduler does not answer")


def table(seen: Seen, wall_s: float) -> None:
    print(f"{'':32} {'requests':>9} {'median':>8} {'95%':>8} {'99%':>8} {'most':>8}   ms")
    every = [took for kind, all_ in seen.took.items() for took in all_]
    clients = [t for kind, all_ in seen.took.items() if not kind.startswith("worker") for t in all_]
    rows = {
        **dict(sorted(seen.took.items())),
        "all of clients": clients,
        "20 s after the start": seen.later,
        "all": every,
    }
    rows["an end, until it is told"] = seen.delays
    for kind, took in rows.items():
        if len(took) < 2:
            continue
        cut = statistics.quantiles(took, n=100, method="inclusive")
        figures = (statistics.median(took), cut[94], cut[98], max(took))
        print(f"{kind:32} {len(took):9} " + " ".join(f"{1000 * f:8.1f}" for f in figures))
    print(
        f"{len(every) / wall_s:.0f} requests/s; {seen.studies} studies, {seen.trials} trials"
        f" ({seen.trials / wall_s:.0f}/s); lost {len(seen.lost)}, failed {len(seen.failed)}"
    )
    for line in (*seen.lost[:5], *seen.failed[:5]):
        print("  ", line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--poll", type=float, default=2.0, help="seconds between looks at a study")
    parser.add_argument("--slots", type=int, default=32)
    parser.add_argument("--length", type=float, default=1.0, help="mean seconds of a trial")
    parser.add_argument("--trials", type=int, default=2, help="of a study")
    parser.add_argument("--burst", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="caviar-") as name:
        service, tokens, processes = start(Path(name), given.clients)
        try:
            began, machine = time.monotonic(), psutil.cpu_times()
            own = time.process_time()
            seen = asyncio.run(measure(given, service, tokens))
            wall_s = time.monotonic() - began
            server = sum(service.server.cpu_times()[:2])
            own = time.process_time() - own
            now = psutil.cpu_times()
            busy = sum(now[:3]) - sum(machine[:3])
            table(seen, wall_s)
            threads = service.server.num_threads()
            size = service.server.memory_info().rss / 2**20
            print(
                f"processor time in {wall_s:.0f} s: server {server:.1f} s, these clients and slots {own:.1f} s,"
                f" all else on the machine {busy - server - own:.1f} s of {os.cpu_count()} cores;"
                f" server's threads {threads}, memory {size:.0f} MB; load {os.getloadavg()[0]:.1f}"
            )
        finally:
            for process in processes:
                process.terminate()
                process.wait()


if __name__ == "__main__":
    main()
