"""The doctor's routes."""

from __future__ import annotations

import threading
from collections.abc import Callable

from fastapi import APIRouter, Depends, Request

from caviar.api.access import needs
from caviar.api.audit import note
from caviar.api.present import worker_views
from caviar.contract.upkeep import Finding
from caviar.errors import NotAllowed
from caviar.scheduler import Scheduler
from caviar.upkeep.facts import Facts, Question

Examine = Callable[[Question], tuple[Finding, ...]]
"""Asks the doctor, who may take minutes. Raises ServiceError."""


def doctor_routes(scheduler: Scheduler, examine: Examine) -> APIRouter:
    """They run in threads that wait for the doctor's process: the scheduler goes on meanwhile."""
    router = APIRouter(prefix="/api/v1/doctor", dependencies=[Depends(needs("operator"))])
    busy = threading.Lock()

    def ask(mend: bool) -> tuple[Finding, ...]:
        if not busy.acquire(blocking=False):
            raise NotAllowed("The doctor is at work already. Try again when it is done.")
        try:
            facts = Facts(
                workers=tuple(worker_views(scheduler)),
                leases=frozenset(scheduler.leases()),
                unclaimed=tuple(scheduler.unclaimed()),
            )
            return examine(Question(facts=facts, mend=mend))
        finally:
            busy.release()

    @router.get("")
    def look() -> list[Finding]:
        return list(ask(False))

    @router.post("/mend", name="doctor.mend")
    def mend(request: Request) -> list[Finding]:
        found = list(ask(True))
        mended = [f"{each.kind} {each.where}" for each in found if each.mended]
        note(request, "service", after={"mended": mended})
        return found

    return router
