"""A team: what it has of its quota and what it spent, its members, its webhooks, and what was done to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, get_args

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse

from caviar.adapters.sql import TokenRow, Webhooks
from caviar.api.queue import quota_use
from caviar.api.teams import team_view, token_view
from caviar.api.webhooks import webhook_view
from caviar.contract.access import AuditEntry
from caviar.contract.numbers import duration, number
from caviar.contract.queue import QuotaUse
from caviar.contract.webhooks import EventName
from caviar.teams import DEFAULT_TEAM, Caller
from caviar.teams.months import last_months
from caviar.web.people import PageRoute, Reader
from caviar.web.rendering import moment, page
from caviar.web.shared import Shared

MONTHS: Final = 12
LINES: Final = 30
"""Of the audit log at once."""
TOKENS: Final = 200
MOMENTS: Final = frozenset({"created", "expires", "revoked"})
"""Fields of the log that are seconds since 1970."""
QUOTA: Final = {
    "slots": "Slots at once",
    "slot_hours": "Slot-hours this month",
    "studies": "Studies that go on",
    "trials": "Trials to come",
    "storage": "Code that is kept",
}
Values = dict[str, Any]


def team_pages(shared: Shared) -> APIRouter:
    router = APIRouter(include_in_schema=False, route_class=PageRoute)
    teams, webhooks = shared.access.teams, Webhooks(shared.store.engine)

    def use(name: str) -> Values:
        snapshot = shared.presenter.outlook.look(name)
        lines = quota_use(snapshot, name, shared.store.bundle_bytes(name))
        return {"lines": [(QUOTA[each.name], each, _amount) for each in lines]}

    def members(name: str) -> Values:
        rows = [row for row in teams.tokens() if row.team == name]
        return {"tokens": _tokens(rows, teams.clock())}

    def hooks(name: str) -> Values:
        return {"hooks": [webhook_view(webhooks, row) for row in webhooks.all(name)]}

    def log(name: str, before: int) -> Values:
        given = before or None
        lines = teams.audit({"team": name}, limit=LINES + 1, newest=True, before=given)
        return {
            "lines_of_log": [(line, changed(line)) for line in lines[:LINES]],
            "more": len(lines) > LINES,
            "before": before,
        }

    def services(reader: Caller) -> Values:
        """What an operator sees beside the team."""
        if not reader.may("operator"):
            return {"others": []}
        alone = [row for row in teams.tokens() if row.team is None]
        return {"others": _tokens(alone, teams.clock())}

    def months(name: str) -> Values:
        spent = shared.store.spent_between(name, last_months(teams.clock(), MONTHS))
        most = max(each.slot_hours for each in spent)
        return {"months": spent[::-1], "most": most, "gpus": any(each.gpu_hours for each in spent)}

    sections: Mapping[str, tuple[bool, Callable[[str, int, Caller], Values]]] = {
        "use": (False, lambda name, _before, _reader: use(name)),
        "members": (True, lambda name, _before, _reader: members(name)),
        "webhooks": (True, lambda name, _before, _reader: hooks(name)),
        "audit": (True, lambda name, before, _reader: log(name, before)),
        "service": (True, lambda _name, _before, reader: services(reader)),
    }

    @router.get("/team", name="team.page")
    def team(
        request: Request,
        reader: Reader,
        team: Annotated[str, Query(max_length=32)] = "",
        before: Annotated[int, Query(ge=0, lt=2**63)] = 0,
        section: Annotated[str, Query(max_length=32)] = "",
    ) -> HTMLResponse:
        """``before``: the last line of the audit log on the page before."""
        name = team or reader.team or DEFAULT_TEAM
        known = teams.all()
        if name not in known or not reader.belongs_to(name):
            raise HTTPException(404, f"There is no team {name}.")
        is_admin = reader.may("admin")
        values: Values = {
            "team": team_view(known[name]),
            "teams": [each for each in known if reader.belongs_to(each)],
            "is_admin": is_admin,
            "is_operator": reader.may("operator"),
            "events": [event for event in get_args(EventName) if event != "ping"],
            "before": before,
        }
        if section:
            for_admins, read = sections.get(section, (True, None))
            if read is None or (for_admins and not is_admin):
                raise HTTPException(404, f"This page has no section {section}.")
            shown = values | read(name, before, reader)
            return page(request, f"team/{section}.html", reader, shown)
        for for_admins, read in sections.values():
            if is_admin or not for_admins:
                values |= read(name, before, reader)
        return page(request, "team/page.html", reader, values | months(name))

    return router


def _tokens(rows: list[TokenRow], now: float) -> list[tuple[Any, bool]]:
    """Each with whether it counts: those first, the newest first."""
    rows = sorted(rows, key=lambda row: (not row.holds(now), -row.created))
    return [(token_view(row), row.holds(now)) for row in rows[:TOKENS]]


def _amount(line: QuotaUse, value: float) -> str:
    if line.name == "storage":
        return f"{value / 1e6:,.1f} MB"
    if line.name == "slot_hours" and 0 < value < 1:
        return f"{duration(value * 3600)} of slots"
    return number(float(f"{value:.3g}")) if line.name == "slot_hours" else f"{value:,.0f}"


def changed(entry: AuditEntry) -> list[tuple[str, str, str]]:
    """(field, before, after) of a line; empty where there was or is nothing."""
    before, after = entry.before or {}, entry.after or {}
    return [
        (name, _said(name, before), _said(name, after)) for name in dict.fromkeys((*before, *after))
    ]


def _said(name: str, values: Mapping[str, Any]) -> str:
    value = values.get(name)
    if value is None:
        return ""
    if name in MOMENTS and isinstance(value, float):
        return moment(value)
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return value if isinstance(value, str) else json.dumps(value)
