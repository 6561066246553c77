"""What `caviar rebuild` brought back, and what `caviar doctor` found."""

from __future__ import annotations

from pydantic import Field

from caviar.contract.views import StudyState, View


class PassedOver(View):
    """A run in MLflow that could not be taken back, or was not needed."""

    run_id: str
    what: str
    """The run's name."""
    reason: str


class RebuiltStudy(View):
    """A study that came back from MLflow."""

    id: str
    name: str
    state: StudyState
    trials: dict[str, int]
    """By trial state. Those that were running wait in the queue."""
    rounds: int
    passed_over: list[PassedOver] = Field(default_factory=list)


class Rebuilt(View):
    """What came back from MLflow."""

    studies: list[RebuiltStudy] = Field(default_factory=list)
    passed_over: list[PassedOver] = Field(default_factory=list)
    """Runs of whole studies."""


class Finding(View):
    """Something that is not as it should be."""

    kind: str
    """A word for programs: ``orphan-run``, ``waiting-runs`` and so on."""
    where: str
    what: str
    why: str = ""
    """Why it matters."""
    way_out: str = ""
    mended: bool = False
    note: bool = False
    """Worth knowing, not wrong."""
    runs: list[str] = Field(default_factory=list)
    """The MLflow runs that it is about."""
