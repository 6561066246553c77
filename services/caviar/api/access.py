"""Who calls, and whether they may: every route but health asks here."""

from __future__ import annotations

import hmac
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from caviar.adapters.sql import Store, StudyRecord, Teams, TokenRow
from caviar.api.origin import address_of, neighbourhood
from caviar.api.passes import Passes
from caviar.api.rates import Limits, Rates
from caviar.api.sessions import READS, Origin
from caviar.contract.access import Role
from caviar.contract.gateway import COOKIE
from caviar.teams import (
    LOCAL,
    ROLES_OF_PERSONS,
    SESSION_S,
    WORKERS,
    Caller,
    Signer,
    digest_of,
    identifier_of,
)

log = logging.getLogger("caviar.access")

SEEN_EVERY_S = 60.0
GUESSABLE = 32
"""Tokens that are shorter may be a person's invention."""
UNKNOWN = "No token, or none of this service: `caviar token create` makes one."
NO_SESSION = "Nobody is logged in with this cookie any more: /login takes a token."
USED_UP = "This way in was used already, or is more than a minute old: `caviar open` makes another."
OTHER_ORIGIN = "A page of another origin asked for this with your session."


class Access:
    """Tokens as they are now. This process is the only one that makes and revokes them, so it keeps them in memory.

    ``token`` and ``worker_token`` are the service's own, from its settings: an operator's and the workers'. A request
    without a token may have the cookie of a session, which is as good as the token that it was opened with; where it
    changes something it has to come from a page of the service itself (``origin``).

    An address from which too many wrong tokens came hears 429, but a right token still counts: people share addresses,
    and one of them with an old token must not lock out the others, or the workers. The 256 bits of a token that the
    service made are not guessed at any rate. A short one of the settings may be, so it is not looked at meanwhile.
    """

    def __init__(
        self,
        teams: Teams,
        token: str,
        worker_token: str,
        rates: Rates | None = None,
        origin: Origin | None = None,
    ) -> None:
        self.teams = teams
        self.limits = Limits(rates or Rates())
        self.origin = origin or Origin(None)
        self.signer = Signer(token)
        self.passes = Passes()
        self._token = token
        self._worker_token = worker_token
        self._lock = threading.Lock()
        self._known: dict[str, TokenRow] = {row.id: row for row in teams.tokens()}

    def changed(self, row: TokenRow) -> None:
        """A token was made or revoked: it counts, or does not, from now on."""
        with self._lock:
            self._known[row.id] = row

    async def caller(self, request: Request) -> Caller:
        """Who calls.

        Raises:
            HTTPException: 401 where the token is none of this service's, expired or revoked; 403 where a page of
                another origin sent the session along; 429 where it asks too often, or where too many wrong tokens
                came from its address.
        """
        known: Caller | None = getattr(request.state, "caller", None)
        if known is not None:  # asked already: it counts once
            return known
        session = request.cookies.get(COOKIE)
        if session is not None and "authorization" not in request.headers:
            found = self._of_session(session)
            if request.method not in READS and not self.origin.is_own(request):
                raise HTTPException(403, OTHER_ORIGIN)
        else:
            found = await self._of_token(request, self._given(request))
        if found != LOCAL:
            self.limits.request(found.token)
        request.state.caller = found
        return found

    async def log_in(self, request: Request, token: str) -> tuple[str, float]:
        """A session for the owner of a token, and its length in seconds. Raises HTTPException as ``caller``."""
        if 0 < len(token) < GUESSABLE:
            self.limits.spent(neighbourhood(address_of(request)))
        return self._session(request, await self._of_token(request, token))

    def log_in_with(self, request: Request, given: str) -> tuple[str, float]:
        """The same for whoever was given a pass. Raises HTTPException 401 where it does not hold, or its token."""
        identifier = self.passes.take(given)
        if identifier is None:
            self.limits.wrong(neighbourhood(address_of(request)))
            raise HTTPException(401, USED_UP)
        return self._session(request, self._owner_of(identifier))

    def _session(self, request: Request, caller: Caller) -> tuple[str, float]:
        request.state.caller = caller
        row = self._known.get(caller.token)
        now = self.teams.clock()
        end = now + SESSION_S
        if row is not None and row.expires is not None:
            end = min(end, row.expires)
        return self.signer.session(caller.token, end), end - now

    def session_of(self, request: Request) -> Caller | None:
        """Who is logged in with the cookie; None where nobody is."""
        try:
            return self._of_session(request.cookies.get(COOKIE, ""))
        except HTTPException:
            return None

    def is_worker(self, request: Request) -> bool:
        """Whether a worker calls. Raises nothing: a wrong token is somebody else's to refuse."""
        given = bearer(request)
        if _same(given, self._worker_token):
            return True
        row = self._row(given)
        return row is not None and row.role == "worker" and row.holds(self.teams.clock())

    async def _of_token(self, request: Request, given: str) -> Caller:
        if _same(given, self._token):
            return LOCAL
        row = await self._valid(request, given)
        if row is None or row.role == "worker":
            raise self._refused(request, row, given)
        return Caller(row.name, row.role, row.team, row.id)

    def _of_session(self, session: str) -> Caller:
        return self._owner_of(self.signer.session_token(session, self.teams.clock()))

    def _owner_of(self, identifier: str | None) -> Caller:
        """Of the token with this id. Raises HTTPException 401 where there is none, or it no longer holds."""
        if identifier == LOCAL.token:
            return LOCAL
        now = self.teams.clock()
        row = self._known.get(identifier) if identifier else None
        if row is None or row.role not in ROLES_OF_PERSONS:
            raise HTTPException(401, NO_SESSION, {"WWW-Authenticate": "Bearer"})
        if not row.holds(now):
            raise HTTPException(401, _no_longer(row, now), {"WWW-Authenticate": "Bearer"})
        return Caller(row.name, row.role, row.team, row.id)

    def holds(self, caller: Caller) -> bool:
        """Whether what let the caller in still does: a stream that is open outlives many a token."""
        if caller in (LOCAL, WORKERS):
            return True
        row = self._known.get(caller.token)
        return row is not None and row.team == caller.team and row.holds(self.teams.clock())

    async def worker(self, request: HTTPConnection) -> Caller:
        """Which worker calls. Raises HTTPException 401 where none does, or 429 as above."""
        given = self._given(request)
        if _same(given, self._worker_token):
            return WORKERS
        row = await self._valid(request, given)
        if row is None or row.role != "worker":
            raise self._refused(request, row, given)
        return Caller(row.name, "worker", None, row.id)

    def _given(self, request: HTTPConnection) -> str:
        given = bearer(request)
        if 0 < len(given) < GUESSABLE:
            self.limits.spent(neighbourhood(address_of(request)))
        return given

    async def _valid(self, request: HTTPConnection, given: str) -> TokenRow | None:
        """The token's row where it holds; None where there is none. HTTPException 401 where it no longer holds."""
        row = self._row(given)
        if row is None:
            return None
        now = self.teams.clock()
        if not row.holds(now):
            raise self._refused(request, row, given, _no_longer(row, now))
        if row.used is None or now - row.used > SEEN_EVERY_S:
            self._seen(row, now)
            await run_in_threadpool(self.teams.seen, row.id, now)
        return row

    def _row(self, given: str) -> TokenRow | None:
        identifier = identifier_of(given)
        row = self._known.get(identifier) if identifier else None
        if row is None or not hmac.compare_digest(row.digest, digest_of(given)):
            return None
        return row

    def _seen(self, row: TokenRow, now: float) -> None:
        """Unless it was revoked in this moment: then that stays."""
        with self._lock:
            if self._known.get(row.id) is row:
                self._known[row.id] = replace(row, used=now)

    def unsigned(self, request: HTTPConnection, why: str) -> HTTPException:
        """401 for what has a signature in place of a token, and a wrong one; 429 where too many came from there."""
        address = address_of(request)
        self.limits.wrong(neighbourhood(address))
        log.warning("refused an event with a wrong signature from %s", address)
        return HTTPException(401, why)

    def _refused(
        self, request: HTTPConnection, row: TokenRow | None, given: str, why: str = UNKNOWN
    ) -> HTTPException:
        """401, or 429 where too many came from there. The log names the token's id, if anything."""
        if given or "authorization" in request.headers:
            address = address_of(request)
            self.limits.wrong(neighbourhood(address))
            about = f"of token {row.id}" if row else "with a wrong token"
            log.warning("refused a request %s from %s", about, address)
        return HTTPException(401, why, {"WWW-Authenticate": "Bearer"})


def needs(role: Role) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency that wants at least this role; 403 where the caller has less."""

    async def check(request: Request) -> Caller:
        access: Access = request.app.state.access
        caller = await access.caller(request)
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
    record = changed(_study(request, study_id), caller, study_id)
    request.state.record = record  # how it was, for the audit log
    return record


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


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())


def bearer(request: HTTPConnection) -> str:
    """The token of a request; empty where it has none."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return given if scheme.lower() == "bearer" else ""


def _no_longer(row: TokenRow, now: float) -> str:
    """Told to who has the secret alone."""
    what, at = ("was revoked", row.revoked) if row.revoked is not None else ("expired", row.expires)
    day = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(now if at is None else at))
    return (
        f"This token {what} at {day}. An admin of your team makes another: `caviar token create`."
    )
