"""Names that two processes must agree on: tasks, queues, tags, run names, environment variables."""

from __future__ import annotations

import re

TASK_TRIAL = "caviar.trial"
"""The one Celery task: its only argument is a Ticket as JSON."""


def queue_name(resource_class: str) -> str:
    """The Celery queue of a resource class (``cpu``, ``gpu`` or a label)."""
    return f"caviar.{resource_class}"


BROKER_PATH = "/api/v1/broker"
"""The WebSocket through which workers come to Redis."""


ATTEMPTS = 100
"""After the store was lost, or a backup restored, attempts go on at the next hundred, which no worker has seen."""


def trial_id(study_id: str, number: int, rebuilt: int = 0) -> str:
    """A function of study and number: creating a trial twice is a conflict, not a second trial.

    ``rebuilt`` is how many times the study had come back from MLflow. A worker may still hold a trial of before that
    was forgotten with the store; the one that takes its number is another point, and must not meet its checkpoints or
    its run.
    """
    return f"{study_id}-r{rebuilt}-{number}" if rebuilt else f"{study_id}-{number}"


def study_of(trial: str) -> str:
    """The study's id in a trial's."""
    return trial.partition("-")[0]


def rebuilt_of(trial: str) -> int:
    """How many times the study of a trial, by its id, had come back when the trial was created."""
    found = re.fullmatch(r"[a-z0-9]+-r([1-9][0-9]{0,8})-[0-9]+", trial)
    return int(found[1]) if found else 0


def is_forgotten(trial: str, attempt: int, rebuilt: int) -> bool:
    """Whether an attempt is of before its study came back for the ``rebuilt``-th time: the service may not know it.

    Each time, the attempts of a trial that goes on under its name continue at the next hundred.
    """
    return attempt < ATTEMPTS * (rebuilt - rebuilt_of(trial))


def study_run_name(study_name: str, study_id: str) -> str:
    return f"{study_name} {study_id}"


def round_run_name(round_index: int) -> str:
    """For instance ``round 02``: a table that is sorted by name has them in order."""
    return f"round {round_index:02d}"


def trial_run_name(number: int) -> str:
    """For instance ``trial 0017``. Which round proposed it, a tag says."""
    return f"trial {number:04d}"


# MLflow tag keys. ``mlflow.*`` are MLflow's own.
TAG_KIND = "caviar.kind"  # study | round | trial
TAG_STUDY = "caviar.study"
TAG_TEAM = "caviar.team"
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
TAG_ADDED = "caviar.added"  # a person chose the point
TAG_END = "caviar.end"  # how a trial ended: contract.ending.TrialEnd
TAG_REBUILT = "caviar.rebuilt"  # how many times a study came back from MLflow
TAG_STOPPED = "caviar.stopped_early"  # where a stopping rule ended the trial
TAG_BRANCH = "caviar.branched_from"  # STUDY/rN
TAG_ORIGIN = "caviar.origin"  # where a fork began: messages.Origin, in pieces where it is long
TAG_CHANGE = "caviar.change."  # with the number: a value that was set while it trained
TAG_ABANDONED = "caviar.abandoned"  # from which step on a run was taken back
TAG_CHAMPION = "caviar.champion"  # what a study recommends: recheck.ChampionView in JSON; ALIAS of a registered model
TAG_PROPOSED = "caviar.proposed"  # what may become it
TAG_VERDICT = "caviar.verdict"  # of a check: holds | moved | inconclusive
TAG_CHECKED = "caviar.checked"  # the study whose champion a check is about
TAG_VERSION = "caviar.version"
TAG_CODE = "caviar.code"
TAG_BUNDLE = "caviar.bundle"  # the digest of the code that a study brought along
TAG_PARENT = "mlflow.parentRunId"
TAG_NOTE = "mlflow.note.content"
TAG_USER = "mlflow.user"
TAG_SOURCE = "mlflow.source.name"
TAG_GIT_COMMIT = "mlflow.source.git.commit"

ALIAS_CHAMPION = "champion"
ALIAS_PROPOSED = "proposed"

# Environment of the processes (the full list of settings is in caviar.settings).
ENV_API = "CAVIAR_URL"
ENV_TOKEN = "CAVIAR_TOKEN"  # noqa: S105 - the variable's name, not a token
ENV_WORKER_TOKEN = "CAVIAR_WORKER_TOKEN"  # noqa: S105 - the variable's name, not a token
ENV_BROKER = "CAVIAR_BROKER_URL"
ENV_MLFLOW = "MLFLOW_TRACKING_URI"
ENV_MLFLOW_TOKEN = "MLFLOW_TRACKING_TOKEN"  # noqa: S105
