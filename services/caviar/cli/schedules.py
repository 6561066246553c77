"""`caviar trial schedule` and `caviar trial replay`: how a training was trained, out as YAML and in again.

params: {learning_rate: 0.01, momentum: 0.9}
seed: 1234
schedule:
- {step: 120, parameter: learning_rate, value: 0.003}
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import click
from pydantic import ValidationError
from rich.text import Text
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from caviar.cli.babysitting import training
from caviar.cli.numbers import count
from caviar.cli.reading import console, print_json
from caviar.cli.views.parts import clean
from caviar.client.connection import Client, find_service
from caviar.contract.panda import ScheduleView
from caviar.contract.views import NewTrial
from caviar.errors import InputError, Problem
from caviar.studies.source import Source, read_source


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
    line = f"{clean(study.name)} ({study.id}) trains it next, as trial {added.trial}, with {follows} on the way."
    console().print(Text(line))
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
    unknown = [
        Problem((key,), "there is no such key", "A schedule has params, seed and schedule.")
        for key in source.data
        if key not in ScheduleView.model_fields
    ]
    unknown += [
        Problem(
            ("schedule", str(place), key),
            "there is no such key",
            "Each has step, parameter and value.",
        )
        for place, each in enumerate(_list(source.data.get("schedule")))
        if isinstance(each, dict)
        for key in each
        if key not in ("step", "parameter", "value")
    ]
    try:
        found = ScheduleView.model_validate(source.data)
    except ValidationError as error:
        problems = [_problem(each["loc"], each["msg"]) for each in error.errors()]
        raise InputError([_placed(each, source) for each in _once(unknown + problems)]) from None
    if unknown:
        raise InputError([_placed(each, source) for each in unknown])
    return found, source


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _flow(values: Mapping[str, object]) -> CommentedMap:
    inline = CommentedMap(values)
    inline.fa.set_flow_style()
    return inline


def _problem(place: tuple[int | str, ...], reason: str) -> Problem:
    """Of a value that may be one of several types, its place alone: the types' own names say nothing to a person."""
    kinds = ("bool", "int", "float", "str")
    path = tuple(str(part) for part in place if part not in kinds)
    if len(path) < len(place):
        return Problem(path, "a number, true or false, or text belongs here")
    return Problem(path, "this is missing" if reason == "Field required" else reason)


def _once(problems: list[Problem]) -> list[Problem]:
    return list({(each.path, each.reason): each for each in problems}.values())


def _in_file(problem: Problem) -> Problem:
    """The service names parameters without the section that they are in here."""
    if not problem.path or problem.path[0] == "schedule":
        return problem
    return replace(problem, path=("params", *problem.path))


def _placed(problem: Problem, source: Source) -> Problem:
    return replace(problem, line=source.line(problem.path) if problem.path else None)
