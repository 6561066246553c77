"""Whether slots wait.

    python benchmarks/engine/idle.py [--trials 160] [--slots 2 8] [--peers PEERS/bin/python]

Trainings that sleep, so that more slots than cores can be measured: of about 1 s (plus or minus 10%), and heavy-tailed
ones of the same mean (lognormal, sigma 1, at most 12 s), through the whole embedded service with proposals, rounds and
MLflow. Each training tells its first and its last moment by its own clock. A slot is busy while the function runs; the
share is that of all slots between the first training's start and the moment when fewer trials are left to start than
there are slots: from then on slots stand empty because the budget is spent.

Beside it, with the same trainings and the same MLflow server, what the interpreter ``--peers`` has: Optuna (with
optuna-integration), one process a slot that share a study on SQLite, with MLflowCallback; Ray Tune with its MLflow
logger.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from spans import Spans, all_trials, busy, gaps, spans_of

from caviar import embedded
from caviar.client.connection import Address, Client
from caviar.contract.views import Submission

DURATIONS = {
    "1 s, plus or minus 10%": "random.Random(number).uniform(0.9, 1.1)",
    "heavy-tailed, mean 1 s": "min(12.0, random.Random(number).lognormvariate(-0.5, 1.0))",
}
TRAINER = """
import random, time

def train(trial):
    began = time.time()
    number = trial.number
    time.sleep({duration})
    loss = (trial.params["x"] - 0.3) ** 2
    trial.report(0, loss=loss)
    return {{"loss": loss, "began": began, "ended": time.time()}}
"""
STUDY = """
name: idle
metric: {{name: loss, goal: minimize}}
trainer: {{function: "sleeper:train"}}
space:
  x: {{type: float, low: 0.0, high: 1.0}}
  y: {{type: float, low: 1.0e-4, high: 1.0, scale: log}}
  z: {{type: int, low: 1, high: 9}}
search: {{strategy: zoom, seed: 0}}
budget: {{trials: {trials}}}
"""
OPTUNA = """
import json, os, random, sys, time
import optuna
from optuna_integration import MLflowCallback
optuna.logging.set_verbosity(optuna.logging.ERROR)
storage, uri, trials, out = sys.argv[1], sys.argv[2], int(sys.argv[3]), open(sys.argv[4], "a")
def train(trial):
    began = time.time()
    x = trial.suggest_float("x", 0.0, 1.0)
    trial.suggest_float("y", 1e-4, 1.0, log=True)
    trial.suggest_int("z", 1, 9)
    number = trial.number
    time.sleep({duration})
    out.write(json.dumps([began, time.time()]) + "\\n")
    out.flush()
    return (x - 0.3) ** 2
study = optuna.create_study(study_name="idle", storage=storage, load_if_exists=True)
if not trials:
    sys.exit()
logged = MLflowCallback(tracking_uri=uri, metric_name="loss")
enough = optuna.study.MaxTrialsCallback(trials, states=None)
study.optimize(train, callbacks=[enough, logged])
"""
RAY = """
import json, random, sys, time
from ray import tune
from ray.air.integrations.mlflow import MLflowLoggerCallback
uri, trials, slots, out = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
import ray
ray.init(num_cpus=slots, include_dashboard=False, log_to_driver=False)
def train(config):
    began = time.time()
    number = int(config["y"] * 2**31)
    time.sleep({duration})
    with open(out, "a") as file:
        file.write(json.dumps([began, time.time()]) + "\\n")
    tune.report({{"loss": (config["x"] - 0.3) ** 2}})
logger = MLflowLoggerCallback(tracking_uri=uri, experiment_name="ray")
space = {{"x": tune.uniform(0, 1), "y": tune.uniform(0, 1), "z": tune.randint(1, 10)}}
tune.Tuner(
    tune.with_resources(train, {{"cpu": 1}}),
    param_space=space,
    tune_config=tune.TuneConfig(num_samples=trials, metric="loss", mode="min"),
    run_config=tune.RunConfig(callbacks=[logger], verbose=0),
).fit()
"""


def ours(address: Address, duration: str, trials: int, folder: Path) -> Spans:
    folder.mkdir()
    (folder / "sleeper.py").write_text(TRAINER.format(duration=duration))
    with Client(address) as client:
        text = STUDY.format(trials=trials)
        study = client.submit(Submission(text=text, folder=str(folder), resume=False)).id
        while not client.study(study).mlflow.closed:
            time.sleep(1.0)
        return spans_of(all_trials(client, study))


def optuna(python: str, url: str, duration: str, trials: int, slots: int, folder: Path) -> Spans:
    folder.mkdir()
    (folder / "peer.py").write_text(OPTUNA.format(duration=duration))
    command = [python, "peer.py", f"sqlite:///{folder}/optuna.db", url]
    subprocess.run([*command, "0", "spans"], cwd=folder, check=True, capture_output=True)
    processes = [
        subprocess.Popen([*command, str(trials), "spans"], cwd=folder, stderr=subprocess.DEVNULL)
        for _ in range(slots)
    ]
    for process in processes:
        if process.wait() != 0:
            raise SystemExit("Optuna failed.")
    return read(folder)


def ray(python: str, url: str, duration: str, trials: int, slots: int, folder: Path) -> Spans:
    folder.mkdir()
    (folder / "peer.py").write_text(RAY.format(duration=duration))
    command = [python, "peer.py", url, str(trials), str(slots), str(folder / "spans")]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return read(folder)


def has(python: str, package: str) -> bool:
    looked = subprocess.run([python, "-c", f"import {package}"], check=False, capture_output=True)
    return looked.returncode == 0


def read(folder: Path) -> Spans:
    return [tuple(json.loads(line)) for line in (folder / "spans").read_text().splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=160)
    parser.add_argument("--slots", type=int, nargs="+", default=[2, 8])
    parser.add_argument("--peers", default=sys.executable, help="interpreter that has the peers")
    chosen = parser.parse_args()
    print(f"{'slots':>5}  {'durations':24} {'':8} {'busy':>7}  {'between two trainings':>21}")
    for slots in chosen.slots:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            with embedded.service(
                folder / "home", slots, lambda _: None, only_this_study=False
            ) as service:
                address = Address(service.url, service.token)
                ours(address, "0.05", 20, folder / "warm")
                for number, (called, duration) in enumerate(DURATIONS.items()):
                    place = folder / str(number)
                    place.mkdir()
                    contenders = {"Caviar": ours(address, duration, chosen.trials, place / "ours")}
                    url = service.mlflow_url
                    if has(chosen.peers, "optuna_integration"):
                        contenders["Optuna"] = optuna(
                            chosen.peers, url, duration, chosen.trials, slots, place / "optuna"
                        )
                    if has(chosen.peers, "ray"):
                        contenders["Ray"] = ray(
                            chosen.peers, url, duration, chosen.trials, slots, place / "ray"
                        )
                    for peer, spans in contenders.items():
                        share = busy(spans, slots)
                        gap = statistics.median(gaps(spans, slots))
                        print(
                            f"{slots:5}  {called:24} {peer:8} {share:7.2%}  {1e3 * gap:18.1f} ms",
                            flush=True,
                        )


if __name__ == "__main__":
    main()
