"""What a trial costs its slot beside training.

    python benchmarks/engine/no_op_trial.py [--trials 300] [--slots 2]

Trains a function that does nothing but report ten times, through the whole embedded service, and then logs the same
trials to the same MLflow server with plain fluent calls in one loop, as a script does. Prints milliseconds a trial and
the ratio of the two. The slot's time is measured between the first claim and the last finish in the scheduler's books:
slots * seconds / trials.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from pathlib import Path

import psutil

from caviar import embedded
from caviar.cli.client import Address, Client
from caviar.contract.views import Submission, TrialView

PARTS = (
    "redis",
    "scheduler",
    "refiner",
    "shipper",
    "celery_main",
    "forkserver",
    "worker",
    "uvicorn",
    "mlflow",
)
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


def all_trials(client: Client, study: str) -> list[TrialView]:
    rows: list[TrialView] = []
    while page := client.trials(study, after=rows[-1].number if rows else -1):
        rows += page
    return rows


def ours(url: str, token: str, trials: int, folder: Path) -> tuple[list[TrialView], float]:
    """The finished trials, and the seconds until all of them were in MLflow."""
    (folder / "noop.py").write_text(TRAINER)
    with Client(Address(url, token)) as client:
        began = time.time()
        study = client.submit(
            Submission(text=STUDY.format(trials=trials), folder=str(folder), resume=False)
        ).id
        while not (view := client.study(study)).mlflow.closed:
            finished = sum(view.counts[s] for s in ("done", "failed"))
            print(
                f"\r{finished} of {trials} trials, {view.mlflow.pending} on the way to MLflow   ",
                end="",
                file=sys.stderr,
            )
            time.sleep(1.0)
        print(file=sys.stderr)
        return all_trials(client, study), time.time() - began


def cpu_seconds() -> dict[str, float]:
    """CPU time by part of all processes below this one, ended children included."""
    parts: dict[str, float] = {}
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            words = " ".join(process.cmdline())
            name = next((word for word in PARTS if word in words), "other")
            parts[name] = parts.get(name, 0.0) + sum(process.cpu_times())
    return parts


def fluent(url: str, trials: int) -> float:
    """Seconds a trial of the usual script: start_run, log_params, log_metric ten times."""
    import mlflow

    mlflow.set_tracking_uri(url)
    mlflow.set_experiment("fluent")
    began = time.perf_counter()
    for number in range(trials):
        with mlflow.start_run(run_name=f"t{number}"):
            mlflow.log_params({"x": 0.5, "y": 0.5, "z": 3})
            for step in range(10):
                mlflow.log_metric("loss", step, step=step)
    return (time.perf_counter() - began) / trials


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--slots", type=int, default=2)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        home = Path(name) / "home"
        with embedded.service(home, chosen.slots, print, only_this_study=False) as service:
            with Client(Address(service.url, service.token)) as client:
                while not client.workers():
                    time.sleep(0.2)
            ours(service.url, service.token, 20, Path(name))
            before = cpu_seconds()
            rows, in_mlflow = ours(service.url, service.token, chosen.trials, Path(name))
            spent = {
                part: seconds - before.get(part, 0.0) for part, seconds in cpu_seconds().items()
            }
            peer = fluent(service.mlflow_url, 30)
    done = [row for row in rows if row.state == "done" and row.started and row.ended]
    wall = max(row.ended or 0.0 for row in done) - min(row.started or 0.0 for row in done)
    slot = chosen.slots * wall / len(done)
    print(f"{len(done)} of {chosen.trials} trials done with {chosen.slots} slots")
    print(f"slot's time a trial          {1e3 * slot:7.1f} ms   ({len(done) / wall:.1f} trials/s)")
    shares = sorted(spent.items(), key=lambda item: -item[1])
    print(
        "CPU ms a trial: "
        + ", ".join(f"{part} {1e3 * seconds / len(done):.1f}" for part, seconds in shares)
    )
    print(f"until all are in MLflow      {1e3 * in_mlflow / len(done):7.1f} ms a trial")
    print(f"plain fluent MLflow calls    {1e3 * peer:7.1f} ms a trial, in one loop")
    print(f"ratio of the slot's time to the plain calls  {slot / peer:.2f}")


if __name__ == "__main__":
    main()
