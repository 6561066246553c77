"""Teams, tokens, quotas and the audit log, as clients see them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from caviar.contract.views import View

Role = Literal["viewer", "submitter", "admin", "operator", "worker"]
"""What a token's owner may do: each of the first four may do what those before it may.

``viewer``     look at the team's studies
``submitter``  submit studies, change them, stop them
``admin``      the team's tokens, webhooks and priorities
``operator``   everything, in every team: quotas, weights, the order of the queue, hosts
``worker``     claim trials and report on them, nothing else: for a machine, not for a person
"""

TeamName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
MemberName = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,64}$")]


class Quota(BaseModel):
    """What a team may have at most; None: as much as it likes."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    slots: Annotated[int, Field(ge=0, le=100_000)] | None = None
    """Trials that run at once."""
    slot_hours: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Hours of slots in a calendar month (UTC)."""
    studies: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    """Studies that have not ended."""
    trials: Annotated[int, Field(ge=0, le=1_000_000_000)] | None = None
    """Trials that the studies that have not ended may still start, together."""
    storage: Annotated[int, Field(ge=0)] | None = None
    """Bytes of the code bundles that the service keeps for the team."""


class TeamView(View):
    name: str
    weight: float
    """Its share of the slots beside the other teams' weights."""
    quota: Quota = Quota()
    created: float


class NewTeam(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    name: TeamName
    weight: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] = 1.0
    quota: Quota = Quota()


class TeamEdit(BaseModel):
    """What is left out stays as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    weight: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] | None = None
    quota: Quota | None = None
    """The whole quota: what it leaves out is not limited."""


class NewToken(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    name: MemberName
    """Whose it is: a person, a machine, a pipeline."""
    role: Role = "submitter"
    team: TeamName | None = None
    """An operator's and a worker's token has none."""
    days: Annotated[float, Field(gt=0, le=36_500)] | None = 90.0
    """Until it expires; None: never."""


class TokenView(View):
    id: str
    name: str
    role: str
    """A ``Role``, or one of an earlier version, which may do nothing."""
    team: str | None
    created: float
    expires: float | None = None
    revoked: float | None = None
    used: float | None = None
    """When it was last seen, to the minute."""


class IssuedToken(TokenView):
    token: str
    """Shown this once."""


class WhoAmI(View):
    """What the service knows of the caller."""

    name: str
    role: Role
    team: str | None
    token: str
    """The token's id."""


class WayIn(View):
    """Opens the pages in a browser, once, within ``seconds``."""

    path: str
    seconds: float


class AuditEntry(View):
    """Who did what, when, from where: append-only."""

    id: int
    at: float
    actor: str
    token: str
    team: str | None
    """The team that it was done to; None: the service as a whole."""
    address: str
    action: str
    """``study.stop``, ``token.create``, ``team.edit`` ..."""
    target: str
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
