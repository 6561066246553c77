"""The description of the API, for tools that read it: what FastAPI knows of the routes, and what all of them share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from caviar.api.problems import MEDIA_TYPE
from caviar.contract.gateway import COOKIE
from caviar.contract.views import ProblemView

PATH: Final = "/api/v1/openapi.json"
OPEN: Final = frozenset({"/api/v1/health", "/api/v1/ready", "/api/v1/hooks/mlflow/{study_id}"})
"""What needs no token. The hook wants MLflow's signature in its place."""
ALWAYS: Final = (400, 401, 403, 404, 405, 408, 413, 414, 421, 422, 429, 431, 500, 503)
"""Statuses that any address may answer with, as a problem."""
UNCHANGED: Final[dict[int | str, dict[str, Any]]] = {304: {"description": "Nothing changed."}}
CHANGED: Final[dict[int | str, dict[str, Any]]] = {412: {"$ref": "#/components/responses/Problem"}}
_ABOUT: Final = """\
Studies, their trials and rounds, the queue and the teams of one Caviar service.

Every answer that is no success is a problem (RFC 9457) whose `type` a program may branch on. Lists come in pages: the
header `Link` names the next one. Whatever creates takes an `Idempotency-Key`; what may be edited has an `ETag`.
"""


def describe(app: FastAPI) -> None:
    """Make ``app.openapi()`` the whole description, made once when it is first asked for."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _described(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(title=app.title, version=app.version, description=_ABOUT, routes=app.routes)
    parts = found.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["ProblemView"] = ProblemView.model_json_schema(
        ref_template="#/components/schemas/{model}"
    )
    parts["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer"},
        "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
    }
    parts["responses"] = {
        "Problem": {
            "description": "A problem: `type` says which.",
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemView"}}},
        }
    }
    found["security"] = [{"token": []}, {"session": []}]
    for path, method, operation in _operations(found):
        operation["tags"] = [_tag(path)]
        answers = operation["responses"]
        for status in (*ALWAYS, 409) if method != "get" else ALWAYS:
            if status == 422 or str(status) not in answers:  # 422 as FastAPI would answer it
                answers[str(status)] = {"$ref": "#/components/responses/Problem"}
        if path in OPEN:
            operation["security"] = []
    return found


def _operations(description: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _tag(path: str) -> str:
    """``/api/v1/studies/{study_id}`` is about studies."""
    return path.removeprefix("/api/v1/").partition("/")[0].strip("/") or "service"
