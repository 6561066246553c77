"""What is asked of a service about teams, tokens, sharing and the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from caviar.client.connection import Client
from caviar.contract.access import (
    AuditEntry,
    IssuedToken,
    NewTeam,
    NewToken,
    TeamEdit,
    TeamView,
    TokenView,
    WayIn,
)


class Administration(Client):
    """A connection that also looks after teams."""

    def teams(self) -> list[TeamView]:
        return self._call("GET", "/teams", list[TeamView])

    def add_team(self, new: NewTeam) -> TeamView:
        return self._call("POST", "/teams", TeamView, body=new.model_dump(mode="json"))

    def edit_team(self, name: str, edit: TeamEdit) -> TeamView:
        body = edit.model_dump(mode="json", exclude_none=True)
        return self._call("PATCH", f"/teams/{quote(name, safe='')}", TeamView, body=body)

    def tokens(self) -> list[TokenView]:
        return self._call("GET", "/tokens", list[TokenView])

    def create_token(self, new: NewToken) -> IssuedToken:
        """Sent once: were it sent again with a key, the service would have to keep the secret for the second answer."""
        return self._call("POST", "/tokens", IssuedToken, body=new.model_dump(mode="json"))

    def revoke_token(self, token_id: str) -> TokenView:
        return self._call("POST", f"/tokens/{token_id}/revoke", TokenView)

    def way_in(self) -> WayIn:
        """Sent once, as a token's creation is."""
        return self._call("POST", "/login/pass", WayIn)

    def audit(self, query: Mapping[str, int | str]) -> list[AuditEntry]:
        return self._call("GET", "/audit", list[AuditEntry], query=query)
