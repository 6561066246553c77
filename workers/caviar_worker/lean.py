"""What keeps MLflow's client small and quick in the processes of a worker that do nothing but use it."""

from __future__ import annotations

import os
import sys

from caviar.contract.names import ENV_MLFLOW_TOKEN
from caviar_worker.settings import WorkerSettings

_UNUSED = ("pandas", "pyarrow", "sklearn", "matplotlib", "scipy")
"""What it imports where it finds it: 185 MB and 3.6 s with, 89 MB and 2 s without."""
_NOTEBOOKS = ("IPython", "dbruntime", "pyspark")
"""What it looks for on every request, to learn whether it runs in a notebook: a third of the client's time."""


def prepare_mlflow(settings: WorkerSettings) -> None:
    """Call once at the start of a process, before MLflow is imported. The packages above are hidden from then on.

    Behind the gateway, this process shows the worker's token to MLflow as well. No trial sees this environment.
    """
    if settings.behind_gateway:
        os.environ[ENV_MLFLOW_TOKEN] = settings.token
    for name in (*_UNUSED, *_NOTEBOOKS):
        sys.modules[name] = None  # type: ignore[assignment]
    # With its defaults one call blocks for 247 s while the server is away. The spool is our retry.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    # Printing a run's address when it ends fetches the run first: as much as all else together.
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault(
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false"
    )  # they would fill the log
