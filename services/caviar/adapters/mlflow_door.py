"""Who asks, told to MLflow's ``basic-auth`` app: its ``authorization_function``. It runs in MLflow's own process.

It believes two things and nothing else: the service's own secret as the password of MLflow's user ``service``, and the
user that the gateway names beside the secret that the two share. What each user may see is MLflow's to say, of what the
request's address names. MLflow 3.17 then changes the logged model that the body names: here the two have to be one.
"""

from __future__ import annotations

import hmac
import os
import re

from flask import Response, make_response, request
from werkzeug.datastructures import Authorization

from caviar.contract.gateway import (
    ENV_GATE_SECRET,
    ENV_MLFLOW_SECRET,
    SERVICE,
    SHOWN,
    USER,
    is_user,
)

_MODEL = re.compile(
    r"PATCH .*/mlflow/logged-models/([^/]+)(?:/tags)?|POST .*/mlflow/logged-models/([^/]+)/params"
)
_OF_MODEL = frozenset({"model_id", "status", "tags", "params"})
"""What may stand in such a body. MLflow reads other spellings too, such as ``modelId``."""


def authenticate() -> Authorization | Response:
    """The user as an Authorization, or the refusal, 401."""
    user = request.headers.get(USER, "")
    if is_user(user) and _same(request.headers.get(SHOWN, ""), ENV_GATE_SECRET):
        if not _is_of_its_model():
            return make_response("The body is about another logged model than the address.", 403)
        return Authorization("basic", {"username": user, "password": ""})
    given = request.authorization
    as_service = given is not None and (given.type, given.username) == ("basic", SERVICE)
    if given and as_service and _same(given.password or "", ENV_MLFLOW_SECRET):
        return Authorization("basic", {"username": SERVICE, "password": ""})
    return make_response("Nobody comes in here but through the gateway.", 401)


def _same(given: str, variable: str) -> bool:
    """An unset secret is nobody's: `caviar mlflow` does not start without one."""
    wanted = os.environ.get(variable, "")
    return bool(wanted) and hmac.compare_digest(given.encode(), wanted.encode())


def _is_of_its_model() -> bool:
    """Whether a request that changes a logged model names the same one, and nothing that is read as another."""
    found = _MODEL.fullmatch(f"{request.method} {request.path}")
    if found is None:
        return True
    body = request.get_json(force=True, silent=True)
    named = found[1] or found[2]
    return (
        isinstance(body, dict) and body.keys() <= _OF_MODEL and body.get("model_id", named) == named
    )
