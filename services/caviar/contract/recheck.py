"""Champions, and the checks whether they still hold, as clients see them. See docs/adr/0020-still-holds.md."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from caviar.contract.messages import ParameterValue
from caviar.contract.views import View

ChampionState = Literal["proposed", "champion", "former", "rejected"]
Cause = Literal["schedule", "data", "code", "signal", "mlflow"]
CheckState = Literal["due", "running", "ended"]
Word = Literal["holds", "moved", "inconclusive"]
WhenMoved = Literal["tell", "propose", "promote"]
"""``tell``     nothing but the verdict
``propose``  a study opens, warm from where the last one ended; its result is a proposed champion
``promote``  the same, and its result becomes the champion by itself
"""

Version = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""Of data or of code: any text on one line. Two are the same if they are equal."""


Why = Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")]
"""No database takes a NUL."""


class DataWatch(BaseModel):
    """Where the version of the data is read: a value that is told, a file's hash, or an MLflow dataset's digest."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    version: Version | None = None
    file: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    """Inside the study's folder, on the service's machine."""
    dataset: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    experiment: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    """The newest run of this experiment with a dataset of that name says its digest."""


class Policy(BaseModel):
    """The section ``recheck`` of a study file: when it is checked, how, and what follows."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    every_s: Annotated[float, Field(ge=60.0, le=366 * 86_400.0)] | None = None
    cron: Annotated[str, Field(max_length=100)] | None = None
    """In UTC. At most one of both."""
    data: DataWatch | None = None
    code: bool = False
    """Whether a new version of the code calls for a check."""
    trials: Annotated[int, Field(ge=4, le=1000)] | None = None
    """Most trainings of a check; a tenth of the study's budget by default, at least 6 and at most 20."""
    tolerance: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 0.0
    """A difference of the metric up to this does not matter."""
    when_moved: WhenMoved = "tell"
    model: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """A registered model of MLflow, whose alias ``champion`` follows the champion's run."""


class RecheckRequest(BaseModel):
    """Somebody wants to know now."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    data_version: Version | None = None
    """Of the data as it is now; the one that is known by default."""
    code_version: Version | None = None
    bundle: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """New code, uploaded before."""
    why: Why = ""


class DecideRequest(BaseModel):
    """Promote a champion, or reject a proposed one."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    number: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    """The newest proposed one by default."""
    why: Why = ""


class RollbackChampion(BaseModel):
    """The champion before this one is the champion again."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    why: Why = ""


class ChampionView(View):
    """A point that is, was or may become what its study recommends. ``number`` counts from 1."""

    number: int
    state: ChampionState
    params: dict[str, ParameterValue]
    study: str
    """Where it was found: the study itself, or one that tuned again."""
    trial: int
    run_id: str | None = None
    value: float | None = None
    """The metric: the mean over new seeds where it was confirmed."""
    low: float | None = None
    high: float | None = None
    """95% interval of that mean."""
    runs: int = 1
    data_version: str | None = None
    code_version: str | None = None
    """What it was chosen on."""
    created: float
    decided: float | None = None
    """When it became champion, or was rejected; seconds since the epoch."""
    by: str = ""
    why: str = ""
    check: int | None = None
    """The check that called for it."""


class DriftView(View):
    parameter: str
    scale: str
    before: ParameterValue
    after: ParameterValue
    distance: float
    """In widths of the last box, on that scale."""


class VerdictView(View):
    word: Word
    effect: float
    """By how much the challenger is better than the champion, in units of the metric; below 0 it is worse."""
    low: float
    high: float
    """90% interval of ``effect``."""
    challenger: dict[str, ParameterValue] | None = None
    drifts: list[DriftView] = Field(default_factory=list)
    champion: float | None = None
    """Mean of the champion's values in this check."""
    trainings: int = 0
    reason: str = ""


class CheckView(View):
    """A check of a study's champion. ``number`` counts the study's checks, from 1."""

    number: int
    state: CheckState
    causes: list[Cause]
    why: str = ""
    by: str = ""
    champion: int
    data_version: str | None = None
    code_version: str | None = None
    asked: float
    started: float | None = None
    ended: float | None = None
    study: str | None = None
    """The study whose trials are the check's trainings."""
    run_id: str | None = None
    waits: str = ""
    """Why it has not started."""
    verdict: VerdictView | None = None
    retuned: str | None = None
    """The study that tunes again."""


class RecheckView(View):
    """All that is known of whether a study's champion holds."""

    study: str
    name: str
    metric: str
    goal: Literal["maximize", "minimize"]
    policy: Policy | None = None
    next_due: float | None = None
    """Seconds since the epoch."""
    data_version: str | None = None
    code_version: str | None = None
    """As they were seen last."""
    champions: list[ChampionView] = Field(default_factory=list)
    checks: list[CheckView] = Field(default_factory=list)
    """Oldest first."""


class HookView(View):
    """Where MLflow's own webhooks go, for an event of its model registry to call for a check."""

    path: str
    secret: str
    """What MLflow signs with. Shown this once."""
