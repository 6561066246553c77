"""What is done to a training while it runs, and what is told of it. See docs/adr/0019-one-model-by-hand.md.

service --Orders--> host    what people and the nurse ask of its trials
host --Report--> service    what came of it, what the trainings read, their points, their checkpoints
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from caviar.contract.messages import (
    Attempt,
    Change,
    Done,
    Identifier,
    Message,
    Name,
    Number,
    ParameterName,
    ParameterValue,
    Step,
    Word,
)

Kind = Literal["set", "rollback", "fork"]
State = Literal["asked", "applied", "refused", "void"]
"""``void``: the training ended before anything had happened."""

Keep = Literal["ask", "better"]
MOST_ORDERS = 32
"""Interventions of one trial that are told at once."""
MOST_POINTS = 1_000
"""Points of a training in one report."""
WAIT_S = 20.0
"""So long the service keeps a host waiting that has nothing new to do."""


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Order(Part):
    """What is asked of a running trial. ``number`` counts its interventions, from 1."""

    number: Annotated[int, Field(ge=1, lt=2**31)]
    parameter: ParameterName | None = None
    value: ParameterValue | None = None
    """Set the parameter to the value; without one, lay a checkpoint aside for a fork:"""
    step: Step | None = None
    """the newest at or before this step; the newest of all where it is None."""
    in_place: bool = False
    """This trial ends for the fork."""
    by: str = Field(default="", max_length=255)
    why: str = Field(default="", max_length=500)
    """For the run's tag."""


class Ward(Part):
    """A training that can be changed, as its host sees it."""

    trial: Identifier
    attempt: Attempt
    live: dict[ParameterName, ParameterValue] = Field(default={}, max_length=200)
    """The values in effect of the parameters that the training reads as it goes."""
    done: tuple[Done, ...] = Field(default=(), max_length=MOST_ORDERS)
    checkpoints: tuple[Step, ...] = Field(default=(), max_length=200)
    """Those that are kept, rising."""
    begin: Annotated[int, Field(ge=0, lt=2**63)] = 0
    end: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """The bytes of its spool that ``points`` are of."""
    points: tuple[tuple[Step, Number | None], ...] = Field(default=(), max_length=MOST_POINTS)
    """The study's metric; None where it was no finite number."""


class Report(Message):
    host: Name
    incarnation: Word
    wards: tuple[Ward, ...] = Field(max_length=256)


class ReportAnswer(Message):
    known: dict[Identifier, int] = Field(default={})
    """Trial -> up to which byte of its spool the points are known."""


class Waiting(Message):
    """A host asks what there is to do, and waits until there is something."""

    host: Name
    incarnation: Word
    open: dict[Identifier, tuple[int, ...]] = Field(max_length=256)
    """The trials that it holds, each with the orders that it knows of and has not answered."""


class Orders(Message):
    orders: dict[Identifier, tuple[Order, ...]] = Field(default={})
    """Trial -> all that is asked of it and not answered."""
    stop: dict[Identifier, Annotated[str, Field(max_length=500)]] = Field(default={})
    """Trials to end now, and why: another takes their place, or somebody stopped them."""


_FORK = re.compile(r"([a-z0-9][a-z0-9-]*)-f[0-9]+-([0-9]{1,9})")


def fork_key(trial: str, attempt: int, number: int) -> str:
    """What the checkpoints lie under that intervention ``number`` of an attempt lays aside.

    With the attempt, because interventions are numbered anew after a backup was restored, and attempts are not.
    """
    return f"{trial}-f{attempt}-{number}"


def forked_from(key: str) -> tuple[str, int] | None:
    """The trial of which something lies under ``key``, and the number of the intervention; None for other names."""
    found = _FORK.fullmatch(key)
    return (found[1], int(found[2])) if found else None


def values_after(
    start: Mapping[str, ParameterValue], changes: Iterable[Change], step: int | None
) -> dict[str, ParameterValue]:
    """The values in effect after the report of ``step``: with which the next step is trained."""
    values = dict(start)
    for change in changes:
        if change.step is None or (step is not None and change.step <= step):
            values[change.parameter] = change.value
    return values


def values_of(
    start: Mapping[str, ParameterValue], changes: Iterable[Change], step: int
) -> dict[str, ParameterValue]:
    """The values with which ``step`` itself was trained."""
    return values_after(start, (c for c in changes if c.step is None or c.step < step), step)


# What clients ask and see.


class Asked(Part):
    model_config = ConfigDict(frozen=True, extra="forbid")
    why: str = Field(default="", max_length=400, pattern=r"^[^\x00-\x1f\x7f]*$")


class SetRequest(Asked):
    """Give parameters of a running training other values."""

    params: dict[ParameterName, ParameterValue] = Field(min_length=1, max_length=20)


class RollbackRequest(Asked):
    """Go back to the newest checkpoint at or before ``to_step``."""

    to_step: Step
    params: dict[ParameterName, ParameterValue] = Field(default={}, max_length=20)
    """Other values than those of that moment."""


class ForkRequest(Asked):
    """Train a copy from a checkpoint."""

    params: dict[ParameterName, ParameterValue] = Field(default={}, max_length=20)
    at_step: Step | None = None
    """The newest checkpoint at or before it; the newest of all where it is None."""
    steps: Annotated[int, Field(ge=1, lt=2**63)] | None = None
    """After so many steps the two are compared."""
    in_place: bool = False
    """The original ends: where there is one slot."""
    keep: Keep = "ask"
    """``better``: once they are compared, the better one goes on, and the original where that cannot be said. ``ask``:
    both go on until somebody says which one to keep."""


class SpreadRequest(Asked):
    """Train several copies from the newest checkpoint, each with numbers a little different."""

    children: Annotated[int, Field(ge=1, le=MOST_ORDERS)]


class NurseRequest(Part):
    """Switch the nurse on or off."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    on: bool


class EffectView(Part):
    """What a change did to the learning curve."""

    word: str
    sentence: str
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    """Of the pace after to the pace before, with a 90% interval."""
    look_again: int | None = None
    """Steps until it is worth looking again."""


class InterventionView(Part):
    trial: int
    number: int
    kind: Kind
    state: State
    parameter: str | None = None
    before: ParameterValue | None = None
    value: ParameterValue | None = None
    """Of one parameter that was set."""
    params: dict[str, ParameterValue] = {}
    """Of a fork: what is other than in the original."""
    step: int | None = None
    """After whose report it took effect; of a rollback or a fork, the checkpoint's."""
    by: str
    why: str = ""
    asked: float
    answered: float | None = None
    """Seconds since the epoch."""
    reason: str = ""
    """Why it was refused, or is void."""
    child: int | None = None
    """The trial that a rollback or a fork goes on as."""
    effect: EffectView | None = None


class NurseView(Part):
    """What the nurse of a study may do, and has done."""

    on: bool
    parameter: str
    low: float
    high: float
    steps: int
    """The planned length of the training."""
    trained: int = 0
    """Steps trained in all, with those that were taken back."""
    wasted: int = 0
    """Of these, those that were taken back."""
    acts: list[InterventionView] = Field(default=[])
    """What she did, the newest last."""
    report: str = ""
    """Her last day in words."""


class CurveView(Part):
    """The learning curve of one trial, as far as the service has it in memory."""

    trial: int
    metric: str
    points: list[tuple[int, float | None]]
    live: dict[str, ParameterValue] = {}
    """The values in effect of the parameters that the training reads as it goes."""
    checkpoints: list[int] = []
    interventions: list[InterventionView] = []


class ScheduleView(Part):
    """How a training was trained, so that another can be trained the same way."""

    params: dict[str, ParameterValue]
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    schedule: tuple[Change, ...] = Field(default=(), max_length=10_000)
