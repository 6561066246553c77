"""The messages between the scheduler and the workers. JSON only; hostile until validated here.

scheduler --Ticket--> Celery queue --> slot --ClaimRequest--> scheduler --ClaimAnswer--> slot
worker --Hello, Heartbeat, Finish, Shipped--> scheduler
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from caviar.contract.protocol import OLDEST, PROTOCOL, understood

ParameterValue = bool | int | float | str
"""A sampled value. ``bool`` before ``int``: pydantic keeps the type that JSON gave."""

Identifier = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
"""Study and trial ids: safe in a path, a URL, a tag filter and a shell."""

Number = Annotated[float, Field(allow_inf_nan=False)]

Count = Annotated[int, Field(ge=0, lt=2**31)]
"""As large as a column of a database takes."""

Attempt = Annotated[int, Field(ge=1, lt=2**31)]

Name = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""One line."""

Word = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]

Step = Annotated[int, Field(ge=0, lt=2**63)]

Curve = Annotated[tuple[tuple[Step, Number | None], ...], Field(max_length=256)]
"""(step, metric) where trials are compared, steps rising; None where the metric was no finite number."""

Gpu = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$")]
"""A GPU or a part of one (MIG), by NVML's UUID, as CUDA_VISIBLE_DEVICES takes it."""

Told = Annotated[str, AfterValidator(lambda text: text.replace("\0", "\ufffd"))]
"""What a program wrote, of any kind: a NUL, which a database may refuse, is shown as one that cannot be read."""

Metrics = Annotated[
    dict[Told, float],
    AfterValidator(lambda given: {k: v for k, v in given.items() if math.isfinite(v)}),
]
"""By name. One that is no finite number is as good as none, and a database may refuse it."""

HostWarning = Annotated[Told, Field(max_length=500)]

Outcome = Literal["done", "failed", "stopped", "crashed", "released"]
"""How one attempt ended.

``done``      a finite value of the metric
``failed``    the trainer raised, or returned no finite metric: not tried again
``stopped``   it ended early because it was asked to (early stopping, cancel)
``crashed``   the process died (signal, os._exit): tried again within the crash budget
``released``  the worker gave it back (shutdown, or it was asked to make way): tried again, no budget charged
"""


def _understood(version: int) -> int:
    if not OLDEST <= version <= PROTOCOL:
        raise ValueError(f"version {version} of the protocol; this side understands {understood()}")
    return version


class Message(BaseModel):
    """``v`` is the version of every message: a reader refuses one that it does not understand, and leaves out fields
    that it does not know."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="null")
    v: Annotated[int, AfterValidator(_understood)] = PROTOCOL


Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 of a code bundle's archive."""


class Trainer(BaseModel):
    """How a trial trains: exactly one of ``name`` (a trainer that is installed on the worker), ``function``
    (``module:name``) and ``command`` (argv); with ``folder`` or ``bundle``, the code lies there."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    name: str | None = None
    function: str | None = None
    command: tuple[str, ...] | None = None
    folder: str | None = None
    """Absolute folder that is the working directory and the first entry of ``sys.path``."""
    bundle: Digest | None = None


TrainerName = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,200}$")]


class Offers(BaseModel):
    """What a worker's operator lets it train."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    names: tuple[TrainerName, ...] = Field(default=(), max_length=500)
    """Trainers that are installed there."""
    functions: tuple[TrainerName, ...] = Field(default=(), max_length=500)
    """Patterns of ``module:name``, as the shell has them."""
    folders: bool = False
    commands: bool = False
    bundles: bool = False


class StopRule(BaseModel):
    """Asynchronous successive halving as a worker applies it (Li et al., "A system for massively parallel
    hyperparameter tuning", MLSys 2020): at each rung the best 1/``reduction`` of the trials go on, and who is near."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    reduction: int = Field(default=3, ge=2, le=16)
    min_steps: int = Field(default=1, ge=1)
    """Steps of training after which a value is written down for the first time."""
    watch_only: bool = False
    """The trial that this comes with trains to its end, but counts where others are compared."""
    first: int | None = None
    """The step of a training's first report; None while nobody has reported."""
    last: int | None = None
    """The step of the last report of the longest whole training; None before the first one ended."""
    rungs: tuple[int, ...] = Field(default=(), max_length=64)
    """Steps at which trials are compared, rising; empty as long as nobody knows how long a training is."""
    values: tuple[tuple[Number | None, ...], ...] = Field(default=(), max_length=64)
    """For each rung what is known there, apart from the trials that run on the worker that is told: it knows those
    itself, and sooner. Thinned to at most ``VALUES`` by rank."""


VALUES = 128
"""Values of one rung in a message; a share of them is off by less than 1%."""


AfterTrial = Literal["delete", "keep"]


class Checkpoints(BaseModel):
    """What a study wants of its checkpoints."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    keep: int = Field(default=2, ge=1, le=100)
    """So many of a trial that is not over, on its host: the newer half as they come, the older further apart. In the
    store of copies, the newest."""
    after: AfterTrial = "delete"
    """What becomes of the newest one when the trial has trained: ``keep`` puts it into its MLflow run."""


ParameterName = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z_][\w.\-]*$")]


class Change(BaseModel):
    """A value that is in effect after the report of ``step``; None: from the start, before any report."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    step: Step | None = None
    parameter: ParameterName
    value: ParameterValue


class Origin(BaseModel):
    """Where a trial begins that does not begin from nothing."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    number: Count | None = None
    """The trial whose checkpoint it goes on from."""
    step: Step | None = None
    """The checkpoint's step."""
    fork: Identifier | None = None
    """The key under which its host has laid the checkpoint aside."""
    host: Name | None = None
    run_id: Word | None = None
    """The MLflow run that has kept the checkpoint: that of a trial which had ended."""
    keep: Literal["ask", "better"] = "ask"
    """What becomes of the two once they are compared."""
    kind: Literal["rollback", "fork"] = "fork"
    by: Annotated[str, Field(max_length=255)] = ""
    why: Annotated[str, Field(max_length=500)] = ""
    """Who forked it, and why."""
    in_place: bool = False
    """The other trial ended for it."""
    steps: Annotated[int, Field(ge=1, lt=2**63)] | None = None
    """After so many steps it is compared with the other."""
    schedule: tuple[Change, ...] = Field(default=(), max_length=10_000)
    """What it follows from its start on: the changes of a training that it replays."""


class Done(BaseModel):
    """What came of something that was asked of a running trial, ``contract.panda.Order``."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    number: Annotated[int, Field(ge=1, lt=2**31)]
    step: Step | None = None
    """Set: the last report before the training read the value, None before any. Fork: the checkpoint's."""
    before: ParameterValue | None = None
    refused: Told = Field(default="", max_length=500)


class Ticket(Message):
    """An invitation to claim a trial. It grants nothing: the claim's answer is what counts."""

    trial: Identifier
    study: Identifier
    number: int = Field(ge=0)
    attempt: int = Field(ge=1)
    params: dict[str, ParameterValue]


class ClaimRequest(Message):
    """Compare-and-set dispatched -> running, idempotent for one ``nonce``."""

    trial: Identifier
    attempt: Attempt
    nonce: str = Field(min_length=8, max_length=64)
    host: Name
    incarnation: Word
    slot: Count
    gpus: tuple[Gpu, ...] = Field(default=(), max_length=256)
    """The host's GPUs; none where it does not pin trials to GPUs."""
    slots_per_gpu: int = Field(default=1, ge=1, le=64)
    offers: Offers | None = None
    """None: a worker that does not tell."""
    changes: bool = False
    """Whether it can change what it trains: follow a schedule, begin from a checkpoint laid aside."""


class Assignment(Message):
    """All that a slot needs to train one attempt."""

    trial: Identifier
    study: Identifier
    study_name: str
    number: int
    round: int
    attempt: int
    seed: int
    params: dict[str, ParameterValue]
    trainer: Trainer
    metric: str
    goal: Literal["minimize", "maximize"]
    lease_s: float
    run_id: str | None = None
    """The trial's MLflow run where an earlier attempt made it known."""
    stop: StopRule | None = None
    """None: the trial trains to its end."""
    repeats: int | None = None
    """The number of the trial whose point this one trains again."""
    added: bool = False
    """A person chose the point."""
    bounded: tuple[str, ...] = ()
    """Metrics that the study bounds: their last values come back in ``Finish.metrics``."""
    gpu: Gpu | None = None
    """The only GPU that the trial may see; None where its host pins none."""
    gpu_alone: bool = True
    """Whether no other trial is to be on that GPU."""
    checkpoints: Checkpoints = Checkpoints()
    origin: Origin | None = None
    """None: it begins from nothing."""
    schedule: tuple[Change, ...] = ()
    """Values that change on the way, steps rising: what an earlier attempt was told, or a replay follows."""
    passed: Step | None = None
    """The last step that an earlier attempt is known to have reported."""


class ClaimAnswer(Message):
    granted: bool
    reason: str = ""
    again: bool = False
    """No GPU of the host has room now: the slot asks again with the same ticket."""
    pause_s: float = Field(default=0.0, ge=0)
    """Seconds in which the slot takes no other ticket: the host is not to train now, and others are to get it."""
    assignment: Assignment | None = None


class Hello(Message):
    """A worker started (again). Trials held by an earlier incarnation of the host are given back."""

    host: Name
    incarnation: Word
    resource_class: Word = "cpu"
    slots: int = Field(ge=1, le=4096)
    gpus: int = Field(default=0, ge=0, le=256)
    offers: Offers | None = None


class HelloAnswer(Message):
    lease_s: float


class Held(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    trial: Identifier
    attempt: Attempt
    step: Step | None = None
    """Last reported step, for the progress line."""
    value: Number | None = None
    """Last reported value of the study's metric."""
    curve: Curve = ()
    """As far as it has come, where a stopping rule compares trials."""
    output: Told | None = Field(default=None, max_length=4_000)
    """Tail of its output, kept should the host be lost; None where it is as it was."""


class Heartbeat(Message):
    """One call a worker for all that it holds, every quarter of the lease."""

    host: Name
    incarnation: Word
    free: Count
    held: tuple[Held, ...] = ()
    warnings: tuple[HostWarning, ...] = Field(default=(), max_length=8)
    """What a person should know of the host: its disk is nearly full, say."""
    kept: tuple[Identifier, ...] = Field(default=(), max_length=100)
    """Trials of which the host keeps checkpoints although it trains them no more."""


class HeartbeatAnswer(Message):
    known: bool
    """False: the scheduler restarted and does not know this worker; say Hello again."""
    stop: tuple[Held, ...] = ()
    """Attempts to end: cancelled, fenced or no longer held by this worker."""
    release: tuple[Held, ...] = ()
    """Attempts to end with a checkpoint and give back: another study goes first."""
    rules: dict[Identifier, StopRule] = {}
    """Study id -> its stopping rule as of now, for the studies whose trials the worker holds."""
    over: tuple[Identifier, ...] = ()
    """Of ``kept``, those that nobody will train again."""


class Finish(Message):
    """Compare-and-set on (trial, attempt, running). A replay is a duplicate, a stale attempt is fenced."""

    trial: Identifier
    attempt: Attempt
    nonce: str = Field(max_length=64)
    outcome: Outcome
    value: Number | None = None
    """The study's metric; there exactly when ``outcome`` is ``done`` (a stopped one may have it)."""
    metrics: Metrics = {}
    """Other numbers that the training function returned (a test score, say): logged once, not tuned."""
    steps: Count = 0
    curve: Curve = ()
    """Its first report, what was written down for the rungs, and of a whole training its last report."""
    error: Told = Field(default="", max_length=8_000)
    """Why it ended as it did: what it raised, or where it was stopped early."""
    output: Told = Field(default="", max_length=16_000)
    """Tail of the output."""
    seconds: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    answers: tuple[Done, ...] = Field(default=(), max_length=10_000)
    """What came of all that was asked of it while it ran."""

    @model_validator(mode="after")
    def _done_with_a_value(self) -> Finish:
        if self.outcome == "done" and self.value is None:
            raise ValueError("done without a value")
        return self


class FinishAnswer(Message):
    verdict: Literal["accepted", "duplicate", "fenced"]


class PassRequest(Message):
    """Whoever holds a claim asks for what its trial shows to MLflow: only where MLflow is behind the gateway."""

    trial: Identifier
    attempt: Attempt
    nonce: str = Field(max_length=64)


class PassAnswer(Message):
    token: str = Field(repr=False)
    """Good for MLflow's routes of the team's experiments, while this attempt runs."""


class Shipped(Message):
    """These trials' runs are complete in MLflow."""

    runs: dict[Identifier, Word]
    """trial id -> MLflow run id"""
    attempts: dict[Identifier, Count] = {}
    """trial id -> the attempt that ended it: an earlier one that is shipped completes nothing"""


class RunRequest(Message):
    """Which run is the trial's? ``run_id`` is one that the worker made or knows; the first that is told counts."""

    trial: Identifier
    attempt: Attempt
    run_id: Word | None = None


class RunAnswer(Message):
    run_id: str | None
    """The trial's run, for good; None while nobody has told one."""
    attempt: int
    """The newest attempt that a worker has claimed."""
    complete: bool
    """The trial has ended and its run is complete."""


class ShipTarget(Message):
    """Where the runs of a study go in MLflow; absent until the refiner has made the study's run."""

    experiment_id: str
    parent_run_id: str
    rebuilt: int = Field(default=0, ge=0)
    """How many times the study came back, from MLflow or a backup. Attempts of before it whose trials have no run there
    are void: they were not known any more, and others took their numbers."""
    service: str | None = None
    """The address at which people reach the service, for links to it."""
