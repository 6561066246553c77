"""A Vizier study: a StudySpec of Vertex AI or of open-source Vizier, or what has one in it, as a study.

Keys are read in both of protobuf's spellings, ``parameterId`` and ``parameter_id``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from caviar.moving.draft import Draft, When
from caviar.moving.ranges import Range
from caviar.moving.reading import Wrong, as_number
from caviar.moving.report import Moved
from caviar.space.parameter import Scale
from caviar.studies.source import Source
from caviar.studies.spec import MAX_TRIALS

WHAT = "a Vizier study"
SCALES: dict[str, Scale] = {
    "SCALE_TYPE_UNSPECIFIED": "linear",
    "UNIT_LINEAR_SCALE": "linear",
    "UNIT_LOG_SCALE": "log",
    "UNIT_REVERSE_LOG_SCALE": "reverse_log",
}
ALGORITHMS = {
    "GRID_SEARCH": "grid",
    "RANDOM_SEARCH": "random",
    "QUASI_RANDOM_SEARCH": "sobol",
}
STOPPING = (
    *("decay_curve_stopping_spec", "median_automated_stopping_spec", "convex_stop_config"),
    *("convex_automated_stopping_spec", "default_stopping_spec", "automated_stopping_config"),
)
KINDS = ("double_value_spec", "integer_value_spec", "discrete_value_spec", "categorical_value_spec")
PARENTS = ("parent_discrete_values", "parent_int_values", "parent_categorical_values")
DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)s")

Path = tuple[str, ...]
Given = Mapping[str, Any]


def spelled(key: str) -> str:
    """``parameterId`` as ``parameter_id``."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", key).lower()


def get(data: Given, key: str) -> tuple[str, Any]:
    """The value of a key in either spelling, and the spelling; None where there is none."""
    for given, value in data.items():
        if spelled(given) == key:
            return given, value
    return key, None


def from_vizier(source: Source, name: str) -> Moved:
    """``name`` is the study's where the file has none. Raises InputError with all that is wrong."""
    data, wrong = source.data, Wrong(source)
    _, called = get(data, "display_name")
    draft = Draft(WHAT, called if isinstance(called, str) and called else name)
    spec: Given = data
    where: Path = ()
    for key in ("study_spec", "study_config"):
        given, inner = get(data, key)
        if isinstance(inner, dict):
            spec, where = inner, (given,)
    key, parameters = get(spec, "parameters")
    if not parameters:
        wrong.note((*where, key), "this is missing", "A study spec has parameters.")
    for place, entry in enumerate(wrong.listed(parameters, (*where, key))):
        _parameter(draft, wrong, entry, (*where, key, str(place)), None)
    _metrics(draft, wrong, spec, where)
    _algorithm(draft, spec)
    _budget(draft, wrong, data, spec)
    _stopping(draft, spec)
    for key in ("observation_noise", "measurement_selection_type", "transfer_learning_config"):
        given, value = get(spec, key)
        if value is not None:
            draft.left_out(given, LEFT_OUT[key])
    if (trained := get(data, "trial_job_spec")[1]) is not None and trained:
        draft.left_out("trialJobSpec", "images and machines of Vertex AI: trainer says what trains")
    wrong.stop()
    return draft.finish(".".join((*where, "parameters")))


LEFT_OUT = {
    "observation_noise": "the search measures the noise; confirm trains the leaders again",
    "measurement_selection_type": "the value that the trainer returns counts, or the last reported one",
    "transfer_learning_config": "warm_start names earlier studies and MLflow experiments",
}


def _parameter(draft: Draft, wrong: Wrong, given: object, path: Path, when: When | None) -> None:
    entry = wrong.mapping(given, path)
    name = next(
        (value for key in ("parameter_id", "parameter", "name") if (value := get(entry, key)[1])),
        None,
    )
    if not isinstance(name, str):
        wrong.note(path, "it has no parameterId", "Every parameter has one.")
        return
    found = [(key, get(entry, key)) for key in KINDS if get(entry, key)[1] is not None]
    if len(found) != 1:
        wrong.note(path, f"{name} has {len(found)} value specs", "One says which values it has.")
        return
    kind, (key, value) = found[0]
    spec, inside = wrong.mapping(value, (*path, key)), (*path, key)
    place = name if when is None else f"{name} ({_condition_words(when)})"
    if name in draft.names or name in draft.constants:
        draft.left_out(place, f"{name} is there already: a parameter has one range in a study")
        return
    default = get(spec, "default_value")[1]
    scale_key, scale_given = get(entry, "scale_type")
    scale = wrong.one_of(scale_given or "SCALE_TYPE_UNSPECIFIED", (*path, scale_key), tuple(SCALES))
    if kind in ("double_value_spec", "integer_value_spec"):
        keys = (get(spec, "min_value")[0], get(spec, "max_value")[0])
        # Protobuf leaves zeros out when it writes JSON.
        bounds = wrong.bounds({keys[0]: 0, keys[1]: 0} | dict(spec), inside, keys)
        if bounds is None or scale is None:
            return
        whole = kind == "integer_value_spec"
        if whole and not all(float(bound).is_integer() for bound in bounds):
            wrong.note(inside, f"{bounds[0]:g} to {bounds[1]:g} are no whole numbers")
            return
        draft.number(place, name, _range(*bounds, SCALES[scale], whole), when, as_number(default))
    else:
        values = wrong.listed(get(spec, "values")[1], (*inside, "values"))
        if not values:
            wrong.note((*inside, "values"), "there is no value")
            return
        _listed(draft, wrong, place, name, kind, inside, values, when, default)
    _children(draft, wrong, entry, path, name)


def _range(low: float, high: float, scale: Scale, whole: bool) -> Range:
    found = Range(low, high, scale, whole)
    if scale != "reverse_log" or whole or high >= 1 or math.isclose(low + high, 1.0):
        return found
    return found.noted(
        f"Vizier mirrors the range: the log of {low + high:g} - x is even there, that of 1 - x here"
    )


def _listed(
    draft: Draft,
    wrong: Wrong,
    place: str,
    name: str,
    kind: str,
    inside: Path,
    values: list[Any],
    when: When | None,
    default: object,
) -> None:
    if kind == "categorical_value_spec":
        draft.choice(place, name, values, when=when, default=default)
        return
    numbers: list[float] = []
    for index, value in enumerate(values):
        number = as_number(value)
        if number is None or not abs(number) < float("inf"):
            wrong.note((*inside, "values", str(index)), f"{str(value)[:40]!r} is not a number")
            return
        numbers.append(int(number) if float(number).is_integer() else number)
    low, high = min(numbers), max(numbers)
    wanted = as_number(default)
    if len(numbers) > 1 and sorted(numbers) == list(range(int(low), int(low) + len(numbers))):
        draft.number(place, name, Range(low, high, whole=True), when, wanted)
        return
    note = "the order of discrete values is not kept: they are choices"
    if wanted is not None and float(wanted).is_integer():
        wanted = int(wanted)
    draft.choice(place, name, numbers, notes=(note,), when=when, default=wanted)


def _children(draft: Draft, wrong: Wrong, entry: Given, path: Path, name: str) -> None:
    for spelling in ("conditional_parameter_specs", "child_parameter_specs"):
        key, conditional = get(entry, spelling)
        for place, given in enumerate(wrong.listed(conditional, (*path, key))):
            inside = (*path, key, str(place))
            child = wrong.mapping(given, inside)
            values: list[Any] | None = None
            for parent in PARENTS:
                spelled_so, condition = get(child, parent)
                if isinstance(condition, dict):
                    values = wrong.listed(get(condition, "values")[1], (*inside, spelled_so))
            if not values:
                wrong.note(inside, "it has no parent values", "They say when it is there.")
                continue
            inner_key, inner = get(child, "parameter_spec")
            inner_path = inside if inner is None else (*inside, inner_key)
            read = [_value(draft, name, value) for value in values]
            _parameter(draft, wrong, child if inner is None else inner, inner_path, {name: read})


def _value(draft: Draft, parent: str, value: Any) -> Any:
    """A parent's value: protobuf writes whole numbers as text."""
    known = draft.choices_of(parent)
    if known is not None and known.of(value) is not None:
        return value
    number = as_number(value)
    if number is None:
        return value
    return int(number) if abs(number) < float("inf") and float(number).is_integer() else number


def _condition_words(when: When) -> str:
    return ", ".join(f"{parent} {list(values)}" for parent, values in when.items())


def _metrics(draft: Draft, wrong: Wrong, spec: Given, where: Path) -> None:
    key, given = get(spec, "metrics")
    bounds: dict[str, Any] = {}
    for place, one in enumerate(wrong.listed(given, (*where, key))):
        path = (*where, key, str(place))
        metric = wrong.mapping(one, path)
        name = get(metric, "metric_id")[1] or get(metric, "metric")[1]
        goal = wrong.one_of(get(metric, "goal")[1], (*path, "goal"), ("MAXIMIZE", "MINIMIZE"))
        if not isinstance(name, str) or goal is None:
            wrong.note(path, "it has no metricId", "Every metric has one.")
            continue
        place_of = f"metrics.{name}"
        safety = get(metric, "safety_config")[1]
        if isinstance(safety, dict):
            threshold = as_number(get(safety, "safety_threshold")[1]) or 0.0
            side, named = "min" if goal == "MAXIMIZE" else "max", draft.metric_name(place_of, name)
            bounds[named] = {side: float(threshold)}
            draft.carried(place_of, f"constraints.{named}.{side}: {threshold:g}")
        elif "metric" in draft.sections:
            draft.left_out(place_of, "a study tunes one metric; constraints bound others")
        else:
            draft.metric(place_of, name, goal.lower())
    if bounds:
        draft.sections["constraints"] = bounds


def _algorithm(draft: Draft, spec: Given) -> None:
    key, given = get(spec, "algorithm")
    said = str(given or "DEFAULT")[:60]
    strategy = ALGORITHMS.get(said, "zoom")
    draft.sections["search"] = {"strategy": strategy}
    if said in ALGORITHMS:
        draft.carried(key, f"search.strategy: {strategy}")
    else:
        draft.changed(key, f"{said}: here zoom, Caviar's own search with a model")


def _budget(draft: Draft, wrong: Wrong, data: Given, spec: Given) -> None:
    budget: dict[str, Any] = {}
    config_key, config = get(spec, "study_stopping_config")
    stopping = config if isinstance(config, dict) else {}
    for key, value in (get(data, "max_trial_count"), get(stopping, "max_num_trials")):
        trials = as_number(value)
        if trials is not None and 1 <= trials <= MAX_TRIALS:
            budget["trials"] = int(trials)
            draft.carried(key, f"budget.trials: {int(trials)}")
        elif value is not None:
            wrong.note((key,), f"{str(value)[:40]!r} is no number of trials")
    limit_key, limit = get(stopping, "maximum_runtime_constraint")
    if isinstance(limit, dict):
        longest = DURATION.fullmatch(str(get(limit, "max_duration")[1]))
        if longest and float(longest[1]) > 0:
            budget["hours"] = float(longest[1]) / 3600
            draft.carried(limit_key, f"budget.hours: {budget['hours']:g}")
        else:
            draft.left_out(limit_key, "a study's hours count from when it was accepted")
    for key in stopping:
        if spelled(key) not in ("max_num_trials", "maximum_runtime_constraint"):
            draft.left_out(f"{config_key}.{key}", "a study ends by its budget or its target")
    for name in ("parallel_trial_count", "max_failed_trial_count"):
        key, value = get(data, name)
        if value is not None:
            draft.left_out(key, "a study trains on all free slots of its class")
    if budget:
        draft.sections["budget"] = budget


def _stopping(draft: Draft, spec: Given) -> None:
    for name in STOPPING:
        key, given = get(spec, name)
        if given is not None:
            draft.changed(key, "Caviar's own early stopping, stop: asha")
            return
    draft.sections["stop"] = "none"
    draft.carried(
        "automatedStoppingSpec", "there is none: every trial trains to its end, stop: none"
    )
