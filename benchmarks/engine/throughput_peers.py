"""The trials of :mod:`throughput` in other tools; run by it, with the peers' interpreter.

Each peer gets ready (imports, processes, a connection), prints ``ready``, waits for a line on its standard input and
then runs its trials with two workers. A trial has three parameters and reports the metric ``loss`` ten times.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

STEPS = 10
SLOTS = 2


def ready() -> None:
    print("ready", flush=True)
    sys.stdin.readline()


def loss(params: dict[str, Any], step: int) -> float:
    return float(params["x"]) + step


# Optuna: two processes on one RDB storage, as its documentation has it


def suggest(trial: Any) -> dict[str, Any]:
    return {
        "x": trial.suggest_float("x", 0.0, 1.0),
        "y": trial.suggest_float("y", 1e-4, 1.0, log=True),
        "z": trial.suggest_int("z", 1, 9),
    }


def optuna_final(trial: Any) -> float:
    """The callback logs parameters and the final value, nothing else."""
    params = suggest(trial)
    for step in range(STEPS):
        trial.report(loss(params, step), step)
    return loss(params, STEPS - 1)


def optuna_points(trial: Any) -> float:
    """Within ``track_in_mlflow`` an objective logs what it likes into the trial's run."""
    import mlflow

    params = suggest(trial)
    for step in range(STEPS):
        trial.report(loss(params, step), step)
        mlflow.log_metric("loss", loss(params, step), step=step)
    return loss(params, STEPS - 1)


def optuna_worker(storage: str, job: dict[str, Any], points: bool, barrier: Any) -> None:
    import optuna
    from optuna_integration import MLflowCallback

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # With the points the callback's own final value would be one more of the metric.
    metric = "value" if points else "loss"
    log = MLflowCallback(job["uri"], metric)  # into the experiment that has the study's name
    objective = log.track_in_mlflow()(optuna_points) if points else optuna_final
    study = optuna.load_study(
        study_name=job["experiment"], storage=storage, sampler=optuna.samplers.RandomSampler()
    )
    barrier.wait()
    barrier.wait()
    study.optimize(objective, n_trials=job["trials"] // SLOTS, callbacks=[log])


def run_optuna(job: dict[str, Any], points: bool) -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = f"sqlite:///{job['folder']}/{job['experiment']}.db"
    optuna.create_study(study_name=job["experiment"], storage=storage)
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(SLOTS + 1)
    workers = [
        context.Process(target=optuna_worker, args=(storage, job, points, barrier))
        for _ in range(SLOTS)
    ]
    for worker in workers:
        worker.start()
    barrier.wait()
    ready()
    barrier.wait()
    for worker in workers:
        worker.join()


# Ray Tune with its MLflow logger, two trials at once


def ray_trainable(config: dict[str, Any]) -> None:
    from ray import tune

    for step in range(STEPS):
        tune.report({"loss": loss(config, step)})


def run_ray(job: dict[str, Any]) -> None:
    import ray
    from ray import tune
    from ray.air.integrations.mlflow import MLflowLoggerCallback

    ray.init(num_cpus=SLOTS, include_dashboard=False, log_to_driver=False)
    space = {"x": tune.uniform(0.0, 1.0), "y": tune.loguniform(1e-4, 1.0), "z": tune.randint(1, 10)}

    def fit(trials: int, callbacks: list[Any]) -> None:
        tune.Tuner(
            ray_trainable,
            param_space=space,
            tune_config=tune.TuneConfig(
                metric="loss", mode="min", num_samples=trials, max_concurrent_trials=SLOTS
            ),
            run_config=tune.RunConfig(
                storage_path=f"{job['folder']}/ray", callbacks=callbacks, verbose=0
            ),
        ).fit()

    fit(SLOTS, [])  # its workers are started and have imported it
    ready()
    fit(job["trials"], [MLflowLoggerCallback(job["uri"], experiment_name=job["experiment"])])
    ray.shutdown()


# Celery: a task a trial, prefork with two children, results in MLflow only


def celery_app() -> Any:
    from celery import Celery

    app = Celery("throughput_peers", broker=os.environ["PEERS_BROKER"])
    app.conf.update(task_ignore_result=True, worker_prefetch_multiplier=1)
    app.task(name="fluent")(fluent)
    app.task(name="three_calls")(three_calls)
    return app


def fluent(number: int, params: dict[str, Any]) -> None:
    """The usual script."""
    import mlflow

    with mlflow.start_run(experiment_id=os.environ["PEERS_EXPERIMENT"], run_name=f"t{number}"):
        mlflow.log_params(params)
        for step in range(STEPS):
            mlflow.log_metric("loss", loss(params, step), step=step)


def three_calls(number: int, params: dict[str, Any]) -> None:
    """The least that MLflow's client can do it with."""
    from mlflow.entities import Metric, Param

    client = mlflow_client()
    run = client.create_run(os.environ["PEERS_EXPERIMENT"], run_name=f"t{number}").info.run_id
    now = int(time.time() * 1000)
    client.log_batch(
        run,
        [Metric("loss", loss(params, step), now, step) for step in range(STEPS)],
        [Param(name, str(value)) for name, value in params.items()],
    )
    client.set_terminated(run)


def mlflow_client() -> Any:
    from mlflow.tracking import MlflowClient

    if not hasattr(mlflow_client, "made"):
        mlflow_client.made = MlflowClient()  # type: ignore[attr-defined]
    return mlflow_client.made  # type: ignore[attr-defined]


def celery_worker() -> None:
    import mlflow  # noqa: F401 - once, before the children are forked

    options = ["--concurrency", str(SLOTS), "--loglevel", "warning", "--without-gossip"]
    celery_app().worker_main(["worker", *options])


def run_celery(job: dict[str, Any], task: str) -> None:
    os.environ |= {
        "PEERS_BROKER": job["broker"],
        "PEERS_EXPERIMENT": job["experiment_id"],
        "MLFLOW_TRACKING_URI": job["uri"],
    }
    if task == "three_calls":
        # Otherwise the end of a run prints its address, for which it asks the server again.
        os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    worker = subprocess.Popen([sys.executable, __file__, "celery-worker"], stdout=sys.stderr)
    try:
        app = celery_app()
        while not app.control.ping(timeout=0.5):
            pass
        ready()
        for number in range(job["trials"]):
            app.send_task(task, args=[number, {"x": 0.5, "y": 0.01, "z": 3}])
        sys.stdin.readline()  # all of it is in MLflow
    finally:
        worker.terminate()
        worker.wait()


PEERS: dict[str, tuple[str, Callable[[dict[str, Any]], None]]] = {
    "optuna-final": ("optuna_integration", lambda job: run_optuna(job, points=False)),
    "optuna-points": ("optuna_integration", lambda job: run_optuna(job, points=True)),
    "ray": ("ray", run_ray),
    "celery-fluent": ("celery", lambda job: run_celery(job, "fluent")),
    "celery-three-calls": ("celery", lambda job: run_celery(job, "three_calls")),
}
"""What must be installed, and how it runs."""


if __name__ == "__main__":
    if sys.argv[1] == "celery-worker":
        celery_worker()
    else:
        PEERS[sys.argv[1]][1](json.loads(sys.argv[2]))
