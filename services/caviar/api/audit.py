"""The audit log: whatever a client changes leaves a line, whichever route it takes.

The log is kept around the whole application and not in its routes, so that no route can forget it: every request that
may change something, and was not refused, is noted. A route tells more with one call of ``note``; where it changes a
study of its path, not even that: how the study was before and is after is read here.

The line is written after the change and before the answer. Should it not be written, the answer is an error: the change
was made then, and its caller does not take it for done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import Request
from starlette.requests import Request as StarletteRequest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from caviar.adapters.sql import Store, StudyRecord, Teams
from caviar.api.origin import address_of
from caviar.api.sessions import READS
from caviar.api.threads import last
from caviar.teams import Caller

WORKERS = "/api/v1/worker/"
"""What workers report is the trials' own record."""
OF_A_STUDY = ("state", "reason", "priority", "place", "shared")
NOBODY = Caller("nobody", "viewer", None, "none")
MOST_TARGET = 128

F = TypeVar("F", bound=Callable[..., Any])


def changes_nothing(endpoint: F) -> F:
    """Marks a route that only asks, though its method says otherwise: a question too long for an address."""
    endpoint.changes_nothing = True  # type: ignore[attr-defined]
    return endpoint


@dataclass(frozen=True, slots=True)
class _Noted:
    target: str | None
    team: str | None
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


def note(
    request: Request,
    target: str | None = None,
    team: str | None = None,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """What the line on this request says: ``target``, which is ``team``'s, was ``before`` and is ``after``.

    Left out: the study of the path and its team. Never a secret: the log is read and exported.
    """
    request.state.noted = _Noted(target, team, before, after)


class Audit:
    """Wraps the application. The action is the route's name: ``study.pause``."""

    def __init__(self, app: ASGIApp, teams: Teams, store: Store) -> None:
        self._app = app
        self._teams = teams
        self._store = store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        http = scope["type"] == "http"
        if not http or scope["method"] in READS or scope["path"].startswith(WORKERS):
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})

        async def noting(message: Message) -> None:
            started = message["type"] == "http.response.start" and message["status"] < 400
            if started and not getattr(scope.get("endpoint"), "changes_nothing", False):
                await last(self._write, scope)
            await send(message)

        await self._app(scope, receive, noting)

    def _write(self, scope: Scope) -> None:
        state: dict[str, Any] = scope["state"]
        noted: _Noted = state.get("noted") or _Noted(None, None, None, None)
        record: StudyRecord | None = state.get("record")
        before, after = dict(noted.before or {}), dict(noted.after or {})
        target, team = noted.target, noted.team
        if target is None and record is not None:
            target, team = record.id, record.team
            was, now = self._difference(record)
            before, after = was | before, now | after
        if target is None:
            target = "/".join(str(value) for value in scope.get("path_params", {}).values())
        self._teams.note(
            state.get("caller") or NOBODY,
            address_of(StarletteRequest(scope)),
            getattr(scope.get("route"), "name", "unknown"),
            target[:MOST_TARGET],
            team,
            before or None,
            after or None,
        )

    def _difference(self, record: StudyRecord) -> tuple[dict[str, Any], dict[str, Any]]:
        new = self._store.study(record.id) or record
        changed = [f for f in OF_A_STUDY if getattr(record, f) != getattr(new, f)]
        return {f: getattr(record, f) for f in changed}, {f: getattr(new, f) for f in changed}
