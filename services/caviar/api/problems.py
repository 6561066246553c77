"""Errors as problem details (RFC 9457): every answer that is no success has this form.

``type`` is what a program branches on; docs/reference/api.md lists them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from caviar.contract.views import ProblemView
from caviar.errors import CaviarError, InputError, NotAllowed

MEDIA_TYPE: Final = "application/problem+json"
PREFIX: Final = "urn:caviar:problem:"

KINDS: Final[dict[str, tuple[int, str]]] = {
    "malformed": (422, "The request is malformed"),
    "input": (422, "The input is wrong"),
    "bad-request": (400, "The request cannot be read"),
    "unauthenticated": (401, "No token, or one that does not hold"),
    "forbidden": (403, "The token may not do this"),
    "not-found": (404, "There is no such thing"),
    "method": (405, "This address does not take this method"),
    "slow": (408, "The request did not come in time"),
    "not-possible": (409, "Not possible now"),
    "key-in-use": (409, "The first request with this key is not answered yet"),
    "protocol": (409, "Worker and service do not understand each other"),
    "outcome-unknown": (409, "Nobody knows what became of the first request with this key"),
    "changed-meanwhile": (412, "Somebody changed it meanwhile"),
    "too-large": (413, "The body is too large"),
    "address-too-long": (414, "The address is too long"),
    "misdirected": (421, "This service is not called so"),
    "key-reused": (422, "The key was used for another request"),
    "too-many": (429, "Too many requests"),
    "headers-too-large": (431, "The headers are too large"),
    "internal": (500, "The service failed"),
    "unavailable": (503, "A part of the service is away"),
}
"""What ``type`` may be after its prefix, with its status and its title."""

_BY_STATUS: Final = {
    status: kind
    for kind, (status, _) in reversed(KINDS.items())
    if kind not in ("key-in-use", "outcome-unknown", "protocol", "key-reused", "input")
}

Problems = list[dict[str, str | int | list[str] | None]]


class Refused(HTTPException):
    """A refusal of one of the ``KINDS``, where the status alone would not say which."""

    def __init__(self, kind: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(KINDS[kind][0], detail, dict(headers) if headers else None)
        self.kind = kind


def add_problem_handlers(app: FastAPI) -> None:
    app.add_exception_handler(CaviarError, _caviar_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(Exception, _unexpected)


def problem(
    kind: str,
    detail: str,
    problems: Problems | None = None,
    headers: Mapping[str, str] | None = None,
    status: int | None = None,
) -> Response:
    """The answer. ``status`` is the kind's own unless given."""
    usual, title = KINDS[kind]
    view = ProblemView(
        type=PREFIX + kind,
        title=title,
        status=status or usual,
        detail=_clean(detail),
        problems=_cleaned(problems or []),
    )
    return Response(view.model_dump_json(), view.status, headers=headers, media_type=MEDIA_TYPE)


def _caviar_error(_request: Request, error: Exception) -> Response:
    if isinstance(error, InputError):
        problems: Problems = [
            {
                "path": list(one.path),
                "reason": one.reason,
                "way_out": one.way_out,
                "line": one.line,
            }
            for one in error.problems
        ]
        return problem("input", str(error), problems)
    return problem("not-possible" if isinstance(error, NotAllowed) else "unavailable", str(error))


def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error, Refused):
        kind = error.kind
    else:
        other = "bad-request" if error.status_code < 500 else "internal"
        kind = _BY_STATUS.get(error.status_code, other)
    return problem(kind, str(error.detail), headers=error.headers, status=error.status_code)


def _invalid_request(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found: list[tuple[list[str], str]] = [
        ([str(part) for part in entry["loc"]], str(entry["msg"])) for entry in error.errors()
    ]
    problems: Problems = [{"path": path, "reason": reason, "way_out": ""} for path, reason in found]
    detail = "; ".join(f"{'.'.join(path)}: {reason}" for path, reason in found)
    return problem("malformed", detail, problems)


def _unexpected(_request: Request, _error: Exception) -> Response:
    """Starlette raises it again, so that the server's log has it whole."""
    return problem("internal", "The service failed: its log says why. Nothing else is known of it.")


def _clean(text: str) -> str:
    """Half of a surrogate pair is no Unicode text: JSON has a way to write one, UTF-8 has not."""
    return text.encode("utf-8", "replace").decode()


def _cleaned(problems: Problems) -> Problems:
    def clean(value: Any) -> Any:
        if isinstance(value, str):
            return _clean(value)
        return [_clean(part) for part in value] if isinstance(value, list) else value

    return [{key: clean(value) for key, value in entry.items()} for entry in problems]
