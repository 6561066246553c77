"""From a run in MLflow to a row of the store, or the reason why it is none. Nothing in MLflow is believed unchecked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from caviar.adapters.mlflow_books import Seen
from caviar.adapters.sql import ChampionRow, CheckRow, InterventionRow, TrialRow
from caviar.contract import names
from caviar.contract.ending import TrialChange, TrialEnd, from_pieces
from caviar.contract.messages import Identifier, Origin
from caviar.contract.panda import Kind, forked_from
from caviar.contract.record import CheckEntry, RecheckEntry, RoundEntry, StudyEntry
from caviar.contract.views import TrialKind, TrialState
from caviar.errors import CaviarError, InputError
from caviar.search import Round
from caviar.space import Space
from caviar.studies.constraints import violation
from caviar.studies.life import FINAL
from caviar.studies.mapping import untexted
from caviar.studies.spec import Study, load_study
from caviar.teams import experiment_of

MOST_SEED = 2**31 - 1
MOST_ATTEMPT = 10_000_000
_IDENTIFIER: TypeAdapter[str] = TypeAdapter(Identifier)


class Damaged(CaviarError):
    """A run is not what Caviar wrote; says in what."""


class _RoundData(BaseModel):
    """The search's JSON of a round, as far as it can be checked without the search."""

    model_config = ConfigDict(extra="forbid", strict=True)
    index: int
    box: dict[str, Any]
    kind: str
    reason: str
    changes: dict[str, str]
    parent: int | None
    support: list[int]
    results: int
    best: float | None
    incumbent: int | None
    memory: dict[str, Any]
    edges: dict[str, str]


def read_study(run: Seen, content: bytes, experiment: str) -> tuple[StudyEntry, Study]:
    """A study from its ``record.json``; ``experiment`` is the name of its run's. Raises Damaged.

    A team's members may write what they like into the runs of their experiments, but into no other team's.
    """
    try:
        entry = StudyEntry.model_validate_json(content)
    except ValidationError as error:
        raise Damaged(f"its record cannot be read: {_first(error)}") from None
    if entry.id != run.tags.get(names.TAG_STUDY):
        raise Damaged("its record is that of another study")
    try:
        study = load_study(entry.source, entry.filename)
    except InputError as error:
        raise Damaged(f"its study file cannot be read: {error.problems[0]}") from None
    place = experiment_of(entry.team, study.project)
    if experiment != place:
        raise Damaged(
            f"its record says that it is the team {entry.team}'s, whose experiment would be {place}; it lies in "
            f"{experiment}. Where somebody renamed that, give it its name back"
        )
    for prior in entry.priors:
        _point(study.space, prior.params)
    for trial in entry.without_run:
        if trial.number >= study.budget.trials:
            raise Damaged(f"trial {trial.number} is beyond its budget")
        if trial.id != names.trial_id(entry.id, trial.number, names.rebuilt_of(trial.id)):
            raise Damaged(f"trial {trial.number} is called {trial.id}")
        _point(study.space, trial.params)
    check_round(study.space, entry.first_round, 0)
    return entry, study


_LONGEST = {
    **dict.fromkeys(("study", "run_id", "retuned"), 64),
    **dict.fromkeys(("data_version", "code_version"), 200),
    "by": 255,
}
_TIMES = ("created", "decided", "asked", "started", "ended")
_COUNTS = ("number", "trial", "runs", "champion", "check", "trainings")
LAST_S = 253_402_300_799.0
"""The end of the year 9999."""
LOST = "The service lost its store before it began."


def read_recheck(
    content: bytes, study_id: str, space: Space
) -> tuple[RecheckEntry, list[ChampionRow], list[CheckRow]]:
    """A study's champions and checks from its ``recheck.json``. Raises Damaged.

    What had not begun does not begin by itself: it would train what anybody who may write to MLflow has written there.
    """
    try:
        entry = RecheckEntry.model_validate_json(content)
    except ValidationError as error:
        raise Damaged(f"its champions cannot be read: {_first(error)}") from None
    for rows in (entry.champions, entry.checks):
        if len({row.number for row in rows}) < len(rows):
            raise Damaged("two of its champions or checks have one number")
    if sum(each.state == "champion" for each in entry.champions) > 1:
        raise Damaged("it has more than one champion")
    if len({(each.study, each.trial) for each in entry.champions}) < len(entry.champions):
        raise Damaged("two of its champions are one trial")
    _kept(entry.model_dump(), "")
    for champion in entry.champions:
        _point(space, champion.params)
    for check in entry.checks:
        if check.verdict is not None and check.verdict.challenger is not None:
            _point(space, check.verdict.challenger)
    champions = [
        ChampionRow(
            study_id=study_id,
            found_in=each.study,
            check_number=each.check,
            **each.model_dump(exclude={"study", "check"}),
        )
        for each in entry.champions
    ]
    return entry, champions, [_check(study_id, each) for each in entry.checks]


def _kept(value: object, key: str) -> None:
    """Raises Damaged for what no database takes, or no clock shows: one study's file stops no other's return."""
    if isinstance(value, dict):
        for name, each in value.items():
            if name not in ("params", "challenger"):  # points: the space says what they may be
                _kept(each, name)
    elif isinstance(value, list | tuple):
        for each in value:
            _kept(each, key)
    elif isinstance(value, str) and ("\x00" in value or len(value) > _LONGEST.get(key, 8000)):
        raise Damaged(f"its {key} is too long, or holds what is no text")
    elif isinstance(value, float) and not (
        math.isfinite(value) and (key not in _TIMES or 0 <= value < LAST_S)
    ):
        raise Damaged(f"its {key} is {value}")
    elif isinstance(value, int) and key in _COUNTS and not 0 <= value <= MOST_SEED:
        raise Damaged(f"its {key} is no number up to {MOST_SEED}")


def _check(study_id: str, entry: CheckEntry) -> CheckRow:
    verdict = None
    if entry.verdict is not None:
        verdict = entry.verdict.model_dump(mode="json") | {"mixed": entry.mixed}
    elif entry.state == "due":
        none = {"effect": 0.0, "low": 0.0, "high": 0.0}
        verdict = {"word": "inconclusive", **none, "reason": LOST, "mixed": True}
    same = {"v", "study", "run_id", "verdict", "mixed", "state", "retuning", "waits"}
    return CheckRow(
        study_id=study_id,
        check_study=entry.study,
        verdict=verdict,
        state="ended" if entry.state == "due" else entry.state,
        retuning="over" if entry.retuning == "wanted" else entry.retuning,
        keys=[],
        waits="",
        **entry.model_dump(exclude=same),
    )


def read_round(run: Seen, content: bytes, space: Space) -> RoundEntry:
    """A round from its ``round.json``. Raises Damaged."""
    try:
        entry = RoundEntry.model_validate_json(content)
    except ValidationError as error:
        raise Damaged(f"its record cannot be read: {_first(error)}") from None
    if str(entry.index) != run.tags.get(names.TAG_ROUND):
        raise Damaged("its record is that of another round")
    check_round(space, entry.data, entry.index)
    return entry


def check_round(space: Space, data: Mapping[str, Any], index: int) -> None:
    """Raises Damaged where ``data`` is no round ``index`` of a search in ``space``."""
    try:
        checked = _RoundData.model_validate(data)
        Round.from_json(space, data)
    except ValidationError as error:
        raise Damaged(f"round {index} cannot be read: {_first(error)}") from None
    except (InputError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as e:
        raise Damaged(f"round {index} does not fit the space: {e}") from None
    if checked.index != index or not (checked.parent is None or 0 <= checked.parent < index):
        raise Damaged(
            f"round {index} says that it is another, or that it descends from a later one"
        )


def read_trial(run: Seen, entry: StudyEntry, study: Study) -> TrialRow:
    """A trial from its run; one that did not end is queued. Raises Damaged."""
    number = _whole(run.tags, names.TAG_NUMBER, study.budget.trials - 1)
    identifier = run.tags.get(names.TAG_TRIAL, "")
    if identifier != names.trial_id(entry.id, number, names.rebuilt_of(identifier)):
        raise Damaged(f"its trial is called {identifier[:80]!r}")
    attempt = max(1, _whole(run.tags, names.TAG_ATTEMPT, MOST_ATTEMPT))
    repeats = None
    if names.TAG_REPEATS in run.tags:
        repeats = _whole(run.tags, names.TAG_REPEATS, study.budget.trials - 1)
    kind: TrialKind = "search" if names.TAG_ADDED not in run.tags else "added"
    origin = _origin(run)
    if origin is not None and origin.fork is not None:
        kind = "fork"
    state, end = _ending(run)
    started = run.start_ms / 1000
    return TrialRow(
        id=_IDENTIFIER.validate_python(identifier),
        study_id=entry.id,
        number=number,
        round=_whole(run.tags, names.TAG_ROUND, study.budget.trials),
        state=state,
        attempt=attempt,
        crashes=0,
        lost=0,
        params=_point(study.space, _typed(study.space, run.params)),
        seed=_whole(run.tags, names.TAG_SEED, MOST_SEED),
        value=end.value,
        metrics=end.metrics,
        steps=end.steps,
        nonce=None,
        host=run.tags.get(names.TAG_HOST, "")[:128] or None,
        incarnation=None,
        slot=None,
        created=started,
        started=started,
        ended=_ended_s(run, end) if state in FINAL else None,
        seconds=end.seconds if state in FINAL else None,
        error=end.error[:8000],
        output="",
        run_id=run.run_id,
        shipped=state in FINAL,
        kind="confirm" if repeats is not None else kind,
        repeats=repeats,
        violation=violation(study.constraints, end.metrics),
        curve=list(end.curve),
        origin=None if origin is None else origin.model_dump(mode="json"),
        touched=any(key.startswith(names.TAG_CHANGE) for key in run.tags),
    )


def read_changes(run: Seen, row: TrialRow) -> list[InterventionRow]:
    """What was set while the trial trained, from its run's tags. Raises Damaged."""
    found = []
    for key, text in run.tags.items():
        if not key.startswith(names.TAG_CHANGE):
            continue
        try:
            told = TrialChange.model_validate_json(text)
            number = _whole({key: key.removeprefix(names.TAG_CHANGE)}, key, MOST_ATTEMPT)
            parameter, (before, value) = told.change()
        except (ValidationError, ValueError):
            raise Damaged(f"its tag {key} is no change of a value") from None
        asked = _asked(row, number, "set", told.by, told.why)
        found.append(
            replace(asked, parameter=parameter, before=before, value=value, step=told.after_step)
        )
    return found


def read_fork(child: TrialRow, parent: TrialRow) -> InterventionRow | None:
    """What was asked of ``parent`` for ``child`` to begin there."""
    origin = Origin.model_validate(child.origin)
    trial, number = forked_from(origin.fork or "") or ("", 0)
    if trial != parent.id:
        return None
    asked = _asked(parent, number, origin.kind, origin.by, origin.why)
    return replace(
        asked,
        step=origin.step,
        steps=origin.steps,
        in_place=origin.in_place,
        keep=origin.keep,
        child=child.number,
    )


def _asked(row: TrialRow, number: int, kind: Kind, by: str, why: str) -> InterventionRow:
    """MLflow does not have when it was asked: the trial's start stands for it."""
    at = row.started or row.created
    return InterventionRow(
        trial_id=row.id,
        number=number,
        study_id=row.study_id,
        trial=row.number,
        kind=kind,
        state="applied",
        parameter=None,
        before=None,
        value=None,
        params={},
        step=None,
        wanted_step=None,
        steps=None,
        in_place=False,
        keep="ask",
        by=by,
        why=why,
        asked=at,
        answered=at,
        reason="",
        child=None,
        effect=None,
    )


def _origin(run: Seen) -> Origin | None:
    text = from_pieces(run.tags, names.TAG_ORIGIN)
    if text is None:
        return None
    try:
        return Origin.model_validate_json(text)
    except ValidationError as error:
        raise Damaged(f"where it begins cannot be read: {_first(error)}") from None


def _ending(run: Seen) -> tuple[TrialState, TrialEnd]:
    """What counts is what its worker, or the service, said of its end: not that somebody ended the run."""
    told = run.tags.get(names.TAG_STATE, "running")
    states: dict[str, TrialState] = {state: state for state in FINAL}
    if told not in states:
        return "queued", TrialEnd()
    text = run.tags.get(names.TAG_END)
    if text is None:
        raise Damaged(f"it is {told} without a record of how it ended")
    try:
        end = TrialEnd.model_validate_json(text)
    except ValidationError as error:
        raise Damaged(f"how it ended cannot be read: {_first(error)}") from None
    if told == "done" and end.value is None:
        raise Damaged("it is done without a value")
    return states[told], end


def _ended_s(run: Seen, end: TrialEnd) -> float:
    return run.start_ms / 1000 + end.seconds if run.end_ms is None else run.end_ms / 1000


def _typed(space: Space, params: Mapping[str, str]) -> dict[str, object]:
    """MLflow has text; a script may have logged parameters of its own beside the trial's."""
    return {name: untexted(space[name], params[name]) for name in space.names if name in params}


def _point(space: Space, given: Mapping[str, object]) -> dict[str, Any]:
    try:
        return dict(space.check_point(given))
    except InputError as error:
        raise Damaged(f"its parameters are no point of the space: {error.problems[0]}") from None


def _whole(tags: Mapping[str, str], key: str, most: int) -> int:
    text = tags.get(key, "")
    if not (text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) <= most):
        raise Damaged(f"its tag {key} is {text[:40]!r}, no number up to {most}")
    return int(text)


def _first(error: ValidationError) -> str:
    found = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(map(str, found["loc"]))
    return f"{place}: {found['msg']}" if place else str(found["msg"])
