"""The queue as clients see it: whose turn it is, why a study waits, what one would cost."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from caviar.contract.views import Projection, StudyState, View

Priority = Annotated[int, Field(ge=0, le=9)]
"""Inside a team: the higher goes first. Between teams only weights count."""

Place = Literal["first", "normal", "last"]
"""An operator's order: before all others of every team, as shares and priorities have it, or after all others."""


class StudyEdit(BaseModel):
    """What is left out stays as it is. ``place`` is an operator's to set, ``shared`` and ``priority`` the team's."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    priority: Priority | None = None
    place: Place | None = None
    shared: bool | None = None
    """Whether every team may look at it."""


class QueueRow(View):
    """One study that has not ended. Of another team's that is not shared there is no more than what takes the slots."""

    study: str | None
    """None: it is not the caller's to see."""
    name: str
    state: StudyState
    team: str
    priority: int | None
    place: Place
    resource_class: str
    running: int
    """Trials that train now."""
    left: int | None
    """Trials that it may still start."""
    why: str
    """Why it waits, or that it runs: one or two sentences, with a way out where there is one."""
    starts_s: float | None = None
    """Seconds until its next trial likely starts; None where nothing tells."""
    ends_s: float | None = None
    """Seconds until it likely ends."""


class TeamShare(View):
    """What a team has of the slots, beside what its weight gives it."""

    team: str
    weight: float
    running: int
    share: float
    """Of the slot-time of late that all teams had together, in [0, 1], as it is counted: who comes begins where the
    others are."""
    due: float
    """What its weight gives it among the teams that want slots now, in [0, 1]."""


class QueueView(View):
    studies: list[QueueRow]
    """In the order in which they would get the next free slot."""
    teams: list[TeamShare]
    slots: dict[str, int]
    """By resource class: slots that can train now."""
    free: dict[str, int]


class SlotsNow(View):
    """What the stream of a team's events tells of the slots, by resource class."""

    slots: dict[str, int]
    """That can train now."""
    free: dict[str, int]


class QuotaUse(View):
    """One line of a team's quota."""

    name: Literal["slots", "slot_hours", "studies", "trials", "storage"]
    used: float
    limit: float | None = None


class Quote(Projection):
    """What a study would cost and when it would start, before it is submitted."""

    trials: int
    """That it would start: its budget, or less where a grid has fewer points."""
    starts_s: float | None = None
    ends_s: float | None = None
    """Seconds from now, going by the slots and the queue as they are."""
    quota_share: float | None = None
    """``slot_hours`` of the team's of this month, in [0, ...); None where they are not limited."""
    notes: tuple[str, ...] = ()
    """What would hold it back: a quota, no worker of its class."""
    advice: str = ""
    """Whether many models or one that is babysat fit what there is; empty where the study does as advised."""
