"""``caviar trial add``: a point of a person's own."""

from __future__ import annotations

import math
from collections.abc import Sequence

from caviar.cli.reading import console, print_json
from caviar.cli.views.parts import clean, values_table
from caviar.client.connection import Client, find_service
from caviar.contract.messages import ParameterValue
from caviar.contract.numbers import number
from caviar.contract.views import NewTrial
from caviar.errors import InputError, Problem


def pairs(words: Sequence[str]) -> dict[str, ParameterValue]:
    """``name=value`` words as text by name. Raises InputError for every word that is none, or names one twice."""
    found: dict[str, ParameterValue] = {}
    problems: list[Problem] = []
    for word in words:
        name, equals, value = word.partition("=")
        if not name or not equals or not value:
            reason = f"{word!r} is no name=value"
            problems.append(Problem((), reason, "For instance learning_rate=0.01."))
        elif name in found:
            problems.append(Problem((name,), "this is given twice", "Keep one of them."))
        else:
            found[name] = value
    if problems:
        raise InputError(problems)
    return found


def add_trial(given: str, words: Sequence[str], value: float | None, as_json: bool) -> int:
    params = pairs(words)
    if value is not None and not math.isfinite(value):
        raise InputError(Problem(("--value",), f"{value} is not a finite number"))
    with Client(find_service()) as client:
        study = client.study(client.resolve(given))
        added = client.add_trial(study.id, NewTrial(params=params, value=value))
    if as_json:
        print_json(added)
        return 0
    name = f"{clean(study.name)} ({study.id})"
    line = (
        f"{name} knows it: {clean(study.metric)} {number(added.value)} at"
        if added.trial is None
        else f"{name} trains it next, as trial {added.trial}:"
    )
    console().print(line, markup=False)
    console().print(values_table(study.parameters, added.params))
    return 0
