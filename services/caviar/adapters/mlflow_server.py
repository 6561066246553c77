"""MLflow's server as it stands behind the gateway: what `caviar mlflow` becomes."""

from __future__ import annotations

import configparser
import os
import secrets
import sys
import tempfile
from typing import NoReturn
from urllib.parse import urlsplit

from caviar.contract.gateway import ENV_GATE_SECRET, ENV_MLFLOW_SECRET, MLFLOW, SERVICE
from caviar.settings import MlflowSettings

DOOR = "caviar.adapters.mlflow_door:authenticate"


def become(settings: MlflowSettings) -> NoReturn:
    """Replace this process by MLflow's. No secret is in its arguments."""
    run = command(settings)
    os.execve(run[0], run, {**os.environ, **environment(settings, _config(settings))})


def command(settings: MlflowSettings) -> list[str]:
    inside, outside = urlsplit(settings.mlflow_uri), urlsplit(settings.public_url)
    hosts = {inside.netloc, outside.netloc, f"127.0.0.1:{inside.port or 80}"}
    return [
        *(sys.executable, "-m", "mlflow", "server"),
        *("--app-name", "basic-auth", "--workers", "1"),
        *("--host", settings.bind, "--port", str(inside.port or 80)),
        *("--static-prefix", MLFLOW),
        *("--artifacts-destination", settings.mlflow_artifacts),
        *("--allowed-hosts", ",".join(sorted(hosts))),
        *("--cors-allowed-origins", settings.public_url),
    ]


def environment(settings: MlflowSettings, config: str) -> dict[str, str]:
    """What is added to the process' own. The administrator's password is drawn anew each time: nobody uses it."""
    return {
        "MLFLOW_BACKEND_STORE_URI": settings.mlflow_database_url,
        "MLFLOW_AUTH_CONFIG_PATH": config,
        "MLFLOW_AUTH_ADMIN_USERNAME": SERVICE,
        "MLFLOW_AUTH_ADMIN_PASSWORD": secrets.token_urlsafe(32),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_urlsafe(32),
        "MLFLOW_BASIC_AUTH_FAIL_CLOSED": "true",
        "MLFLOW_SERVER_ENABLE_GRAPHQL_AUTH": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        ENV_GATE_SECRET: settings.gate_secret.get_secret_value(),
        ENV_MLFLOW_SECRET: settings.mlflow_secret.get_secret_value(),
    }


def _config(settings: MlflowSettings) -> str:
    """The file that MLflow reads what it authorizes by from; its owner's alone: the database's password is in it.

    The tables of MLflow's users have a version of their own, so that they may lie beside those of its runs.
    """
    parser = configparser.ConfigParser(interpolation=None)
    parser["mlflow"] = {
        "default_permission": "NO_PERMISSIONS",
        "database_uri": settings.mlflow_database_url.replace("%", "%%"),
        "authorization_function": DOOR,
        "grant_default_workspace_access": "false",
    }
    handle, path = tempfile.mkstemp(prefix="caviar-mlflow-", suffix=".ini")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        parser.write(file)
    return path
