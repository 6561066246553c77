"""The sections ``recheck`` and ``check`` of a study file: when a champion is checked, and what a check is about."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import cast, get_args

from cronsim import CronSim, CronSimError

from caviar.contract.recheck import DataWatch, Policy, WhenMoved
from caviar.errors import InputError, Problem
from caviar.space import Box, Space
from caviar.studies.fields import Fields, kind
from caviar.studies.nursing import Mode
from caviar.studies.source import Source

RECHECK_KEYS = (
    *("every", "cron", "data", "code", "trials", "tolerance", "when_moved"),
    "model",
)
CHECK_KEYS = ("of", "number", "noise", "freedom", "tolerance", "box")

SOONEST_S = 60.0
LATEST_S = 366 * 86_400.0
UNITS = {"minute": 60.0, "hour": 3_600.0, "day": 86_400.0}
LONGEST_CRON = 100
LONGEST_NAME = 500
LONGEST_PATH = 1_000
LONGEST_VERSION = 200
"""Characters of the version of data, and of a registered model's name."""
MAX_TRIALS = 1_000
MAX_NUMBER = 2**31 - 1

_EVERY = re.compile(r"([0-9]{1,6}) ?(minute|hour|day)s?")
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)
"""From here on a cron expression is tried: a file is right or wrong whenever it is read."""


@dataclass(frozen=True, slots=True)
class CheckTerms:
    """What a study with ``mode: check`` is about, beside its points. See ``search.checking.Terms``."""

    of: str
    """The study whose champion is checked."""
    number: int
    """The check among those of that study."""
    noise: float | None = None
    freedom: int = 0
    tolerance: float = 0.0
    box: Box | None = None
    """The last good one."""


def next_due(policy: Policy, after: float) -> float | None:
    """The first time after ``after``, both in seconds since the epoch; None where time calls for no check."""
    if policy.every_s is not None:
        return after + policy.every_s
    if policy.cron is None:
        return None
    then = next(CronSim(policy.cron, datetime.fromtimestamp(after, UTC)), None)
    return None if then is None else then.timestamp()


def read_recheck(root: Fields, mode: Mode, problems: list[Problem]) -> Policy | None:
    """``recheck: {every: 7 days, data: {file: train.csv}}``; empty it says that nothing but a person calls for one."""
    if not root.has("recheck"):
        return None
    if mode != "caviar":
        root.problem(
            "recheck",
            "the champion of a search is checked, and this is none",
            "Leave it out, or leave out `mode`.",
        )
    example = "`recheck: {every: 7 days, when_moved: propose}`"
    fields = root.section("recheck", example, required=False)
    fields.only(*RECHECK_KEYS)
    if fields.has("every") and fields.has("cron"):
        fields.problem("cron", "`every` says already when", "Keep one of the two.")
    given = {
        "every_s": _every(fields),
        "cron": _cron(fields),
        "data": _data(fields),
        "code": fields.truth("code", default=False),
        "trials": fields.whole("trials", 4, MAX_TRIALS) if fields.has("trials") else None,
        "tolerance": _at_least_0(fields, "tolerance") or 0.0,
        "when_moved": cast(WhenMoved, fields.choice("when_moved", get_args(WhenMoved), "tell")),
        "model": _line(fields, "model", "churn", LONGEST_VERSION),
    }
    if any(problem.path[:1] == ("recheck",) for problem in problems):
        return None
    return Policy.model_validate(given)


def read_check(
    root: Fields, source: Source, space: Space | None, mode: Mode, problems: list[Problem]
) -> CheckTerms | None:
    """``check: {of: 1f0c9a2b, number: 3}``, with ``mode: check`` and nowhere else."""
    if mode != "check":
        if root.has("check"):
            root.problem(
                "check", "this says what a study with `mode: check` is about", "Remove it."
            )
        return None
    for key in ("confirm", "nurse"):
        if root.has(key):
            root.problem(key, "a check trains the points that it was given", "Remove it.")
    fields = root.section("check", "`check: {of: 1f0c9a2b, number: 3}`")
    if not fields.given():
        return None
    fields.only(*CHECK_KEYS)
    return CheckTerms(
        of=_line(fields, "of", "1f0c9a2b", 64, needed=True) or "",
        number=fields.whole("number", 1, MAX_NUMBER),
        noise=_at_least_0(fields, "noise"),
        freedom=fields.whole("freedom", 0, MAX_NUMBER, default=0),
        tolerance=_at_least_0(fields, "tolerance") or 0.0,
        box=_box(fields, source, space, problems),
    )


def _every(fields: Fields) -> float | None:
    if not fields.has("every"):
        return None
    value = fields.raw("every")
    seconds: float | None = None
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value
    elif isinstance(value, str) and (found := _EVERY.fullmatch(value.strip())):
        seconds = int(found[1]) * UNITS[found[2]]
    example = "For instance `every: 7 days`, `12 hours`, `30 minutes`, or a number of seconds."
    if seconds is None:
        told = repr(value[:40]) if isinstance(value, str) else kind(value)
        fields.problem("every", f"{told} is no length of time", example)
    elif not SOONEST_S <= seconds <= LATEST_S:
        fields.problem("every", "this is outside 60 seconds to 366 days", example)
    else:
        return float(seconds)
    return None


def _cron(fields: Fields) -> str | None:
    if not fields.has("cron"):
        return None
    example = "For instance `cron: 0 6 * * MON`: Mondays at 6:00 UTC."
    cron = " ".join(fields.text("cron", '"0 6 * * MON"').split())
    if not cron:
        return None
    parts = len(cron.split())
    if len(cron) > LONGEST_CRON or not cron.isascii():
        fields.problem("cron", f"this is no cron expression: {cron[:40]!r}", example)
    elif parts != 5:
        told = "minute, hour, day of the month, month, day of the week"
        fields.problem("cron", f"five fields belong here ({told}), not {parts}", example)
    else:
        try:
            if next(CronSim(cron, _SOME_DAY), None) is not None:
                return cron
            fields.problem("cron", "there is no such time in 50 years", example)
        except CronSimError as error:
            place = str(error).removeprefix("Bad ").replace("-", " ")
            fields.problem("cron", f"the {place} is no part of a cron expression", example)
    return None


def _data(fields: Fields) -> DataWatch | None:
    value = fields.raw("data")
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str):
        version = _short(fields, "data", value, LONGEST_VERSION)
        return None if version is None else DataWatch(version=version)
    if not fields.has("data"):
        return None
    example = (
        "`data: {file: train.csv}`, `data: {dataset: churn, experiment: features}`, or a version"
    )
    watched = fields.section("data", example)
    if not watched.given():
        return None
    watched.only("file", "dataset", "experiment")
    if watched.has("file"):
        for other in ("dataset", "experiment"):
            if watched.has(other):
                watched.problem(other, "`file` says already where the version is read", "Keep one.")
        return _file(watched)
    dataset = _line(watched, "dataset", "churn", LONGEST_NAME, needed=True)
    experiment = _line(watched, "experiment", "features", LONGEST_NAME, needed=True)
    if dataset is None or experiment is None:
        return None
    return DataWatch(dataset=dataset, experiment=experiment)


def _file(watched: Fields) -> DataWatch | None:
    path = _line(watched, "file", "data/train.csv", LONGEST_PATH, needed=True)
    if path is None:
        return None
    parts = PurePosixPath(path).parts
    if path.startswith("/") or "\\" in path or ".." in parts or not parts:
        way_out = "Name it from the folder of the study file, for instance `file: data/train.csv`."
        watched.problem("file", f"{path[:60]!r} is no file inside the study's folder", way_out)
        return None
    return DataWatch(file=path)


def _line(
    fields: Fields, key: str, example: str, longest: int, *, needed: bool = False
) -> str | None:
    """Text on one line. None where there is none, or it is wrong."""
    if not fields.has(key) and not needed:
        return None
    return _short(fields, key, fields.text(key, example), longest) or None


def _short(fields: Fields, key: str, value: str, longest: int) -> str | None:
    if len(value) > longest:
        fields.problem(key, f"{len(value):,} characters; at most {longest} are read")
    elif not value.isprintable():
        fields.problem(key, "one line of text belongs here", "Remove what cannot be printed.")
    elif key == "data" and not value.strip():
        fields.problem(key, "a version belongs here, not nothing", "For instance `data: 2026-11`.")
    else:
        return value.strip()
    return None


def _at_least_0(fields: Fields, key: str) -> float | None:
    value = fields.real(key)
    if value is not None and value < 0:
        fields.problem(key, f"{value:g} is below 0")
        return None
    return value


def _box(
    fields: Fields, source: Source, space: Space | None, problems: list[Problem]
) -> Box | None:
    """As ``Box.to_json`` writes it: on the unit scale of each parameter."""
    if not fields.has("box") or space is None:
        return None
    given = fields.raw("box")
    if not isinstance(given, dict):
        fields.problem("box", f"a mapping belongs here, not {kind(given)}", "Leave it out.")
        return None
    try:
        return Box.from_json(space, given)
    except InputError as error:
        for problem in error.problems:
            path = ("check", *problem.path)
            problems.append(Problem(path, problem.reason, "Leave it out.", source.line(path)))
        return None
