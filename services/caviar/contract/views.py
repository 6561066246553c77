"""What the API answers to clients. The command line and the pages show these and compute nothing of their own."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from caviar.contract.messages import Change, Digest, Name, Origin, ParameterValue

StudyState = Literal["running", "paused", "done", "stopped", "failed"]
TrialState = Literal[
    "queued", "dispatched", "running", "done", "failed", "stopped", "cancelled", "quarantined"
]

TrialKind = Literal["search", "added", "confirm", "fork"]
"""Who chose the point: the search, a person, or the end of the study, which trains its leaders on new seeds. A fork
goes on from another trial's checkpoint."""


class View(BaseModel):
    model_config = ConfigDict(frozen=True)


class ParameterView(View):
    """One parameter of the space, in the order of the study file."""

    name: str
    type: Literal["float", "int", "categorical"]
    scale: Literal["linear", "log", "reverse_log"] | None = None
    low: float | int | None = None
    high: float | int | None = None
    choices: list[ParameterValue] | None = None
    tier: int | None = None
    when: dict[str, list[ParameterValue]] | None = None
    live: bool = False
    """It may be changed while a trial trains."""


class SideView(View):
    """A box's side along one parameter: an interval on its own scale, or the categories that are left."""

    low: float | int | None = None
    high: float | int | None = None
    choices: list[ParameterValue] | None = None


class RoundView(View):
    round: int
    box: dict[str, SideView]
    reason: str
    """One sentence: why the box is where it is."""
    changes: dict[str, str] = {}
    """By parameter: narrowed, widened, moved, kept; with the edge that was hit."""
    kind: str = "start"
    """start | shrink | widen | move | restart | keep | undo | branch"""
    before: dict[str, SideView] = {}
    """The box just before it in the ledger; empty in the first."""
    edges: dict[str, str] = {}
    """By parameter: which edge of the box before (or which of the study's own bounds) the best trial sat at, for
    instance "at the upper edge", "above the box", "at the study's own upper bound"."""
    support: list[int] = []
    """Numbers of the trials whose region the box is, best first."""
    undone: bool = False
    """Taken back: the current round does not descend from it."""
    parent: int | None = None
    trials: int = 0
    """How many finished trials it was computed from."""
    best: float | None = None
    run_id: str | None = None


class TrialView(View):
    id: str
    number: int
    round: int
    state: TrialState
    attempt: int
    params: dict[str, ParameterValue]
    value: float | None = None
    metrics: dict[str, float] = {}
    step: int | None = None
    """Last reported step of a running trial."""
    last: float | None = None
    """Last reported value of a running trial."""
    kind: TrialKind = "search"
    repeats: int | None = None
    """The number of the trial whose point this one trains again."""
    origin: Origin | None = None
    """Where it began, unless from nothing."""
    touched: bool = False
    """Its values were changed while it trained: its parameters are those that it began with."""
    violation: float = 0.0
    """How far beyond the study's constraints; 0 within them."""
    beyond: str = ""
    """The same in words: "latency_ms (63 > 50)"."""
    seconds: float | None = None
    started: float | None = None
    ended: float | None = None
    """Seconds since the epoch."""
    host: str | None = None
    gpu: str | None = None
    """The GPU that it was pinned to, by its UUID."""
    stop_asked: bool = False
    """Somebody asked this one trial to stop."""
    error: str = ""
    """Why it ended as it did: what it raised, or where it was stopped early."""
    output: str = ""
    """Tail of the output; only where one trial is asked for."""
    run_id: str | None = None


class Confirmed(View):
    """What the leader is worth on new seeds: the run that made it the leader is not among them."""

    runs: int
    mean: float
    low: float | None = None
    high: float | None = None
    """95% interval of the mean (Student's t); None with a single run."""
    rivals: list[int] = []
    """Numbers of the other leaders that were confirmed beside it and came out no better."""


class Best(View):
    trial: int
    value: float
    params: dict[str, ParameterValue]
    metrics: dict[str, float] = {}
    """Reported beside the metric that was tuned: a held-out test score, what the study bounds."""
    confirmed: Confirmed | None = None
    run_id: str | None = None


class Importance(View):
    """How much of the metric's variation one parameter explains, beside its declared tier."""

    name: str
    share: float
    """In [0, 1]; the shares of all parameters sum to 1."""
    tier: int | None = None
    verdict: str = ""
    """The declared tier beside the measured place: "declared tier 3, measured second of seven"."""


class MlflowView(View):
    uri: str | None = None
    experiment_id: str | None = None
    run_id: str | None = None
    pending: int = 0
    """Finished trials whose runs are not yet complete in MLflow."""
    closed: bool = False
    """The study's own run is complete: rounds, summary, pictures."""


class Use(View):
    """What a study has spent of one part of its budget of time, in hours."""

    name: Literal["hours", "slot_hours", "gpu_hours"]
    spent: float
    limit: float | None = None


class Projection(View):
    """The slot-hours that a study takes in all, from its first trial to its end."""

    learned_from: int
    """Ended trials that it stands on; 0: nothing is known, and no figure is given."""
    source: str = ""
    """Whose they are, in words."""
    slot_hours: float | None = None
    low: float | None = None
    high: float | None = None
    """90% interval of ``slot_hours``."""


class Note(View):
    """One line on a source of a study's warm start: what was read from it and what was not."""

    text: str
    warning: bool = False
    """Nothing came of it."""


class StudyView(View):
    id: str
    name: str
    project: str
    """Its experiment in MLflow."""
    team: str = "default"
    shared: bool = False
    """Every team may look at it."""
    state: StudyState
    reason: str = ""
    metric: str
    goal: Literal["minimize", "maximize"]
    strategy: str
    mode: Literal["caviar", "panda", "check"] = "caviar"
    """Many models in parallel; one that is babysat; those that tell whether a study's champion still holds."""
    budget: int
    """Trials."""
    counts: dict[str, int]
    """By trial state, zeros included."""
    best: Best | None = None
    constraints: list[str] = []
    """The bounds that the best keeps: "latency_ms <= 50"."""
    confirm: int = 0
    """New seeds on which the leaders are trained again before the study ends."""
    parameters: list[ParameterView] = []
    rounds: list[RoundView] = []
    importance: list[Importance] = []
    running: list[TrialView] = []
    failures: list[TrialView] = []
    """The newest few failed or quarantined trials, with their error."""
    warnings: list[str] = []
    notes: list[Note] = []
    priority: int = 0
    """Inside its team: the higher goes first."""
    place: Literal["first", "normal", "last"] = "normal"
    """Where an operator put it in the queue."""
    created: float
    """Seconds since the epoch."""
    ended: float | None = None
    left_s: float | None = None
    """Estimated seconds until the budget is spent."""
    slots: int = 0
    uses: list[Use] = []
    """What is spent of the budget of time, where the study limits it."""
    projection: Projection | None = None
    """What it will have taken at its end; None before its first trial ended, and once it is over."""
    branched_from: str | None = None
    branched_round: int | None = None
    """The study, by its id, and its round that this one goes on from."""
    mlflow: MlflowView = MlflowView()


class StudyFile(View):
    """A study as it was submitted."""

    name: str
    text: str


class StudyNow(View):
    """Where a study stands, as its stream of events tells it first, and again when its state changes."""

    study: str
    name: str
    state: StudyState
    reason: str = ""
    counts: dict[str, int]
    """By trial state, zeros included."""
    best: Best | None = None


class StudyRow(View):
    """One line of the list of studies."""

    id: str
    name: str
    state: StudyState
    strategy: str
    done: int
    """Trials that trained, whole or stopped early."""
    budget: int
    best: float | None = None
    goal: Literal["minimize", "maximize"]
    created: float
    team: str = "default"
    yours: bool = True
    """Whether the caller may change it; others are shared."""


class SlotUse(View):
    """A slot that trains. Of another team's study that is not shared there is no more than whose it is."""

    slot: int
    team: str
    study: str | None = None
    """None: it is not the caller's to see."""
    name: str = ""
    trial: int | None = None
    """Its number."""
    gpu: str | None = None
    """The GPU that it is pinned to, by its UUID."""


class WorkerView(View):
    host: str
    resource_class: str
    slots: int
    free: int
    seen_s: float
    """Seconds since its last sign of life."""
    gpus: int = 0
    aside: str = ""
    """Why it gets no work; empty where it does."""
    aside_since: float | None = None
    """Seconds since the epoch."""
    running: int = 0
    """Trials that it trains."""
    drained_since: float | None = None
    """Since when an operator gives it no more work, in seconds since the epoch."""
    unshipped: int = 0
    """Of a drained host: trials that ended there and are not complete in MLflow. What they logged is on its disk."""
    warnings: list[str] = []
    """What it said of itself with its last heartbeat: its disk is nearly full, say."""
    uses: list[SlotUse] = []
    """Slots that train, in their order."""


Line = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{0,255}$")]


class Submission(BaseModel):
    """A study as a person wrote it: the text itself, so that errors name lines and the record keeps it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    text: str
    filename: Line = "study.yaml"
    folder: Annotated[str, StringConstraints(pattern=r"^[^\x00]{1,4096}$")] | None = None
    """Absolute folder of the file: where the trainer's module lies. Only a local service takes it."""
    resume: bool = True
    """Continue an unfinished study of the same content instead of starting another."""
    code_version: Line | None = None
    user: Line | None = None
    team: str | None = None
    """Whose study it is: the token's team by default. Only an operator names another."""
    bundle: Digest | None = None
    """The digest of a code bundle that was uploaded before."""


Person = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,128}$")]
"""Who asks, for the ledger: one line."""


class Undo(BaseModel):
    """Take back a round of the ledger, and all after it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    user: Person | None = None


class Branch(BaseModel):
    """Start a study from a round of another; ``name`` is the other's with the round by default."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str | None = None
    user: Person | None = None


class GoOn(BaseModel):
    """Take a trial up by hand; the study's ``name`` is the other's with the trial's number by default."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str | None = None
    user: Person | None = None


class Submitted(View):
    id: str
    resumed: bool = False
    warnings: list[str] = []


class NewTrial(BaseModel):
    """A point that a person chose. Values may be text: they are read as the parameters' types."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    params: dict[str, ParameterValue]
    value: float | None = None
    """Its result where it is known: then nothing is trained."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    """The trial's own; by default, it follows from the study's and the trial's number."""
    schedule: tuple[Change, ...] = Field(default=(), max_length=10_000)
    """Values that change on the way, as another training's did."""


class DrainedHost(BaseModel):
    """A host that gets no more work."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    host: Name
    now: bool = False
    """Whether what it trains saves, ends and goes back to the queue; otherwise it goes on to its end."""


class TrustedHost(BaseModel):
    """A host that gets work again."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    host: Name


class AddedTrial(View):
    params: dict[str, ParameterValue]
    """With the defaults of what was left out."""
    trial: int | None = None
    """The number of the trial that trains it."""
    value: float | None = None
    """The result that was noted."""


class Readiness(View):
    """Whether the service can do its work."""

    ready: bool
    wrong: list[str] = []
    """What is away or stands still."""


class ProblemView(View):
    """Problem details (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    problems: list[dict[str, str | int | list[str] | None]] = []
