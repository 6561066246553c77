"""Names that two processes must agree on: tasks, queues, tags, run names, environment variables."""

from __future__ import annotations

TASK_TRIAL = "caviar.trial"
"""The one Celery task: its only argument is a Ticket as JSON."""


def queue_name(resource_class: str) -> str:
    """The Celery queue of a resource class (``cpu``, ``gpu`` or a label)."""
    return f"caviar.{resource_class}"


def study_run_name(study_name: str, study_id: str) -> str:
    return f"{study_name} {study_id}"


def round_run_name(round_index: int) -> str:
    return f"r{round_index}"


def trial_run_name(round_index: int, number: int) -> str:
    """For instance ``r2-t017``."""
    return f"r{round_index}-t{number:03d}"


# MLflow tag keys. ``mlflow.*`` are MLflow's own.
TAG_KIND = "caviar.kind"  # study | round | trial
TAG_STUDY = "caviar.study"
TAG_STUDY_NAME = "caviar.study_name"
TAG_ROUND = "caviar.round"
TAG_TRIAL = "caviar.trial"
TAG_NUMBER = "caviar.number"
TAG_ATTEMPT = "caviar.attempt"
TAG_STATE = "caviar.state"
TAG_SEED = "caviar.seed"
TAG_REPEATS = "caviar.repeats"  # the number of the trial whose point a trial trains again
TAG_HOST = "caviar.host"
TAG_REASON = "caviar.reason"
TAG_STOPPED = "caviar.stopped_early"  # where a stopping rule ended the trial
TAG_BRANCH = "caviar.branched_from"  # STUDY/rN
TAG_VERSION = "caviar.version"
TAG_CODE = "caviar.code"
TAG_PARENT = "mlflow.parentRunId"
TAG_NOTE = "mlflow.note.content"
TAG_USER = "mlflow.user"
TAG_SOURCE = "mlflow.source.name"
TAG_GIT_COMMIT = "mlflow.source.git.commit"

# Environment of the processes (the full list of settings is in caviar.settings).
ENV_API = "CAVIAR_URL"
ENV_WORKER_TOKEN = "CAVIAR_WORKER_TOKEN"  # noqa: S105 - the variable's name, not a token
ENV_BROKER = "CAVIAR_BROKER_URL"
ENV_MLFLOW = "MLFLOW_TRACKING_URI"
