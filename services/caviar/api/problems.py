"""Errors as problem details (RFC 9457)."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from caviar.contract.views import ProblemView
from caviar.errors import CaviarError, InputError, NotAllowed

Problems = list[dict[str, str | int | list[str] | None]]


def add_problem_handlers(app: FastAPI) -> None:
    app.add_exception_handler(CaviarError, _caviar_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)


def refusal(status: int, detail: str) -> JSONResponse:
    """The answer to a request that reaches no route."""
    return _problem(ProblemView(title="Request refused", status=status, detail=detail))


def _problem(view: ProblemView, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(
        view.model_dump(mode="json"),
        view.status,
        headers=headers,
        media_type="application/problem+json",
    )


def _caviar_error(_request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, InputError):
        problems: Problems = [
            {
                "path": list(problem.path),
                "reason": problem.reason,
                "way_out": problem.way_out,
                "line": problem.line,
            }
            for problem in error.problems
        ]
        return _problem(
            ProblemView(
                title="The input is wrong", status=422, detail=str(error), problems=problems
            )
        )
    status = 409 if isinstance(error, NotAllowed) else 503
    title = "Not possible now" if status == 409 else "A part of the service is away"
    return _problem(ProblemView(title=title, status=status, detail=str(error)))


def _http_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return _problem(
        ProblemView(title="Request refused", status=error.status_code, detail=str(error.detail)),
        dict(error.headers) if error.headers else None,
    )


def _invalid_request(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    problems: Problems = [
        {"path": [str(part) for part in entry["loc"]], "reason": entry["msg"], "way_out": ""}
        for entry in error.errors()
    ]
    return _problem(
        ProblemView(
            title="The request is malformed",
            status=422,
            detail="; ".join(f"{'.'.join(p['path'])}: {p['reason']}" for p in problems),  # type: ignore[arg-type]
            problems=problems,
        )
    )
