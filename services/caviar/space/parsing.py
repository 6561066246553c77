"""Reads a space from plain data: every problem is collected, none is guessed away."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from numbers import Integral, Real
from typing import Any, cast

from caviar.contract.messages import ParameterValue
from caviar.errors import InputError, Problem
from caviar.space.parameter import Categorical, Numeric, Parameter, Scale, When, same
from caviar.space.tiers import usual_tier

MOST_PARAMETERS = 64
"""Enough for every study that ends, and what the Sobol table covers."""
LARGEST_INT = 10**12
"""Up to here the unit interval tells neighbouring whole numbers apart on every scale."""
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
TYPES = ("float", "int", "categorical")
SCALES = ("linear", "log", "reverse_log")
COMMON_KEYS = ("type", "tier", "when", "default", "live")
NUMERIC_KEYS = (*COMMON_KEYS, "low", "high", "scale")
CATEGORICAL_KEYS = (*COMMON_KEYS, "choices")

Note = Callable[..., None]
"""``note("low", reason, way_out)`` adds a problem at that place of the parameter."""


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """``Did you mean scale?``, or the list of what is known."""
    known = list(known)
    close = difflib.get_close_matches(str(word), known, n=1, cutoff=0.5)
    return f"Did you mean {close[0]}?" if close else f"Known: {', '.join(known)}."


def read_parameters(mapping: object) -> tuple[Parameter, ...]:
    """The parameters in the order of the mapping.

    Raises InputError with every problem found; paths start at the parameter's name.
    """
    example = "For instance: learning_rate: {type: float, low: 1.0e-4, high: 1.0, scale: log}"
    if not isinstance(mapping, Mapping):
        raise InputError(Problem((), "the space is not a mapping from names to ranges", example))
    if not mapping:
        raise InputError(Problem((), "the space is empty: there is nothing to tune", example))
    problems: list[Problem] = []
    if len(mapping) > MOST_PARAMETERS:
        reason = f"{len(mapping)} parameters; a space has at most {MOST_PARAMETERS}"
        problems.append(Problem((), reason, "Keep the ones that matter and fix the others."))
    parameters: list[Parameter] = []
    for name, entry in mapping.items():
        before = len(problems)

        def note(*reason: str, name: object = name) -> None:
            *place, why, way_out = reason
            problems.append(Problem((str(name), *place), why, way_out))

        parameter = _parameter(name, entry, note)
        if parameter is not None and len(problems) == before:
            parameters.append(parameter)
    problems += _condition_problems(parameters, {str(name) for name in mapping})
    if problems:
        raise InputError(problems)
    return tuple(parameters)


def _parameter(name: object, entry: object, note: Note) -> Parameter | None:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        note(
            f"{name!r} cannot name a parameter in MLflow",
            "Use up to 100 letters, digits, _, - and ., beginning with a letter or _.",
        )
    if not isinstance(entry, Mapping):
        note(f"{entry!r} is not a range", "For instance: {type: float, low: 0.1, high: 1.0}.")
        return None
    kind = entry.get("type")
    if kind not in TYPES:
        reason = "the type is missing" if kind is None else f"unknown type {kind!r}"
        note("type", reason, did_you_mean(kind, TYPES) if kind else f"One of {', '.join(TYPES)}.")
        return None
    for key in entry:
        if key not in (CATEGORICAL_KEYS if kind == "categorical" else NUMERIC_KEYS):
            known = CATEGORICAL_KEYS if kind == "categorical" else NUMERIC_KEYS
            note(str(key), f"{kind} parameters have no {key!r}", did_you_mean(key, known))
    tier = entry.get("tier")
    if tier is not None and (isinstance(tier, bool) or tier not in (1, 2, 3, 4)):
        note("tier", f"{tier!r} is not a tier", "1 (tune it first), 2, 3 or 4.")
        tier = None
    common: dict[str, Any] = {
        "name": str(name),
        "tier": usual_tier(str(name)) if tier is None else int(tier),
        "tier_given": tier is not None,
        "when": _when(entry.get("when"), note),
        "live": _live(entry.get("live", False), note),
    }
    read: Callable[..., Parameter | None] = _categorical if kind == "categorical" else _numeric
    parameter = read(entry, common, note)
    default = entry.get("default")
    if parameter is None or default is None:
        return parameter
    value, reason = parameter.check(default)
    if reason:
        note("default", reason, _text_advice(default) or "The default is a point of the space.")
        return None
    return _with_default(parameter, value)


def _live(given: object, note: Note) -> bool:
    if isinstance(given, bool):
        return given
    note("live", f"{given!r} is neither true nor false", "live: true where it may be changed.")
    return False


def _with_default(parameter: Parameter, value: Any) -> Parameter:
    fields = {key: getattr(parameter, key) for key in type(parameter).__dataclass_fields__}
    return type(parameter)(**(fields | {"default": value}))


def _numeric(entry: Mapping[str, Any], common: dict[str, Any], note: Note) -> Numeric | None:
    whole = entry["type"] == "int"
    scale = entry.get("scale", "linear")
    if scale not in SCALES:
        note("scale", f"unknown scale {scale!r}", did_you_mean(scale, SCALES))
        return None
    low, high = (_bound(entry, key, whole, note) for key in ("low", "high"))
    if low is None or high is None:
        return None
    if low >= high:
        what = "equal to" if low == high else "above"
        way_out = "Write a constant into the trainer instead." if low == high else "Swap them."
        note("low", f"{low!r} is {what} high {high!r}", way_out)
        return None
    if scale == "log" and low <= 0:
        note("low", f"a log scale cannot reach {low!r}", "Use scale: linear, or low above 0.")
        return None
    if scale == "reverse_log" and whole:
        note("scale", "reverse_log samples 1 - x, which whole numbers lack", "Use linear or log.")
        return None
    if scale == "reverse_log" and high >= 1:
        note("high", f"a reverse_log scale cannot reach {high!r}", "Use high below 1, e.g. 0.999.")
        return None
    parameter = Numeric(type=entry["type"], low=low, high=high, scale=cast(Scale, scale), **common)
    a, b = parameter.ends()
    if not (math.isfinite(b - a) and b > a):
        note("high", f"floats cannot divide [{low!r}, {high!r}]", "Choose other bounds.")
        return None
    return parameter


def _bound(entry: Mapping[str, Any], key: str, whole: bool, note: Note) -> float | None:
    value = entry.get(key)
    if value is None:
        note(key, f"{key} is missing", "A number has low and high, both included.")
        return None
    if isinstance(value, bool) or not isinstance(value, Real):
        note(key, f"{value!r} is not a number", _text_advice(value) or "Write a plain number.")
        return None
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        note(key, f"{value!r} is not finite", "Write the largest value worth a trial.")
        return None
    if not whole:
        return number
    if number != math.floor(number):
        note(key, f"{value!r} is not a whole number", "Use type: float, or a whole number.")
        return None
    if abs(number) > LARGEST_INT:
        note(key, f"{value!r} is too large for an int", "Use type: float, or a smaller number.")
        return None
    return int(value) if isinstance(value, Integral) else int(number)


def _text_advice(value: object) -> str:
    """YAML 1.1 reads ``1e-4`` as text; say how to write it so that every reader sees a number."""
    if not isinstance(value, str):
        return ""
    try:
        number = float(value)
    except ValueError:
        return ""
    mantissa, e, exponent = repr(number).partition("e")
    dot = ".0" if e and "." not in mantissa else ""
    return f"It was read as text: write {mantissa}{dot}{e}{exponent}, with a dot, without quotes."


def _categorical(
    entry: Mapping[str, Any], common: dict[str, Any], note: Note
) -> Categorical | None:
    choices = entry.get("choices")
    if choices is None:
        note("choices", "choices are missing", "For instance: choices: [sgd, adam].")
        return None
    values = _values(choices, "choices", note)
    if values is None:
        return None
    if len(values) < 2:
        reason = "there is no choice" if not values else f"{values[0]!r} is the only choice"
        note("choices", reason, "It is a constant: write it into the trainer instead.")
        return None
    for place, value in enumerate(values):
        for other in values[:place]:
            if str(value) == str(other) or value == other:
                reason = f"{other!r} and {value!r} are the same in MLflow"
                note("choices", reason, "Keep one of them.")
                return None
    return Categorical(choices=values, **common)


def _values(given: object, key: str, note: Note) -> tuple[ParameterValue, ...] | None:
    """A list of texts, numbers and booleans in their plain types."""
    if isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable):
        note(key, f"{given!r} is not a list", f"Write {key}: [{given}, ...].")
        return None
    values: list[ParameterValue] = []
    for value in given:
        plain = value.item() if hasattr(value, "item") else value
        if not isinstance(plain, (bool, int, float, str)):
            note(key, f"{value!r} is not text, a number, true or false", "Write it as text.")
            return None
        if isinstance(plain, float) and not math.isfinite(plain):
            note(key, f"{value!r} is not finite", "Write it as text.")
            return None
        values.append(plain)
    return tuple(values)


def _when(given: object, note: Note) -> When:
    if given is None:
        return ()
    if not isinstance(given, Mapping) or not given:
        note("when", f"{given!r} is not a condition", "For instance: when: {solver: [sgd]}.")
        return ()
    conditions = []
    for parent, values in given.items():

        def note_parent(_key: str, reason: str, way_out: str, parent: object = parent) -> None:
            note("when", str(parent), reason, way_out)

        read = _values(values, str(parent), note_parent)
        if read is not None and not read:
            note("when", str(parent), "no value is listed", "List the values that activate it.")
        conditions.append((str(parent), read or ()))
    return tuple(conditions)


def _condition_problems(parameters: list[Parameter], names: set[str]) -> list[Problem]:
    """Conditions on what does not exist, on floats, on impossible values, and circles."""
    problems = []
    known = {parameter.name: parameter for parameter in parameters}
    for parameter in parameters:
        for parent, values in parameter.when:
            place = (parameter.name, "when", parent)
            if parent == parameter.name:
                problems.append(Problem(place, "a parameter cannot depend on itself", "Remove it."))
            elif parent not in names:
                way_out = did_you_mean(parent, sorted(names - {parameter.name}))
                problems.append(Problem(place, f"there is no parameter {parent!r}", way_out))
            elif parent in known:
                problems += _value_problems(place, known[parent], values)
    for name in sorted(_circle(known)):
        way_out = "Remove one of the conditions."
        problems.append(Problem((name, "when"), "the conditions run in a circle", way_out))
    return problems


def _value_problems(
    place: tuple[str, ...], parent: Parameter, values: tuple[ParameterValue, ...]
) -> list[Problem]:
    if parent.type == "float":
        way_out = "Only int and categorical parameters can be conditions."
        return [Problem(place, f"{parent.name} is a float: no exact value recurs", way_out)]
    problems = []
    for place_in_list, value in enumerate(values):
        reason = parent.check(value)[1]
        if not reason and any(same(value, other) for other in values[:place_in_list]):
            reason = f"{value!r} is listed twice"
        if reason:
            problems.append(Problem(place, reason, f"List values that {parent.name} can take."))
    return problems


def _circle(known: Mapping[str, Parameter]) -> set[str]:
    """Names whose conditions never resolve although every parent exists (self-conditions apart)."""
    waiting = {
        name: {parent for parent, _ in parameter.when if parent in known and parent != name}
        for name, parameter in known.items()
    }
    while free := {name for name, parents in waiting.items() if not parents & waiting.keys()}:
        waiting = {name: parents for name, parents in waiting.items() if name not in free}
    return set(waiting)
