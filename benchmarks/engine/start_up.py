"""How long from `caviar run` to the first trial training, and how much memory all processes take.

    python benchmarks/engine/start_up.py [--runs 3] [--slots 2]

Runs examples/digits from nothing, in a new home each time, and looks at files and processes from outside. Beside it,
in the same run: the seconds that a plain Python process needs to import the same trainer, which is the least that any
start can cost. Memory is the sum over all processes of the proportional set size (shared pages count once), at its
highest; the sum of resident set sizes, which counts shared pages again in each process, is printed too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits"
SAMPLE_S = 0.5


def memory(mark: str) -> tuple[float, float, dict[str, float]]:
    """(PSS, RSS, PSS by part) in MB of all processes that inherited TMPDIR=mark."""
    parts: dict[str, float] = {}
    resident = 0.0
    for process in psutil.process_iter():
        try:
            if process.environ().get("TMPDIR") != mark:
                continue
            full = process.memory_full_info()
            name = part_name(process.cmdline())
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
        parts[name] = parts.get(name, 0.0) + full.pss / 1e6
        resident += full.rss / 1e6
    return sum(parts.values()), resident, parts


def part_name(argv: list[str]) -> str:
    line = " ".join(argv)
    for name in ("guard.py", "redis-server", "valkey-server", "mlflow", "forkserver", "shipper"):
        if name in line:
            return name
    for name in ("scheduler", "refiner", "worker", "run"):
        if line.endswith(name) or f" {name} " in line:
            return name
    return "celery" if "caviar_worker.celery_main" in line else "other"


def one_run(slots: int) -> tuple[float, float, float, dict[str, float]]:
    """(seconds to the first training, peak PSS, RSS then, parts then)."""
    with tempfile.TemporaryDirectory() as folder:
        mark = str(Path(folder) / "tmp")
        Path(mark).mkdir()
        home = Path(folder) / "home"
        command = [sys.executable, "-m", "caviar.cli", "run", str(EXAMPLE / "study.yaml")]
        began = time.perf_counter()
        process = subprocess.Popen(
            [*command, "--workers", str(slots), "--home", str(home), "--json"],
            env=os.environ | {"TMPDIR": mark},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not any((home / "worker" / "trials").glob("*/group.json")):
            if process.poll() is not None:
                raise SystemExit("caviar run ended before a trial trained")
            time.sleep(0.02)
        first = time.perf_counter() - began
        peak: tuple[float, float, dict[str, float]] = (0.0, 0.0, {})
        while process.poll() is None:
            peak = max(peak, memory(mark), key=lambda sample: sample[0])
            time.sleep(SAMPLE_S)
        return first, *peak


def import_seconds() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import digits"], cwd=EXAMPLE, check=True)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--slots", type=int, default=2)
    chosen = parser.parse_args()
    firsts, imports, pss, rss = [], [], [], []
    parts: dict[str, float] = {}
    for _ in range(chosen.runs):
        imports.append(import_seconds())
        first, total, resident, parts = one_run(chosen.slots)
        firsts.append(first)
        pss.append(total)
        rss.append(resident)
        print(f"first trial after {first:.2f} s, peak {total:.0f} MB (resident {resident:.0f} MB)")
    print(f"median: first trial after {statistics.median(firsts):.2f} s")
    print(f"importing the trainer alone:  {statistics.median(imports):.2f} s")
    print(f"ratio  {statistics.median(firsts) / statistics.median(imports):.2f}")
    print(f"peak memory, shared pages once  {statistics.median(pss):.0f} MB")
    print(f"sum of resident set sizes then  {statistics.median(rss):.0f} MB")
    print(
        "by part at the last peak: " + ", ".join(f"{k} {v:.0f}" for k, v in sorted(parts.items()))
    )


if __name__ == "__main__":
    main()
