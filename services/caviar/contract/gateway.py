"""What the gateway, the scheduler and MLflow agree on: headers, the cookie, MLflow's prefix and users.

browser, program, worker, trial --> gateway --/gate?--> scheduler: 204 and X-Caviar-User, 401 or 403
                                       |
                                       +-- X-Caviar-User, X-Caviar-Gate --> MLflow
"""

from __future__ import annotations

import re
from typing import Final

GATE: Final = "/gate"
"""The scheduler's route that the gateway asks about each request to MLflow, with GET."""
LOGIN: Final = "/login"
LOGOUT: Final = "/logout"
MLFLOW: Final = "/mlflow"
"""MLflow's prefix, at the gateway and on its own server."""

COOKIE: Final = "caviar_session"

# From the gateway to the scheduler: the request that it asks about, as it came.
ORIGINAL_URI: Final = "X-Original-URI"
ORIGINAL_METHOD: Final = "X-Original-Method"

USER: Final = "X-Caviar-User"
"""MLflow's user: from the scheduler to the gateway, and from there to MLflow."""
SHOWN: Final = "X-Caviar-Gate"
"""The secret that the gateway shows to MLflow beside the user's name."""
TO_LOGIN: Final = "X-Caviar-Login"
"""Beside a 401, where to send a person who wanted to see a page."""

# MLflow's users, beside two for each team.
SERVICE: Final = "service"
OPERATOR: Final = "operator"
WORKER: Final = "worker"

_USER: Final = re.compile(r"operator|worker|[a-z0-9][a-z0-9-]{0,31}\.(?:reader|writer)")

ENV_GATE_SECRET: Final = "CAVIAR_GATE_SECRET"  # noqa: S105 - the variables' names
ENV_MLFLOW_SECRET: Final = "CAVIAR_MLFLOW_SECRET"  # noqa: S105


def reader_of(team: str) -> str:
    return f"{team}.reader"


def writer_of(team: str) -> str:
    return f"{team}.writer"


def is_user(name: str) -> bool:
    """Whether it is a user that the gateway may name: never the service's own."""
    return _USER.fullmatch(name) is not None
