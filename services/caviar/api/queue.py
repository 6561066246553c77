"""The routes of the queue: whose turn it is, what a study would cost, what a team has used."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, HTTPException

from caviar.adapters.sql import Store
from caviar.api.access import Access, Submitter, Viewer
from caviar.api.audit import changes_nothing
from caviar.api.studies import team_of
from caviar.contract.queue import QueueRow, QueueView, QuotaUse, Quote
from caviar.contract.views import Submission
from caviar.scheduler.outlook.outlook import Outlook
from caviar.scheduler.outlook.prospects import Prospect, shares
from caviar.scheduler.outlook.snapshot import Snapshot
from caviar.studies.life import ENDED
from caviar.teams import Caller

ANOTHER = "another team's study"


def queue_routes(access: Access, store: Store, outlook: Outlook) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["queue"])

    @router.get("/queue")
    def queue(caller: Viewer) -> QueueView:
        """Studies that go on, class by class in the order of their next slots.

        Of other teams everybody sees how many slots they hold and what share is theirs, and nothing of their studies.
        """
        return queue_view(*outlook.queue(), caller)

    @router.post("/quote")
    @changes_nothing
    def quote(caller: Submitter, submission: Submission) -> Quote:
        """Nothing is submitted."""
        return outlook.quote(submission, team_of(access, caller, submission.team))

    @router.get("/teams/{team}/use")
    def use(caller: Viewer, team: str) -> list[QuotaUse]:
        """What a team has of its quota: a member's to see."""
        if not caller.belongs_to(team) or team not in access.teams.all():
            raise HTTPException(404, f"There is no team {team}.")
        return quota_use(outlook.look(team), team, store.bundle_bytes(team))

    return router


def queue_view(snapshot: Snapshot, found: Sequence[Prospect], caller: Caller) -> QueueView:
    """The queue as the caller may see it."""
    return QueueView(
        studies=[queue_row(each, caller) for each in found],
        teams=shares(snapshot),
        slots={name: at.slots for name, at in snapshot.classes.items()},
        free={name: at.free for name, at in snapshot.classes.items()},
    )


def quota_use(snapshot: Snapshot, team: str, storage: int) -> list[QuotaUse]:
    """``snapshot`` has the team in it. ``storage``: bytes of the code that is kept for it."""
    now = snapshot.teams[team]
    own = [
        each
        for each in snapshot.studies
        if each.record.team == team and each.record.state not in ENDED
    ]
    left = sum(max(0, each.study.planned_trials - each.created) for each in own)
    quota = now.quota
    return [
        QuotaUse(name="slots", used=now.running, limit=quota.slots),
        QuotaUse(name="slot_hours", used=now.month_hours, limit=quota.slot_hours),
        QuotaUse(name="studies", used=len(own), limit=quota.studies),
        QuotaUse(name="trials", used=left, limit=quota.trials),
        QuotaUse(name="storage", used=storage, limit=quota.storage),
    ]


def queue_row(each: Prospect, caller: Caller) -> QueueRow:
    now, record = each.now, each.now.record
    mine = record.shared or caller.belongs_to(record.team)
    return QueueRow(
        study=record.id if mine else None,
        name=record.name if mine else ANOTHER,
        state=record.state,
        team=record.team,
        priority=record.priority if mine else None,
        place=record.place,
        resource_class=now.resource_class,
        running=len(now.running),
        left=now.left if mine else None,
        why=each.why if mine else "",
        starts_s=each.starts_s if mine else None,
        ends_s=each.ends_s if mine else None,
    )
