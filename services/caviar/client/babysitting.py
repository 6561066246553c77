"""One training that is watched and changed while it runs, as a Python program and the commands see it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from caviar.client.home import user_name
from caviar.contract.messages import ParameterValue
from caviar.contract.panda import (
    CurveView,
    ForkRequest,
    InterventionView,
    Keep,
    RollbackRequest,
    ScheduleView,
    SetRequest,
    SpreadRequest,
)
from caviar.contract.views import GoOn, Submitted, TrialView
from caviar.errors import InputError, Problem

if TYPE_CHECKING:
    from caviar.client.connection import Client

R = TypeVar("R", bound=BaseModel)

POLL_S = 0.2
"""Between two looks at whether a training has answered."""


class BabysatTrial:
    """A trial of a study, by hand. What is asked takes effect when the training reads it: see :meth:`answered`.

    >>> training = caviar.connect().study("digits").babysit(0)
    >>> asked = training.set({"learning_rate": 3e-4}, why="plateau")
    >>> training.answered(asked)
    """

    def __init__(self, client: Client, study_id: str, number: int) -> None:
        self._client = client
        self._path = f"/studies/{study_id}/trials/{number}"
        self.study_id = study_id
        self.number = number

    def __repr__(self) -> str:
        return f"BabysatTrial({self.study_id!r}, {self.number})"

    @property
    def view(self) -> TrialView:
        """All that the service says of it now."""
        return self._client.trial(self.study_id, self.number)

    def set(self, params: Mapping[str, ParameterValue], why: str = "") -> list[InterventionView]:
        """Ask for other values, each an intervention of its own.

        Raises:
            InputError: there is no such parameter, or the value lies outside its range.
            NotAllowed: it does not run, or its training does not read the parameter as it goes.
        """
        asked = request_of(SetRequest, params=dict(params), why=why)
        return self._client.create(f"{self._path}/set", list[InterventionView], asked)

    def rollback(
        self, to_step: int, params: Mapping[str, ParameterValue] | None = None, why: str = ""
    ) -> InterventionView:
        """Go back to the newest checkpoint at or before ``to_step``, with the values of that moment but for ``params``.

        It goes on as another trial, the ``child`` of what comes of it; this one ends. Raises InputError, NotAllowed.
        """
        asked = request_of(RollbackRequest, to_step=to_step, params=dict(params or {}), why=why)
        return self._client.create(f"{self._path}/rollback", InterventionView, asked)

    def fork(
        self,
        params: Mapping[str, ParameterValue],
        at_step: int | None = None,
        steps: int | None = None,
        in_place: bool = False,
        keep: Keep = "ask",
        why: str = "",
    ) -> InterventionView:
        """Train a copy from the newest checkpoint (at or before ``at_step``), beside this trial or in its place.

        After ``steps`` the two are compared; ``keep`` says whether the better one goes on then, or somebody is asked.
        Raises InputError, NotAllowed.
        """
        asked = request_of(
            ForkRequest,
            params=dict(params),
            at_step=at_step,
            steps=steps,
            in_place=in_place,
            keep=keep,
            why=why,
        )
        return self._client.create(f"{self._path}/fork", InterventionView, asked)

    def spread(self, children: int, why: str = "") -> list[InterventionView]:
        """Train so many copies, each with live numbers a little different. Raises NotAllowed."""
        asked = request_of(SpreadRequest, children=children, why=why)
        return self._client.create(f"{self._path}/spread", list[InterventionView], asked)

    def keep(self) -> list[TrialView]:
        """Of trials that go on from one another, this one is kept: those that are given end. Raises NotAllowed."""
        return self._client.create(f"{self._path}/keep", list[TrialView])

    def panda(self, name: str | None = None) -> Submitted:
        """A new study, by hand, that goes on from this trial, which ended with a value. Raises NotAllowed."""
        return self._client.create(
            f"{self._path}/panda", Submitted, GoOn(name=name, user=user_name())
        )

    def interventions(self) -> list[InterventionView]:
        """What was done to it, by whom and why, and what came of it; in the order in which it was asked."""
        return self._client.read(f"{self._path}/interventions", list[InterventionView])

    def curve(self) -> CurveView:
        """Its learning curve, as far as the service has it in memory."""
        return self._client.read(f"{self._path}/curve", CurveView)

    def schedule(self) -> ScheduleView:
        """Parameters, seed and changes by step: ``study.add(...)`` with these trains it again."""
        return self._client.read(f"{self._path}/schedule", ScheduleView)

    def answered(
        self, asked: InterventionView | list[InterventionView], timeout_s: float = 60.0
    ) -> list[InterventionView]:
        """What came of what was asked, once the training has answered it all, or after ``timeout_s`` as it is then."""
        wanted = (
            {asked.number} if isinstance(asked, InterventionView) else {a.number for a in asked}
        )
        for looked in _looks(timeout_s):
            found = [each for each in self.interventions() if each.number in wanted]
            if looked or not any(each.state == "asked" for each in found):
                return found
        return []


def request_of(kind: type[R], **fields: object) -> R:
    """Raises InputError for what no service would take."""
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise InputError(
            [Problem(tuple(map(str, each["loc"])), each["msg"]) for each in error.errors()]
        ) from None


def _looks(timeout_s: float) -> Iterator[bool]:
    """When to look; True the last time."""
    deadline = time.monotonic() + timeout_s
    while (left := deadline - time.monotonic()) > 0:
        yield False
        time.sleep(min(POLL_S, max(left, 0.0)))
    yield True
