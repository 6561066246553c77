"""Templates to pages: the environment, what templates may use, the headers of a page."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import BaseModel

from caviar import __version__
from caviar.api.etags import etag, unchanged
from caviar.contract import numbers
from caviar.contract.gateway import LOGOUT
from caviar.teams import Caller
from caviar.web import static

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "style-src-attr 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Everything is escaped, whatever a template's name; what a template does not know is an error."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(static=static.address, version=__version__, logout=LOGOUT)
    made.filters.update(
        number=numbers.number,
        count=numbers.count,
        duration=numbers.duration,
        percent=numbers.percent,
        moment=moment,
        iso=_iso,
        hours=_hours,
    )
    return made


def page(
    request: Request,
    template: str,
    caller: Caller | None,
    values: Mapping[str, Any],
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """The page, or one of its sections where the template is one."""
    text = environment().get_template(template).render(request=request, caller=caller, **values)
    return HTMLResponse(text, status, {**HEADERS, **(headers or {})})


def data(request: Request, view: BaseModel) -> Response:
    """What a picture of a page is drawn from, unless the browser has just that already."""
    body = view.model_dump_json()
    headers = {**HEADERS, "ETag": etag(None, body)}
    if unchanged(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def moment(seconds: float) -> str:
    """When it was, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def _iso(seconds: float) -> str:
    """For a ``<time>``: the browser shows it in its own zone."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _hours(value: float) -> str:
    """Hours, short: ``0``, ``0.25``, ``3.2``, ``1,204``."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
