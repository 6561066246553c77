"""The page where a person shows a token once, and is known by a cookie from then on. It needs no script and no file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from typing import Annotated, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from caviar.api.access import OTHER_ORIGIN, Access, Viewer
from caviar.api.audit import note
from caviar.api.passes import PASS_S
from caviar.api.sessions import safe_return
from caviar.contract.access import WayIn
from caviar.contract.gateway import LOGIN, LOGOUT, MLFLOW
from caviar.teams import Caller

HOME: Final = "/"
"""Where a person comes to who did not want to go anywhere."""
_BODY: Final = 8192
SESSION_ALONE: Final = "A way in is made with a token, not with a session: `caviar open` does it."

_STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 26rem; margin: 12vh auto; padding: 0 1rem; }
label, input, button { display: block; width: 100%; box-sizing: border-box; font: inherit; }
input, button { padding: .5rem; margin: .25rem 0 1rem; }
[role=alert] { border-left: .25rem solid #b00020; padding-left: .75rem; }
@media (prefers-color-scheme: dark) { body { background: #16181c; color: #e6e6e6; } a { color: #8ab4f8; } }
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Caviar</title><style>{style}</style>
<h1>Caviar</h1>
{content}
</html>
"""
_FORM: Final = """{error}<form method="post" action="{login}">
<label for="token">Your token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<input type="hidden" name="next" value="{next}">
<button>Log in</button>
</form>
<p>An admin of your team makes one: <code>caviar token create</code>.</p>"""
_WAY_IN: Final = """<form method="post" action="{login}">
<input type="hidden" name="pass" value="{given}">
<input type="hidden" name="next" value="{next}">
<button autofocus>Open the pages</button>
</form>
<p>You asked for it at the command line: <code>caviar open</code>. If you did not, close this window.</p>"""
_KNOWN: Final = """<p>Logged in as {name}{team}.</p>
<p><a href="{home}">The queue</a> · <a href="{mlflow}/">MLflow</a></p>
<form method="post" action="{logout}"><button>Log out</button></form>"""


def login_routes(access: Access) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    told = APIRouter(prefix="/api/v1")

    @told.post("/login/pass", status_code=201, name="login.pass")
    def way_in(request: Request, response: Response, caller: Viewer) -> WayIn:
        """A way into the pages for the token's owner: it works once, within a minute. Whoever has but a session would
        make it last for ever."""
        if "authorization" not in request.headers:
            raise HTTPException(403, SESSION_ALONE)
        response.headers["Cache-Control"] = "no-store"
        note(request, caller.token, caller.team)
        return WayIn(path=f"{LOGIN}?pass={access.passes.issue(caller.token)}", seconds=PASS_S)

    @router.get(LOGIN, name="login.page")
    def page(
        request: Request,
        next: Annotated[str, Query(max_length=8000)] = "",
        given: Annotated[str, Query(alias="pass", max_length=128)] = "",
    ) -> Response:
        """With a pass it asks all the same: a page elsewhere may have led here with a pass of its own."""
        caller = access.session_of(request)
        back = safe_return(next, HOME)
        if given:
            return _page(_WAY_IN.format(login=LOGIN, next=escape(back), given=escape(given)))
        if caller is None:
            return _page(_form(back))
        return _page(_known(caller)) if back == HOME else _redirect(back)

    @router.post(LOGIN, name="login")
    async def login(request: Request) -> Response:
        form = await _form_of(request)
        back = safe_return(form.get("next", ""), HOME)
        if not access.origin.is_own(request):
            return _page(_form(back, OTHER_ORIGIN), 403)
        try:
            if "pass" in form:
                session, seconds = access.log_in_with(request, form["pass"])
            else:
                session, seconds = await access.log_in(request, form.get("token", "").strip())
        except HTTPException as refused:
            return _page(_form(back, str(refused.detail)), refused.status_code, refused.headers)
        note(request, request.state.caller.token, request.state.caller.team)
        answer = _redirect(back)
        access.origin.keep(request, answer, session, seconds)
        return answer

    @router.post(LOGOUT, name="logout")
    def logout(request: Request) -> Response:
        """The cookie goes. Whoever copied it before has it until it ends: revoking the token ends it now."""
        if not access.origin.is_own(request):
            return _page(_form(HOME, OTHER_ORIGIN), 403)
        caller = access.session_of(request)
        if caller is not None:
            request.state.caller = caller
            note(request, caller.token, caller.team)
        answer = _redirect(LOGIN)
        access.origin.drop(request, answer)
        return answer

    whole = APIRouter()
    whole.include_router(router)
    whole.include_router(told)
    return whole


async def _form_of(request: Request) -> dict[str, str]:
    """The first value of each field. A form that is too large, or none, has no fields."""
    body = await request.body()
    if len(body) > _BODY:
        return {}
    try:
        fields = parse_qs(body.decode(), max_num_fields=8)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}


def _form(back: str, error: str = "") -> str:
    told = f'<p role="alert">{escape(error)}</p>' if error else ""
    return _FORM.format(error=told, login=LOGIN, next=escape(back, quote=True))


def _known(caller: Caller) -> str:
    team = f", {caller.role} of {caller.team}" if caller.team else ", operator"
    return _KNOWN.format(
        name=escape(caller.name), team=escape(team), home=HOME, mlflow=MLFLOW, logout=LOGOUT
    )


def _page(content: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    text = _PAGE.format(style=_STYLE, content=content)
    return HTMLResponse(text, status, {**_HEADERS, **(headers or {})})


def _redirect(to: str) -> Response:
    return RedirectResponse(to, 303, {"Cache-Control": "no-store"})
