"""The routes of teams, tokens and the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request, Response
from pydantic import StringConstraints

from caviar.adapters.sql import TeamRow, TokenRow
from caviar.api.access import Access, Admin, Operator, Viewer
from caviar.api.audit import note
from caviar.contract.access import (
    AuditEntry,
    IssuedToken,
    NewTeam,
    NewToken,
    TeamEdit,
    TeamView,
    TokenView,
    WhoAmI,
)
from caviar.errors import InputError, Problem
from caviar.scheduler import Scheduler
from caviar.teams import DEFAULT_TEAM, Caller, new_token

DAY_S = 86_400.0
PAGE = 1000
ALONE = ("operator", "worker")
"""The roles whose tokens have no team."""

Word = Annotated[str, StringConstraints(min_length=1, max_length=128)]


def team_routes(access: Access, scheduler: Scheduler) -> APIRouter:
    router = APIRouter(prefix="/api/v1")
    teams = access.teams

    @router.get("/whoami")
    def whoami(caller: Viewer) -> WhoAmI:
        return WhoAmI(name=caller.name, role=caller.role, team=caller.team, token=caller.token)

    @router.get("/teams")
    def all_teams(caller: Viewer) -> list[TeamView]:
        """The caller's own; an operator sees all."""
        return [team_view(row) for row in teams.all().values() if caller.belongs_to(row.name)]

    @router.post("/teams", status_code=201, name="team.add")
    def add(request: Request, new: NewTeam, _caller: Operator) -> TeamView:
        row = teams.add(new.name, new.weight, new.quota)
        if row is None:
            raise HTTPException(409, f"There is a team {new.name} already.")
        note(request, row.name, row.name, after=_shown(row))
        scheduler.teams_changed()
        return team_view(row)

    @router.patch("/teams/{team}", name="team.edit")
    def edit(request: Request, team: str, new: TeamEdit, _caller: Operator) -> TeamView:
        found = teams.edit(team, new.weight, new.quota)
        if found is None:
            raise HTTPException(404, f"There is no team {team}. `caviar team list` lists them.")
        before, after = found
        note(request, team, team, before=_shown(before), after=_shown(after))
        scheduler.teams_changed()
        return team_view(after)

    @router.get("/tokens")
    def tokens(caller: Admin) -> list[TokenView]:
        """Of the admin's team; an operator sees all. The secrets are nowhere."""
        return [token_view(row) for row in teams.tokens() if governs(caller, row)]

    @router.post("/tokens", status_code=201, name="token.create")
    def create(request: Request, response: Response, new: NewToken, caller: Admin) -> IssuedToken:
        team = _team_of_new(access, caller, new)
        fresh = new_token()
        expires = None if new.days is None else teams.clock() + new.days * DAY_S
        row = teams.add_token(fresh, new.name, new.role, team, expires)
        access.changed(row)
        note(request, row.id, team, after={"name": row.name, "role": row.role, "expires": expires})
        response.headers["Cache-Control"] = "no-store"
        return IssuedToken(**token_view(row).model_dump(), token=fresh.text)

    @router.post("/tokens/{token_id}/revoke", name="token.revoke")
    def revoke(request: Request, token_id: str, caller: Viewer) -> TokenView:
        """An admin's: the team's tokens. Everybody's: one's own."""
        row = teams.token(token_id)
        own = token_id == caller.token
        if row is None or not (own or (caller.may("admin") and governs(caller, row))):
            raise HTTPException(
                404, f"There is no token {token_id}. `caviar token list` lists them."
            )
        new = teams.revoke(token_id) or row
        access.changed(new)
        note(
            request,
            row.id,
            row.team,
            before={"revoked": row.revoked},
            after={"revoked": new.revoked},
        )
        return token_view(new)

    @router.get("/audit")
    def audit(
        caller: Admin,
        after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
        limit: Annotated[int, Query(ge=1, le=PAGE)] = 100,
        newest: bool = False,
        team: Word | None = None,
        actor: Word | None = None,
        action: Word | None = None,
        target: Word | None = None,
        since: Annotated[float, Query(allow_inf_nan=False)] | None = None,
        until: Annotated[float, Query(allow_inf_nan=False)] | None = None,
    ) -> list[AuditEntry]:
        """The lines after ``after`` in their order, or with ``newest`` the last ones first.

        ``since`` and ``until`` are seconds since the epoch. An admin sees what was done to the own team.
        """
        if caller.team is not None and team not in (None, caller.team):
            raise HTTPException(404, f"There is no team {team}.")
        words = {"team": caller.team or team, "actor": actor, "action": action, "target": target}
        return teams.audit(
            {name: word for name, word in words.items() if word is not None},
            after=after,
            limit=limit,
            newest=newest,
            since=since,
            until=until,
        )

    return router


def governs(caller: Caller, row: TokenRow) -> bool:
    """Whether the token is the caller's to keep. An operator's and a worker's have no team: they are an operator's."""
    return caller.team is None or row.team == caller.team


def _team_of_new(access: Access, caller: Caller, new: NewToken) -> str | None:
    """Raises HTTPException 403 or 404, InputError."""
    if new.role in ALONE:
        if caller.team is not None:
            raise HTTPException(403, f"Only an operator makes {new.role} tokens.")
        if new.team is not None:
            raise InputError(
                Problem(("team",), f"{new.role} tokens have no team", "Leave the team out.")
            )
        return None
    if caller.team is not None:
        if new.team not in (None, caller.team):
            raise HTTPException(403, f"You keep the tokens of the team {caller.team}, no other's.")
        return caller.team
    team = new.team or DEFAULT_TEAM
    if team not in access.teams.all():
        raise HTTPException(404, f"There is no team {team}. `caviar team list` lists them.")
    return team


def team_view(row: TeamRow) -> TeamView:
    return TeamView(name=row.name, weight=row.weight, quota=row.quota, created=row.created)


def _shown(row: TeamRow) -> Mapping[str, Any]:
    return {"weight": row.weight, "quota": row.quota.model_dump(exclude_none=True)}


def token_view(row: TokenRow) -> TokenView:
    return TokenView(
        id=row.id,
        name=row.name,
        role=row.role,
        team=row.team,
        created=row.created,
        expires=row.expires,
        revoked=row.revoked,
        used=row.used,
    )
