"""The queue: who has the slots, who waits and why, and what each host does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from caviar.api.present import worker_views
from caviar.api.queue import queue_row
from caviar.contract.queue import TeamShare
from caviar.contract.views import SlotUse, WorkerView
from caviar.scheduler.outlook.prospects import shares
from caviar.teams import Caller
from caviar.web.looking import Look, Looking
from caviar.web.people import PageRoute, Reader
from caviar.web.rendering import HEADERS, page
from caviar.web.shared import Shared

PAGE: Final = 50
HOSTS: Final = 60
"""Hosts that are shown: those that want somebody first."""
SLOTS: Final = 48
"""Slots of one host that are drawn one by one."""


@dataclass(frozen=True, slots=True)
class ClassUse:
    """Who holds the slots of a resource class."""

    name: str
    slots: int
    free: int
    held: Sequence[tuple[str, int]]
    """Teams, by name, and how many slots they hold."""
    gpus: int
    gpus_held: int

    @property
    def running(self) -> int:
        return sum(count for _, count in self.held)

    @property
    def whole(self) -> int:
        """What the bar is drawn of: beside those for work, slots of drained hosts may still train."""
        return max(1, self.slots, self.running)


@dataclass(frozen=True, slots=True)
class HostUse:
    worker: WorkerView
    gpus_held: int
    slots: Sequence[SlotUse | None]
    """One by one, None where nothing trains; empty beyond ``SLOTS``: then ``uses`` says what trains."""


def queue_pages(shared: Shared) -> APIRouter:
    router = APIRouter(include_in_schema=False, route_class=PageRoute)
    looking = Looking(shared.presenter.outlook, shared.scheduler.pulse)

    @router.get("/queue", name="queue.page")
    async def queue(
        request: Request,
        reader: Reader,
        first: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
        section: Annotated[str, Query(max_length=32)] = "",
    ) -> HTMLResponse:
        """``first``: how many studies are before those of this page."""
        look = await looking.now()
        if not section:
            return await run_in_threadpool(shown, "queue/page.html", request, look, reader, first)
        whom = (reader.role, reader.team, str(first))
        if whom not in look.shown:
            made = await run_in_threadpool(shown, "queue/now.html", request, look, reader, first)
            look.shown[whom] = bytes(made.body)
        return HTMLResponse(look.shown[whom], headers=HEADERS)

    def shown(
        template: str, request: Request, look: Look, reader: Caller, first: int
    ) -> HTMLResponse:
        return page(request, template, reader, _shown(shared, look, reader, first))

    return router


def _shown(shared: Shared, look: Look, reader: Caller, first: int) -> dict[str, Any]:
    workers = worker_views(shared.scheduler, reader.team)
    hosts = sorted(map(_host, workers), key=_urgent)
    return {
        "rows": [queue_row(each, reader) for each in look.found[first : first + PAGE]],
        "first": first,
        "page": PAGE,
        "many": len(look.found),
        "classes": _classes(look, hosts),
        "teams": sorted(shares(look.snapshot), key=_by_due),
        "colours": {name: place % 8 for place, name in enumerate(sorted(look.snapshot.teams))},
        "hosts": hosts[:HOSTS],
        "hosts_left": max(0, len(hosts) - HOSTS),
        "may_edit": reader.may("submitter"),
        "is_operator": reader.may("operator"),
        "broker_is_down": look.snapshot.broker_is_down,
    }


def _host(worker: WorkerView) -> HostUse:
    slots: list[SlotUse | None] = []
    if worker.slots <= SLOTS:
        slots = [None] * max([worker.slots, *(use.slot + 1 for use in worker.uses)])
        for use in worker.uses:
            slots[use.slot] = use
    return HostUse(worker, len({use.gpu for use in worker.uses if use.gpu}), slots)


def _urgent(host: HostUse) -> tuple[int, str, str]:
    worker = host.worker
    wants = bool(worker.aside) * 4 + bool(worker.warnings) * 2 + (worker.drained_since is not None)
    return -wants, worker.resource_class, worker.host


def _classes(look: Look, hosts: Sequence[HostUse]) -> list[ClassUse]:
    return [
        ClassUse(
            name,
            at.slots,
            at.free,
            sorted(look.snapshot.held(name).items()),
            sum(h.worker.gpus for h in hosts if h.worker.resource_class == name),
            sum(h.gpus_held for h in hosts if h.worker.resource_class == name),
        )
        for name, at in look.snapshot.classes.items()
    ]


def _by_due(team: TeamShare) -> tuple[float, str]:
    return -team.due, team.team
