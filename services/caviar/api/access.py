"""Who calls, and whether they may: every route but health asks here."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from caviar.adapters.sql import Store, StudyRecord, Teams, TokenRow
from caviar.contract.access import Role
from caviar.teams import LOCAL, Caller, digest_of, identifier_of

SEEN_EVERY_S = 60.0
UNKNOWN = "No or a wrong token: set CAVIAR_TOKEN to a token of this service."


class Access:
    """Tokens as they are now. This process is the only one that makes and revokes them, so it keeps them in memory.

    ``token`` and ``worker_token`` are the service's own, from its settings: an operator's and the workers'.
    """

    def __init__(self, teams: Teams, token: str, worker_token: str) -> None:
        self.teams = teams
        self._token = token
        self._worker_token = worker_token
        self._lock = threading.Lock()
        self._known: dict[str, TokenRow] = {row.id: row for row in teams.tokens()}

    def changed(self, row: TokenRow) -> None:
        """A token was made or revoked: it counts, or does not, from now on."""
        with self._lock:
            self._known[row.id] = row

    def caller(self, request: Request) -> Caller:
        """Who calls. Raises HTTPException 401 where the token is none of this service's, expired or revoked."""
        given = bearer(request)
        if hmac.compare_digest(given.encode(), self._token.encode()):
            return LOCAL
        row = self._valid(given)
        if row is None or row.role == "worker":
            raise _unknown()
        return Caller(row.name, row.role, row.team, row.id)

    def worker(self, request: Request) -> None:
        """Raises HTTPException 401 unless a worker calls."""
        given = bearer(request)
        if hmac.compare_digest(given.encode(), self._worker_token.encode()):
            return
        row = self._valid(given)
        if row is None or row.role != "worker":
            raise _unknown()

    def _valid(self, given: str) -> TokenRow | None:
        identifier = identifier_of(given)
        row = self._known.get(identifier) if identifier else None
        if row is None or not hmac.compare_digest(row.digest, digest_of(given)):
            return None
        now = self.teams.clock()
        if not row.holds(now):
            return None
        if row.used is None or now - row.used > SEEN_EVERY_S:
            self.teams.seen(row.id, now)
            fields: dict[str, Any] = {name: getattr(row, name) for name in TokenRow.__slots__}
            self.changed(TokenRow(**fields | {"used": now}))
        return row


def needs(role: Role) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency that wants at least this role; 403 where the caller has less."""

    async def check(request: Request) -> Caller:
        access: Access = request.app.state.access
        caller = access.caller(request)
        if not caller.may(role):
            raise HTTPException(
                403, f"This needs the role {role}; the token of {caller.name} is {_a(caller.role)}."
            )
        return caller

    return check


Viewer = Annotated[Caller, Depends(needs("viewer"))]
Submitter = Annotated[Caller, Depends(needs("submitter"))]
Admin = Annotated[Caller, Depends(needs("admin"))]
Operator = Annotated[Caller, Depends(needs("operator"))]
"""What a route names as the type of its caller."""


def _look(request: Request, study_id: str, caller: Viewer) -> StudyRecord:
    return seen(_study(request, study_id), caller, study_id)


def _change(request: Request, study_id: str, caller: Submitter) -> StudyRecord:
    return changed(_study(request, study_id), caller, study_id)


LookedAt = Annotated[StudyRecord, Depends(_look)]
Owned = Annotated[StudyRecord, Depends(_change)]
"""The study of the path: one that the caller may look at, one that it may change."""


def _study(request: Request, study_id: str) -> StudyRecord | None:
    store: Store = request.app.state.store
    return store.study(study_id)


def seen(record: StudyRecord | None, caller: Caller, given: str) -> StudyRecord:
    """The study, where the caller may look at it. To all others it does not exist: HTTPException 404."""
    if record is None or not (record.shared or caller.belongs_to(record.team)):
        raise HTTPException(404, f"There is no study {given}. `caviar studies` lists them.")
    return record


def changed(record: StudyRecord | None, caller: Caller, given: str) -> StudyRecord:
    """The study, where the caller may change it. Raises HTTPException 404, or 403 for one that is only shared."""
    record = seen(record, caller, given)
    if not caller.belongs_to(record.team):
        raise HTTPException(
            403, f"Study {record.id} is the team {record.team}'s: it is shared to be looked at."
        )
    return record


def _a(role: str) -> str:
    return f"an {role}'s" if role[0] in "ao" else f"a {role}'s"


def bearer(request: Request) -> str:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return given if scheme.lower() == "bearer" else ""


def _unknown() -> HTTPException:
    return HTTPException(401, UNKNOWN, {"WWW-Authenticate": "Bearer"})
