"""Teams, tokens and the audit log at the terminal."""

from __future__ import annotations

import json
import time

from rich.console import RenderableType
from rich.text import Text

from caviar.cli.views.parts import clean
from caviar.cli.views.tables import new_table, when
from caviar.contract.access import AuditEntry, TeamView, TokenView

_MOMENTS = frozenset({"created", "expires", "revoked"})
"""Fields of the log that are seconds since 1970."""


def teams_table(teams: list[TeamView]) -> RenderableType:
    table = new_table("team", ">weight", "quota", "since")
    for team in teams:
        quota = team.quota.model_dump(exclude_none=True)
        said = ", ".join(f"{name} {value:,}" for name, value in quota.items())
        table.add_row(
            Text(team.name),
            Text(f"{team.weight:g}"),
            Text(said or "no limits"),
            Text(when(team.created)),
        )
    return table


def tokens_table(tokens: list[TokenView]) -> RenderableType:
    if not tokens:
        return Text("No tokens yet. `caviar token create NAME` makes one.")
    table = new_table("token", "of", "role", "team", "state", "last seen")
    for token in tokens:
        table.add_row(
            Text(token.id),
            Text(clean(token.name)),
            Text(clean(token.role)),
            Text(token.team or "all"),
            Text(_state(token)),
            Text("never" if token.used is None else when(token.used)),
        )
    return table


def token_line(token: TokenView) -> Text:
    whose = f"the team {token.team}" if token.team else "every team"
    return Text(
        f"Token {token.id} of {clean(token.name)}: {token.role} in {whose}, {_state(token)}."
    )


def _state(token: TokenView) -> str:
    if token.revoked is not None:
        return f"revoked {when(token.revoked)}"
    if token.expires is None:
        return "does not expire"
    return f"{'expired' if token.expires <= time.time() else 'expires'} {when(token.expires)}"


def audit_table(entries: list[AuditEntry]) -> RenderableType:
    if not entries:
        return Text("Nothing of this kind was changed.")
    table = new_table("when", "who", "from", "action", "what", "change")
    table.columns[-1].no_wrap = False
    for entry in entries:
        table.add_row(
            Text(when(entry.at)),
            Text(clean(entry.actor)),
            Text(clean(entry.address)),
            Text(clean(entry.action)),
            Text(clean(entry.target)),
            Text(_change(entry)),
        )
    return table


def _change(entry: AuditEntry) -> str:
    before, after = entry.before or {}, entry.after or {}
    said = []
    for name in dict.fromkeys((*before, *after)):
        was, now = (_said(name, side[name]) if name in side else None for side in (before, after))
        said.append(f"{name} {now}" if was is None else f"{name} {was} -> {now or 'gone'}")
    return clean(", ".join(said))


def _said(name: str, value: object) -> str:
    if name in _MOMENTS and isinstance(value, float):
        return when(value)
    return json.dumps(value)
