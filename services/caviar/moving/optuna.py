"""An Optuna study: from its SQLite storage, or from its distributions as JSON.

The JSON is ``{name: distribution_to_json(distribution)}``, as text or as the mapping that the text holds.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from caviar.errors import InputError, Problem
from caviar.moving.conditions import read_condition
from caviar.moving.draft import Draft
from caviar.moving.extras import optuna_package
from caviar.moving.ranges import Range, tidy
from caviar.moving.reading import Wrong
from caviar.moving.report import Moved
from caviar.space.parameter import Scale
from caviar.studies.source import MAX_BYTES, Source

if TYPE_CHECKING:
    import optuna

WHAT = "an Optuna study"
SCHEME = "sqlite:///"
MAGIC = b"SQLite format 3\x00"
NUMBERS = {
    "FloatDistribution": False,
    "IntDistribution": True,
    "UniformDistribution": False,
    "LogUniformDistribution": False,
    "DiscreteUniformDistribution": False,
    "IntUniformDistribution": True,
    "IntLogUniformDistribution": True,
}
"""By name, also of earlier versions: whether it is of whole numbers."""
CHOICE = "CategoricalDistribution"

Params = Mapping[str, Any]


def from_distributions(source: Source, name: str) -> Moved:
    """A mapping from names to distributions. Raises InputError with all that is wrong."""
    wrong = Wrong(source)
    draft = Draft("an Optuna study's distributions", name)
    for parameter, given in source.data.items():
        _parameter(draft, wrong, parameter, _unpacked(wrong, given, (parameter,)))
    wrong.stop()
    return draft.finish("the distributions")


def from_storage(where: str, study: str | None, name: str) -> Moved:
    """A study of a SQLite storage, which is only read. ``study`` may be left out where there is one.

    ``name`` is the Caviar study's where Optuna made one up. Raises InputError where there is no such study, and where
    Optuna is not installed.
    """
    file = Path(where.removeprefix(SCHEME))
    _refuse_other(file)
    optuna = optuna_package()
    url = f"{SCHEME}file:{quote(str(file.absolute()))}?mode=ro&uri=true"
    try:
        storage = optuna.storages.RDBStorage(url, skip_table_creation=True)
    except Exception as error:
        raise InputError(Problem((str(file),), f"Optuna cannot read it: {_said(error)}")) from None
    try:
        names = [summary.study_name for summary in optuna.get_all_study_summaries(storage)]
        chosen = _chosen(names, study, file)
        loaded = optuna.load_study(study_name=chosen, storage=storage)
        return _moved(loaded, name if chosen.startswith("no-name-") else chosen)
    except InputError:
        raise
    except Exception as error:
        raise InputError(Problem((str(file),), f"Optuna cannot read it: {_said(error)}")) from None
    finally:
        storage.engine.dispose()


def is_storage(where: str) -> bool:
    """Whether it names a SQLite storage: by its address, or by what the file begins with."""
    if where.startswith(SCHEME):
        return True
    try:
        with Path(where).open("rb") as stream:
            return stream.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def _refuse_other(file: Path) -> None:
    if not is_storage(str(file)):
        reason = "no SQLite file" if file.is_file() else "there is no such file"
        raise InputError(Problem((str(file),), reason, "For instance sqlite:///study.db."))
    with closing(sqlite3.connect(f"file:{quote(str(file.absolute()))}?mode=ro", uri=True)) as base:
        try:
            tables = {row[0] for row in base.execute("select name from sqlite_master")}
        except sqlite3.Error as error:
            raise InputError(Problem((str(file),), f"it cannot be read: {error}")) from None
    if not {"studies", "trials", "trial_params"} <= tables:
        raise InputError(Problem((str(file),), "no storage of Optuna: it lacks Optuna's tables"))


def _said(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__


def _chosen(names: Sequence[str], study: str | None, file: Path) -> str:
    if study is None and len(names) == 1:
        return names[0]
    listed = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
    if not names:
        raise InputError(Problem((str(file),), "there is no study in it"))
    if study is None:
        reason = f"there are {len(names)} studies in it"
        raise InputError(Problem((str(file),), reason, f"--study names one of {listed}."))
    if study not in names:
        reason = f"there is no study {study[:80]!r} in it"
        raise InputError(Problem(("--study",), reason, f"There is {listed}."))
    return study


def _moved(study: optuna.Study, name: str) -> Moved:
    draft = Draft(WHAT, name)
    goals = [direction.name.lower() for direction in study.directions]
    goal = "minimize" if goals[0] == "not_set" else goals[0]
    named = study.metric_names or []
    metric = named[0] if named else "value"
    draft.metric("direction", metric, goal)
    if not named:
        draft.changed("direction", "the metric has no name in it: write the trainer's own")
    for place, other in enumerate(goals[1:], 1):
        draft.left_out(f"direction {place}", f"{other}: a study tunes one metric")
    trials = study.get_trials(deepcopy=False)
    wrong = Wrong(Source({}, {}))
    params = [trial.params for trial in trials]
    for parameter, seen in _seen(trials).items():
        _parameter(draft, wrong, parameter, seen.distribution, seen.notes, params)
    finished = sum(trial.value is not None for trial in trials if len(goals) == 1)
    if finished:
        way_out = "`caviar trial add STUDY NAME=VALUE... --value V` tells one"
        draft.left_out("trials", f"{finished} results are not a part of a study file: {way_out}")
    wrong.stop()
    return draft.finish("its trials")


@dataclass
class _Seen:
    """The distribution of a parameter over all trials."""

    distribution: dict[str, Any]
    notes: list[str] = field(default_factory=list)

    def widen(self, other: dict[str, Any]) -> None:
        """A range that was another one in some trials becomes the range around both."""
        if other == self.distribution or other["name"] == CHOICE:
            return
        mine, its = self.distribution["attributes"], other["attributes"]
        note = "its range was not the same in all trials: the range around them"
        if note not in self.notes:
            self.notes.append(note)
        mine["low"], mine["high"] = min(mine["low"], its["low"]), max(mine["high"], its["high"])


def _seen(trials: Iterable[optuna.trial.FrozenTrial]) -> dict[str, _Seen]:
    from optuna.distributions import distribution_to_json

    found: dict[str, _Seen] = {}
    known: dict[int, dict[str, Any]] = {}
    for trial in trials:
        for name, distribution in trial.distributions.items():
            key = hash(distribution)
            if key not in known:
                known[key] = json.loads(distribution_to_json(distribution))
            if name not in found:
                found[name] = _Seen(json.loads(json.dumps(known[key])))
            else:
                found[name].widen(known[key])
    return found


def _unpacked(wrong: Wrong, given: object, path: tuple[str, ...]) -> dict[str, Any]:
    """A distribution as text, or the mapping in it."""
    if isinstance(given, str) and len(given) <= MAX_BYTES:
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            given = None
    if not isinstance(given, dict) or not isinstance(given.get("attributes"), dict):
        wrong.note(
            path,
            "this is no distribution",
            'For instance {"name": "FloatDistribution", "attributes": {"low": 0.0, "high": 1.0}}.',
        )
        return {}
    return given


def _parameter(
    draft: Draft,
    wrong: Wrong,
    name: str,
    given: Mapping[str, Any],
    notes: Sequence[str] = (),
    trials: Sequence[Params] = (),
) -> None:
    if not given:
        return
    path, kind, attributes = (name, "attributes"), given.get("name"), given["attributes"]
    when, said = read_condition(name, trials)
    told = (*notes, *((said,) if said else ()))
    if kind == CHOICE:
        values = wrong.listed(attributes.get("choices"), (*path, "choices"))
        if not values:
            wrong.note((*path, "choices"), "there is no choice")
            return
        draft.choice(name, name, values, notes=told, when=when)
    elif isinstance(kind, str) and kind in NUMBERS:
        bounds = wrong.bounds(attributes, path, ("low", "high"))
        step_key = "q" if kind == "DiscreteUniformDistribution" else "step"
        step: float | None = None
        if attributes.get(step_key) is not None:
            step = wrong.number(attributes, path, step_key)
            if step is not None and step <= 0:
                wrong.note((*path, step_key), f"{step:g} is not above 0")
        if bounds is None or (step is not None and step <= 0):
            return
        log = attributes.get("log") is True or "Log" in kind
        low, high = bounds
        if step is not None:
            high = tidy(low + step * int((high - low) / step + 1e-9))
        whole = NUMBERS[kind]
        if whole and not all(float(bound).is_integer() for bound in bounds):
            wrong.note(path, f"{low:g} to {high:g} are no whole numbers")
            return
        scale: Scale = "log" if log else "linear"
        draft.number(name, name, Range(low, high, scale, whole, step, notes=told), when)
    else:
        wrong.one_of(kind, (name, "name"), (*NUMBERS, CHOICE))
