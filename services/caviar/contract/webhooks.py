"""Webhooks as clients see them. What is sent follows the Standard Webhooks specification, version 1."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from caviar.contract.access import TeamName
from caviar.contract.views import View

EventName = Literal[
    "study.finished",
    "study.failed",
    "study.stale",
    "quota.near",
    "check.ended",
    "champion.proposed",
    "champion.changed",
    "ping",
]
"""``study.finished``  a study is done, or was stopped
``study.failed``    a study ended because it could not go on
``study.stale``     nothing of a running study has run for an hour
``quota.near``      a team has used 80% of its slot-hours of the month, and again when they are spent
``check.ended``        a check has said whether a champion holds
``champion.proposed``  a study that tuned again found one that may take its place
``champion.changed``   another one took its place, by hand or by itself
``ping``            somebody asked for a test
"""


class NewWebhook(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    url: Annotated[str, Field(min_length=8, max_length=2000)]
    events: Annotated[tuple[EventName, ...], Field(max_length=16)] = ()
    """Which events are sent; none named: all of them."""
    team: TeamName | None = None
    """The caller's by default."""


class WebhookView(View):
    id: str
    team: str
    url: str
    events: tuple[EventName, ...]
    created: float
    waiting: int = 0
    """Deliveries that are tried again."""
    error: str = ""
    """What the newest delivery met, where it was not taken."""


class IssuedWebhook(WebhookView):
    secret: str
    """What deliveries are signed with: ``whsec_`` and 32 bytes in base64. Shown this once."""


class DeliveryView(View):
    id: int
    event: EventName
    created: float
    tries: int
    delivered: float | None = None
    due: float | None = None
    """When it is tried next; None: it was delivered, or given up."""
    error: str = ""
