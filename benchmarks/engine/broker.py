"""What the way to Redis through the service costs, beside a worker that reaches Redis itself.

    python benchmarks/engine/broker.py [--tickets 200] [--lines 200]

A real Redis, a real scheduler, and two real Celery workers that only note when a ticket comes: one reaches Redis, one
the socket of a tunnel (a process of its own here, so that its time can be told apart). Tickets are sent to the two in
turn, so that whatever else the machine does strikes both.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
from websockets.asyncio.client import connect

from caviar.adapters.queue import ticket_sender
from caviar.contract.messages import Ticket
from caviar.contract.names import BROKER_PATH, queue_name
from caviar.embedded.redis import arguments, find_server

PASSWORD = "a-password-of-redis-of-the-benchmark"  # noqa: S105 # pragma: allowlist secret
OPERATOR = "an-operators-token-of-the-benchmark"
TOKEN = "a-workers-token-of-the-benchmark"  # noqa: S105
PORT = 18_642
WORKER = """
import json, sys, time
from kombu import Exchange, Queue
from caviar_worker import app as module
broker, name, out = sys.argv[1:]
module._slot = object()
file = open(out, "a", buffering=1)
module.run_ticket = lambda _slot, ticket: file.write(f"{ticket['number']} {time.time()}\\n")
app = module.make_app(broker)
app.conf.task_queues = [Queue(name, Exchange(name), name, no_ack=True, no_declare=True)]
app.worker_main(["--quiet", "worker", f"--hostname={name}", "--concurrency=1", f"--queues={name}",
    "--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=ERROR"])
"""
TUNNEL = """
import os, threading
from caviar_worker.settings import WorkerSettings
from caviar_worker.tunnel import Tunnel
Tunnel(WorkerSettings.from_environ(os.environ), lambda: os.getsid(0), threading.Event()).run()
"""


@contextmanager
def running(*command: str, **environ: str) -> Iterator[psutil.Process]:
    process = subprocess.Popen(
        command, env={**os.environ, **environ}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until(there: object, what: str, deadline: float = 60.0) -> None:
    end = time.monotonic() + deadline
    while not there():  # type: ignore[operator]
        if time.monotonic() > end:
            raise SystemExit(f"waited {deadline:g} s in vain for {what}")
        time.sleep(0.02)


def cpu(process: psutil.Process) -> float:
    """Seconds of processor time so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


def ticket(number: int) -> Ticket:
    params = {"learning_rate": 0.0123, "momentum": 0.9, "hidden_units": 64, "batch_size": 32}
    return Ticket(
        trial=f"0a1b2c3d-{number}", study="0a1b2c3d", number=number, attempt=1, params=params
    )


def came(path: Path) -> dict[int, float]:
    lines = path.read_text().splitlines() if path.exists() else []
    return {int(line.split()[0]): float(line.split()[1]) for line in lines}


def latencies(
    broker: str, outs: dict[str, Path], count: int, parts: dict[str, psutil.Process]
) -> dict[str, object]:
    send = ticket_sender(broker)
    for name in outs:
        send(ticket(0), queue_name(name))
    until(lambda: all(came(out) for out in outs.values()), "both workers", 60)
    time.sleep(2)
    idle = {name: cpu(part) for name, part in parts.items()}
    time.sleep(10)
    idle = {name: (cpu(part) - idle[name]) / 10 for name, part in parts.items()}
    sent: dict[tuple[str, int], float] = {}
    began, used = time.monotonic(), {name: cpu(part) for name, part in parts.items()}
    for number in range(1, count + 1):
        for name in outs:
            sent[name, number] = time.time()
            send(ticket(number), queue_name(name))
            time.sleep(0.02)
    until(lambda: all(len(came(out)) == count + 1 for out in outs.values()), "all tickets")
    took = time.monotonic() - began
    found: dict[str, object] = {}
    for name, out in outs.items():
        waits = sorted(1000 * (at - sent[name, n]) for n, at in came(out).items() if n)
        found[f"{name}_ms"] = round(statistics.median(waits), 2)
        found[f"{name}_ms_nine_of_ten"] = round(waits[int(0.9 * len(waits))], 2)
    for name, part in parts.items():
        found[f"{name}_cpu_ms_a_ticket"] = round(
            1000 * (cpu(part) - used[name] - idle[name] * took) / count, 3
        )
        found[f"{name}_idle_cpu_percent"] = round(100 * idle[name], 2)
    return found


async def many(count: int, scheduler: psutil.Process) -> dict[str, object]:
    """Lines that say nothing, then lines that ask for a ticket again and again, as Celery's workers do."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    before = scheduler.memory_full_info().uss
    url = f"ws://127.0.0.1:{PORT}{BROKER_PATH}"
    lines = [
        await connect(url, additional_headers=headers, compression=None, proxy=None)
        for _ in range(count)
    ]
    await asyncio.sleep(2)
    memory = (scheduler.memory_full_info().uss - before) / count
    used = cpu(scheduler)
    await asyncio.sleep(10)
    silent = (cpu(scheduler) - used) / 10
    key = queue_name("nobody").encode()
    question = b"*3\r\n$5\r\nBRPOP\r\n$%d\r\n%s\r\n$1\r\n1\r\n" % (len(key), key)

    async def consume(index: int) -> None:
        await asyncio.sleep(index / count)
        for _ in range(10):
            await lines[index].send(question)
            await lines[index].recv()

    used, began = cpu(scheduler), time.monotonic()
    await asyncio.gather(*(consume(index) for index in range(count)))
    asking = (cpu(scheduler) - used) / (time.monotonic() - began)
    threads = scheduler.num_threads()
    await asyncio.gather(*(line.close() for line in lines))
    return {
        "kb_a_line": round(memory / 1024, 1),
        "silent_cpu_percent": round(100 * silent, 2),
        "asking_cpu_percent": round(100 * asking, 2),
        "scheduler_cpu_ms_a_question": round(1000 * (asking - silent) / count, 3),
        "threads": threads,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tickets", type=int, default=200)
    parser.add_argument("--lines", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cav-", dir="/tmp") as name, ExitStack() as stack:
        folder = Path(name)
        socket = folder / "redis.sock"
        broker = f"redis+socket://:{PASSWORD}@{socket}"
        server = arguments(find_server(), socket, folder)
        stack.enter_context(running(*server, "--requirepass", PASSWORD))
        until(socket.exists, "Redis")
        url = f"http://127.0.0.1:{PORT}"
        python = sys.executable
        scheduler = stack.enter_context(
            running(
                *(python, "-m", "caviar.cli", "scheduler"),
                CAVIAR_DATABASE_URL=f"sqlite:///{folder / 'caviar.db'}",
                CAVIAR_BROKER_URL=broker,
                CAVIAR_MLFLOW_URI="http://127.0.0.1:9",
                CAVIAR_TOKEN=OPERATOR,
                CAVIAR_WORKER_TOKEN=TOKEN,
                CAVIAR_PORT=str(PORT),
            )
        )
        run = folder / "run"
        run.mkdir(mode=0o700)
        tunnel = stack.enter_context(
            running(
                *(python, "-c", TUNNEL),
                CAVIAR_URL=url,
                CAVIAR_WORKER_TOKEN=TOKEN,
                CAVIAR_BROKER_URL="",
                MLFLOW_TRACKING_URI="http://127.0.0.1:9",
                CAVIAR_WORKER_DIR=str(folder),
                CAVIAR_WORKER_CLASS="cpu",
            )
        )
        until((run / "broker.sock").exists, "the tunnel")
        outs = {"direct": folder / "direct", "tunnel": folder / "tunnel"}
        ways = {"direct": broker, "tunnel": f"redis+socket://{run / 'broker.sock'}"}
        for way, out in outs.items():
            stack.enter_context(running(python, "-c", WORKER, ways[way], queue_name(way), str(out)))
        parts = {"tunnel_process": tunnel}
        found = latencies(broker, outs, given.tickets, parts)
        found["tunnel_process_mb"] = round(tunnel.memory_full_info().uss / 1e6, 1)
        found |= asyncio.run(many(given.lines, scheduler))
        print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
