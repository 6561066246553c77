"""What MLflow holds beside what people read there, so that the SQL store can be written again from MLflow alone.

    run of a study    artifact ``record.json``    StudyEntry
                      artifact ``recheck.json``   RecheckEntry, where the study has or had a champion
    run of a round    artifact ``round.json``     RoundEntry
    run of a trial    tag ``caviar.end``          ending.TrialEnd; its parameters, other tags and times say the rest

Each has a version. A reader refuses one that it does not know, and checks the rest: whoever may write to MLflow may
have written it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from caviar.contract.access import TeamName
from caviar.contract.ending import Entry, Whole
from caviar.contract.messages import Digest, Identifier, Number, Origin, ParameterValue
from caviar.contract.queue import Place, Priority
from caviar.contract.recheck import ChampionView, CheckView, Version
from caviar.contract.views import Importance, Note, StudyState, TrialKind

RECORD = "record.json"
ROUND = "round.json"
RECHECK = "recheck.json"
MOST_ROWS = 10_000
"""Of a study's champions and of its checks, the newest come back."""

Seconds = Annotated[float, Field(allow_inf_nan=False, ge=0)]
"""Since the epoch."""
StudyId = Annotated[str, Field(pattern=r"^[a-z0-9]{1,32}$")]


class Prior(Entry):
    """A result from elsewhere."""

    source: str = Field(max_length=255)
    params: dict[str, ParameterValue]
    value: Number


class TrialWithoutRun(Entry):
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
    origin: Origin | None = None
    created: Seconds
    ended: Seconds | None = None


class StudyEntry(Entry):
    """A study as the service has it. ``source`` is the study file itself."""

    id: StudyId
    source: str
    filename: str = Field(max_length=255)
    folder: str | None = None
    code_version: str | None = Field(default=None, max_length=255)
    bundle: Digest | None = None
    """The code that it brought along; the code itself is not in the record."""
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
    team: TeamName = "default"
    priority: Priority = 0
    place: Place = "normal"
    shared: bool = False
    rebuilt: int = Field(default=0, ge=0, le=1_000_000)
    first_round: dict[str, Any]
    """As in RoundEntry: a study without any round cannot go on."""
    priors: tuple[Prior, ...] = ()
    without_run: tuple[TrialWithoutRun, ...] = ()


class RoundEntry(Entry):
    """A round of the ledger."""

    index: Whole
    created: Seconds
    data: dict[str, Any]
    """The search's own JSON: ``caviar.search.Round``."""
    computed_from: tuple[tuple[str, str | None], ...] = ()
    """(trial, run)"""


class CheckEntry(CheckView):
    """A check with what only the service needs."""

    bundle: Digest | None = None
    retuning: Literal["wanted", "open", "over"] | None = None
    mixed: bool = False
    """The data or the code changed meanwhile."""


class RecheckEntry(Entry):
    """Champions and checks of a study.

    When the next one is due is not among it, nor the secret of MLflow's hook: whoever may write to MLflow could start
    code with it.
    """

    data_version: Version | None = None
    code_version: Version | None = None
    champions: tuple[ChampionView, ...] = Field(default=(), max_length=MOST_ROWS)
    checks: tuple[CheckEntry, ...] = Field(default=(), max_length=MOST_ROWS)
