"""What only the scheduler's process knows, for the doctor, who looks from another one."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from caviar.contract.upkeep import Finding
from caviar.contract.views import WorkerView


class Facts(BaseModel):
    model_config = ConfigDict(frozen=True)
    workers: tuple[WorkerView, ...] = ()
    leases: frozenset[str] = frozenset()
    """Trials whose worker has called within the lease."""
    unclaimed: tuple[str, ...] = ()
    """Trials whose ticket was sent again and again while a slot was free."""


class Question(BaseModel):
    """What the doctor's process is asked."""

    model_config = ConfigDict(frozen=True)
    facts: Facts
    mend: bool = False


class Answer(BaseModel):
    findings: tuple[Finding, ...] = ()
