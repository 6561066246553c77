"""What MLflow holds beside what people read there, so that the SQL store can be written again from MLflow alone.

    run of a study    artifact ``record.json``    StudyEntry
    run of a round    artifact ``round.json``     RoundEntry
    run of a trial    tag ``caviar.end``          TrialEnd; its parameters, other tags and times say the rest

Each has a version. A reader refuses one that it does not know, and checks the rest: whoever may write to MLflow may
have written it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from caviar.contract.messages import Curve, Identifier, Number, ParameterValue
from caviar.contract.views import Importance, Note, StudyState, TrialKind

RECORD = "record.json"
ROUND = "round.json"
MOST_TEXT = 7_500
"""Characters of a tag; MLflow takes 8,000."""
_SHORTEST = 500

Seconds = Annotated[float, Field(allow_inf_nan=False, ge=0)]
"""Since the epoch."""
StudyId = Annotated[str, Field(pattern=r"^[a-z0-9]{1,32}$")]
Whole = Annotated[int, Field(ge=0, lt=2**31)]


class _Entry(BaseModel):
    # What a search keeps for itself may be infinite, or no number.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")
    v: Literal[1] = 1


class TrialEnd(_Entry):
    """How a trial ended, as its worker reported it."""

    value: Number | None = None
    metrics: dict[str, Number] = {}
    steps: Whole = 0
    curve: Curve = ()
    error: str = ""
    seconds: float = Field(default=0.0, ge=0, allow_inf_nan=False)

    def to_tag(self) -> str:
        """At most MOST_TEXT characters: a long error loses its start, then curve and metrics are left out."""
        text = self.model_dump_json(exclude_defaults=True)
        if len(text) > MOST_TEXT:
            room = max(_SHORTEST, len(self.error) - (len(text) - MOST_TEXT))
            while len(text) > MOST_TEXT and room >= _SHORTEST:
                # A character of the error may be two or six in JSON.
                text = self._json(error=self.error[-room:])
                room = room * 3 // 4
        if len(text) > MOST_TEXT:
            text = self._json(error=self.error[-_SHORTEST:], curve=())
        if len(text) > MOST_TEXT:
            text = self._json(error="", curve=(), metrics={})
        return text

    def _json(self, **changed: Any) -> str:
        return self.model_copy(update=changed).model_dump_json(exclude_defaults=True)


class Prior(_Entry):
    """A result from elsewhere."""

    source: str = Field(max_length=255)
    params: dict[str, ParameterValue]
    value: Number


class TrialWithoutRun(_Entry):
    """A trial that MLflow has no run of: a person's point, or one that was cancelled before it started."""

    id: Identifier
    number: Whole
    round: Whole
    attempt: Whole
    state: Literal["queued", "cancelled"]
    kind: TrialKind
    params: dict[str, ParameterValue]
    seed: Whole
    repeats: Whole | None = None
    created: Seconds
    ended: Seconds | None = None


class StudyEntry(_Entry):
    """A study as the service has it. ``source`` is the study file itself."""

    id: StudyId
    source: str
    filename: str = Field(max_length=255)
    folder: str | None = None
    code_version: str | None = Field(default=None, max_length=255)
    user: str | None = Field(default=None, max_length=255)
    state: StudyState
    reason: str = ""
    created: Seconds
    ended: Seconds | None = None
    importance: tuple[Importance, ...] | None = None
    primed: bool = True
    notes: tuple[Note, ...] = ()
    branched_from: StudyId | None = None
    branched_round: Whole | None = None
    rebuilt: int = Field(default=0, ge=0, le=1_000_000)
    first_round: dict[str, Any]
    """As in RoundEntry: a study without any round cannot go on."""
    priors: tuple[Prior, ...] = ()
    without_run: tuple[TrialWithoutRun, ...] = ()


class RoundEntry(_Entry):
    """A round of the ledger."""

    index: Whole
    created: Seconds
    data: dict[str, Any]
    """The search's own JSON: ``caviar.search.Round``."""
    computed_from: tuple[tuple[str, str | None], ...] = ()
    """(trial, run)"""
