"""What the store gives: rows as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from sys import intern
from typing import Any, Literal

from caviar.contract.access import Quota, Role
from caviar.contract.messages import ParameterValue
from caviar.contract.panda import Keep, Kind, State
from caviar.contract.queue import Place
from caviar.contract.recheck import Cause, ChampionState, CheckState
from caviar.contract.views import StudyState, TrialKind, TrialState
from caviar.search import Result


@dataclass(frozen=True, slots=True)
class StudyRecord:
    """A study as it was submitted, and where it stands."""

    id: str
    name: str
    fingerprint: str
    state: StudyState
    reason: str
    source: str
    filename: str
    folder: str | None
    code_version: str | None
    user: str | None
    created: float
    ended: float | None
    importance: list[dict[str, Any]] | None
    experiment_id: str | None
    run_id: str | None
    closed: bool
    primed: bool = True
    """Every source of the study's warm start was read, or there is none."""
    branched_from: str | None = None
    branched_round: int | None = None
    """The study and its round that this one goes on from."""
    rebuilt: int = 0
    """How many times it came back from MLflow."""
    notes: list[dict[str, Any]] = field(default_factory=list)
    """What came of each source of the warm start, as ``contract.views.Note`` in JSON."""
    team: str = "default"
    priority: int = 0
    """Inside the team: the higher goes first."""
    place: Place = "normal"
    """An operator's order."""
    shared: bool = False
    """Every team may look at it."""
    bundle: str | None = None
    """The digest of the code that it trains, where that came with it."""


@dataclass(frozen=True, slots=True)
class TrialRow:
    id: str
    study_id: str
    number: int
    round: int
    state: TrialState
    attempt: int
    crashes: int
    lost: int
    params: dict[str, ParameterValue]
    seed: int
    value: float | None
    metrics: dict[str, float]
    steps: int
    nonce: str | None
    host: str | None
    incarnation: str | None
    slot: int | None
    created: float
    started: float | None
    ended: float | None
    seconds: float | None
    error: str
    output: str
    run_id: str | None
    shipped: bool
    kind: TrialKind = "search"
    repeats: int | None = None
    """The number of the trial whose point this one trains again, on another seed."""
    violation: float = 0.0
    """How far beyond the study's bounds on other metrics; 0 within them."""
    curve: list[tuple[int, float | None]] = field(default_factory=list)
    """(step, metric) where a stopping rule compares trials; None where the metric was no finite number."""
    stop_asked: bool = False
    """Somebody asked this one trial to stop."""
    gpu: str | None = None
    """The GPU that its newest attempt was pinned to, by NVML's UUID."""
    changed: int = 0
    """The place of its newest change of state among those of its study; 0: it was only created. See ``changes``."""
    origin: dict[str, Any] | None = None
    """Where it begins, as ``contract.messages.Origin`` in JSON; None: from nothing."""
    touched: bool = False
    """Its values were changed while it trained."""

    @property
    def home(self) -> str | None:
        """The only host that it can start on: that of the checkpoint that it begins with. None: any."""
        return None if self.origin is None else self.origin.get("host")

    def result(self) -> Result:
        """What the search learns from an ended trial: a value, or that it failed.

        It is kept as long as the study goes on, so the parameters' names are not kept once for each trial.
        """
        return Result(
            self.number,
            {intern(name): value for name, value in self.params.items()},
            self.value if self.state in ("done", "stopped") else None,
            stopped=self.state == "stopped",
            curve=tuple((int(step), value) for step, value in self.curve if value is not None),
            violation=self.violation,
        )


@dataclass(frozen=True, slots=True)
class InterventionRow:
    """Something that was done to a training while it ran. See ``contract.panda.InterventionView``."""

    trial_id: str
    number: int
    study_id: str
    trial: int
    kind: Kind
    state: State
    parameter: str | None
    before: ParameterValue | None
    value: ParameterValue | None
    params: dict[str, ParameterValue]
    step: int | None
    wanted_step: int | None
    """A rollback or a fork begins at the newest checkpoint at or before it."""
    steps: int | None
    in_place: bool
    keep: Keep
    by: str
    why: str
    asked: float
    answered: float | None
    reason: str
    child: int | None
    effect: dict[str, Any] | None


Retuning = Literal["wanted", "open", "over"]


@dataclass(frozen=True, slots=True)
class RecheckRow:
    """When a study's champion is checked, and what was seen last of its data and its code."""

    study_id: str
    policy: dict[str, Any] | None
    """As ``contract.recheck.Policy`` in JSON."""
    secret: str | None
    """MLflow signs with it, so it is kept as it is. It is shown once."""
    next_due: float | None
    data_version: str | None
    code_version: str | None

    def __repr__(self) -> str:
        return f"RecheckRow(study_id={self.study_id!r}, next_due={self.next_due!r})"


@dataclass(frozen=True, slots=True)
class ChampionRow:
    """See ``contract.recheck.ChampionView``."""

    study_id: str
    number: int
    state: ChampionState
    params: dict[str, ParameterValue]
    found_in: str
    """The study: this one, or one that tuned again."""
    trial: int
    run_id: str | None
    value: float | None
    low: float | None
    high: float | None
    runs: int
    data_version: str | None
    code_version: str | None
    created: float
    decided: float | None
    by: str
    why: str
    check_number: int | None


@dataclass(frozen=True, slots=True)
class CheckRow:
    """See ``contract.recheck.CheckView``."""

    study_id: str
    number: int
    state: CheckState
    causes: list[Cause]
    keys: list[str]
    """Of the requests that it serves: the same request again is answered with it."""
    why: str
    by: str
    champion: int
    data_version: str | None
    code_version: str | None
    bundle: str | None
    asked: float
    started: float | None
    ended: float | None
    check_study: str | None
    waits: str
    verdict: dict[str, Any] | None
    retuned: str | None
    """The study that tunes again."""
    retuning: Retuning | None
    """None: nothing follows."""


@dataclass(frozen=True, slots=True)
class Aside:
    """A host that gets no work, and why."""

    reason: str
    since: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Drained:
    """A host that an operator gives no more work."""

    since: float
    """Seconds since the epoch."""
    now: bool
    """Whether what it trains is given back too."""


@dataclass(frozen=True, slots=True)
class PriorRow:
    """A result from elsewhere: an earlier study, a foreign run, a point typed by hand with its value."""

    study_id: str
    number: int
    source: str
    """See ``adapters.sql.priors``: a study, an experiment, or by hand."""
    params: dict[str, ParameterValue]
    value: float

    def result(self) -> Result:
        """What the search is told of it."""
        return Result(self.number, self.params, self.value)


@dataclass(frozen=True, slots=True)
class RoundRow:
    """A round of the ledger: ``data`` is the search's own JSON. What it was computed from is read apart: it is long."""

    study_id: str
    index: int
    data: dict[str, Any]
    created: float
    run_id: str | None


@dataclass(frozen=True, slots=True)
class TeamRow:
    name: str
    weight: float
    quota: Quota
    created: float


@dataclass(frozen=True, slots=True)
class TokenRow:
    id: str
    name: str
    role: Role
    team: str | None
    digest: str
    created: float
    expires: float | None
    revoked: float | None
    used: float | None

    def holds(self, now: float) -> bool:
        """Neither revoked nor expired; ``now`` in seconds since the epoch."""
        return self.revoked is None and (self.expires is None or now < self.expires)
