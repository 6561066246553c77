"""Who calls: a token's owner, with a role. What each role may do is said here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from caviar.contract.access import Role

DEFAULT_TEAM: Final = "default"
"""The team of a service that nobody divided into teams."""

_RANK: Final[dict[Role, int]] = {"viewer": 0, "submitter": 1, "admin": 2, "operator": 3}

ROLES_OF_PERSONS: Final = frozenset(_RANK)


@dataclass(frozen=True, slots=True)
class Caller:
    """The owner of a token. An operator has no team: it acts for all of them."""

    name: str
    role: Role
    team: str | None
    token: str
    """The token's id: never the token."""

    def may(self, role: Role) -> bool:
        """Whether this caller has at least that role. A worker's token is no caller's."""
        return self.role in _RANK and _RANK[self.role] >= _RANK[role]

    def belongs_to(self, team: str) -> bool:
        """Whether what is this team's is the caller's: an operator's is everything."""
        return self.team is None or self.team == team


LOCAL: Final = Caller("operator", "operator", None, "service")
"""Whoever has the service's own token: the person of an embedded service, the operator of a team's."""
WORKERS: Final = Caller("worker", "worker", None, "workers")
"""Whoever has the service's own token for workers."""
