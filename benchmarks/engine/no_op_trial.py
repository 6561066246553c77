"""What a trial costs its slot beside training.

    python benchmarks/engine/no_op_trial.py [--trials 300] [--slots 2]

Trains through the whole embedded service, beside the work that goes to MLflow: first a function that does nothing but
report ten times, so that trials come as fast as they can and the processors are busy; then one that sleeps for 0.3 s
as well, so that processor time is free. A slot's cost is the time from one training's last moment to the first one of
the next on that slot, by the trainings' own clock. At last the same trials are logged to the same MLflow server with
plain fluent calls in one loop, as a script does.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil
from spans import all_trials, gaps, spans_of

from caviar import embedded
from caviar.client.connection import Address, Client
from caviar.contract.views import Submission, TrialView

PARTS = (
    "redis",
    "scheduler",
    "refiner",
    "shipper",
    "celery_main",
    "forkserver",
    "uvicorn",
    "mlflow",
)
"""Words of command lines, the first that fits; uvicorn is MLflow's server."""
TRAINER = """
import time

def train(trial):
    began = time.time()
    for step in range(10):
        trial.report(step, loss=trial.params["x"] + step)
    return {"began": began, "ended": time.time()}

def sleep(trial):
    began = time.time()
    time.sleep(0.3)
    train(trial)
    return {"began": began, "ended": time.time()}
"""
STUDY = """
name: no-op
metric: {{name: loss, goal: minimize}}
trainer: {{function: "noop:{function}"}}
space:
  x: {{type: float, low: 0.0, high: 1.0}}
  y: {{type: float, low: 1.0e-4, high: 1.0, scale: log}}
  z: {{type: int, low: 1, high: 9}}
search: {{strategy: random, seed: 0}}
budget: {{trials: {trials}}}
stop: none
"""


def ours(
    url: str, token: str, trials: int, folder: Path, function: str = "train"
) -> tuple[list[TrialView], float]:
    """The finished trials, and the seconds until all of them were in MLflow."""
    (folder / "noop.py").write_text(TRAINER)
    with Client(Address(url, token)) as client:
        began = time.time()
        study = client.submit(
            Submission(
                text=STUDY.format(trials=trials, function=function),
                folder=str(folder),
                resume=False,
            )
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
            calm, _ = ours(service.url, service.token, 60, Path(name), "sleep")
            peer = fluent(service.mlflow_url, 30)
    done = [row for row in rows if row.state == "done" and row.started and row.ended]
    wall = max(row.ended or 0.0 for row in done) - min(row.started or 0.0 for row in done)
    slot = chosen.slots * wall / len(done)
    print(f"{len(done)} of {chosen.trials} trials done with {chosen.slots} slots")
    print(f"slot's time a trial          {1e3 * slot:7.1f} ms   ({len(done) / wall:.1f} trials/s)")
    for what, trained in (("processors busy", rows), ("processor time free", calm)):
        cost = sorted(gaps(spans_of(trained), chosen.slots))
        print(
            f"from training to training    {1e3 * statistics.median(cost):7.1f} ms   with {what}; "
            f"nine of ten below {1e3 * cost[len(cost) * 9 // 10]:.1f}"
        )
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
