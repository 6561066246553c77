"""`caviar trial schedule` and `caviar trial replay`: how a training was trained, out as YAML and in again.

params: {learning_rate: 0.01, momentum: 0.9}
seed: 1234
schedule:
- {step: 120, parameter: learning_rate, value: 0.003}
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from caviar.cli.babysitting import training
from caviar.cli.reading import print_json
from caviar.cli.views.parts import clean
from caviar.client.connection import Client, find_service
from caviar.contract.messages import Change, ParameterValue
from caviar.contract.numbers import count
from caviar.contract.panda import ScheduleView
from caviar.contract.views import NewTrial
from caviar.errors import InputError, Problem
from caviar.studies.fields import Fields, kind
from caviar.studies.source import Source, read_source
from caviar.studies.spec import MAX_SEED

EXAMPLE = "For instance `- {step: 120, parameter: learning_rate, value: 0.003}`."
MOST = 10_000
"""Changes of one schedule."""


def schedule(given: str, as_json: bool) -> int:
    with Client(find_service()) as client:
        study, trial = training(client, given)
        found = trial.schedule()
    if as_json:
        print_json(found)
    else:
        click.echo(f"# Trial {trial.number} of {clean(study.name)} ({study.id})")
        click.echo(as_yaml(found), nl=False)
    return 0


def replay(given: str, file: Path, as_json: bool) -> int:
    asked, source = read_schedule(file)
    with Client(find_service()) as client:
        study = client.study(client.resolve(given))
        new = NewTrial(params=asked.params, seed=asked.seed, schedule=asked.schedule)
        try:
            added = client.add_trial(study.id, new)
        except InputError as error:
            raise InputError([_placed(_in_file(each), source) for each in error.problems]) from None
    if as_json:
        print_json(added)
        return 0
    follows = count(len(asked.schedule), "change")
    called = f"{clean(study.name)} ({study.id})"
    click.echo(f"{called} trains it next, as trial {added.trial}, with {follows} on the way.")
    return 0


def as_yaml(found: ScheduleView) -> str:
    """Read again, it is the same to the last digit."""
    root = CommentedMap(found.model_dump())
    root["params"] = _flow(found.params)
    changes = [_flow(each.model_dump()) for each in found.schedule]
    root["schedule"] = changes
    yaml = YAML()
    yaml.width = 10_000
    stream = io.StringIO()
    yaml.dump(root, stream)
    return stream.getvalue()


def read_schedule(file: Path) -> tuple[ScheduleView, Source]:
    """Raises InputError with the line and the key of all that is wrong."""
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(Problem((str(file),), "there is no such file")) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(Problem((str(file),), f"it cannot be read: {error}")) from None
    source = read_source(text, "a schedule")
    problems: list[Problem] = []
    root = Fields(source, source.data, (), problems)
    root.only(*ScheduleView.model_fields)
    params = root.section("params", "`params: {learning_rate: 0.01}`")
    values = {name: _value(params, name) for name in params.names()}
    seed = root.whole("seed", 0, MAX_SEED)
    changes = [_change(source, place, problems) for place in range(len(_entries(root)))]
    if problems:
        raise InputError(problems)
    return ScheduleView(params=values, seed=seed, schedule=tuple(changes)), source


def _entries(root: Fields) -> list[Any]:
    found = root.raw("schedule") if root.has("schedule") else []
    if not isinstance(found, list):
        root.problem("schedule", f"a list belongs here, not {kind(found)}", EXAMPLE)
        return []
    if len(found) > MOST:
        root.problem("schedule", f"{len(found):,} changes; at most {MOST:,} are followed")
        return []
    return found


def _change(source: Source, place: int, problems: list[Problem]) -> Change:
    given = source.data["schedule"][place]
    entry = given if isinstance(given, dict) else {}
    fields = Fields(source, entry, ("schedule", str(place)), problems)
    if not isinstance(given, dict):
        fields.problem(None, f"a mapping belongs here, not {kind(given)}", EXAMPLE)
        return Change(parameter="_", value=0)
    fields.only(*Change.model_fields)
    from_the_start = fields.has("step") and fields.raw("step") is None
    return Change.model_construct(  # what is wrong has been noted, and refuses the file
        step=None if from_the_start else fields.whole("step", 0, 2**63 - 1),
        parameter=fields.text("parameter", "learning_rate"),
        value=_value(fields, "value"),
    )


def _value(fields: Fields, key: str) -> ParameterValue:
    value = fields.raw(key)
    if not fields.has(key):
        fields.problem(key, "this is missing", f"For instance `{key}: 0.003`.")
    elif not isinstance(value, bool | int | float | str):
        fields.problem(key, f"a number, text or true/false belongs here, not {kind(value)}")
    elif isinstance(value, float) and not math.isfinite(value):
        fields.problem(key, "a finite number belongs here")
    else:
        return value
    return 0


def _flow(values: Mapping[str, object]) -> CommentedMap:
    inline = CommentedMap(
        (name, DoubleQuotedScalarString(value))
        if isinstance(value, str) and value.startswith("?")  # left bare, it is read as a key
        else (name, value)
        for name, value in values.items()
    )
    inline.fa.set_flow_style()
    return inline


def _in_file(problem: Problem) -> Problem:
    """The service names parameters without the section that they are in here."""
    if not problem.path or problem.path[0] == "schedule":
        return problem
    return replace(problem, path=("params", *problem.path))


def _placed(problem: Problem, source: Source) -> Problem:
    return replace(problem, line=source.line(problem.path) if problem.path else None)
