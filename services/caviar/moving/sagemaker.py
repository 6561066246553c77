"""A SageMaker tuning job: the request of CreateHyperParameterTuningJob, its answer, or its config, as a study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from caviar.errors import InputError, Problem
from caviar.moving.draft import Draft
from caviar.moving.ranges import Range, guessed_scale
from caviar.moving.reading import Wrong
from caviar.moving.report import Moved
from caviar.space.parameter import Scale
from caviar.studies.source import Source
from caviar.studies.spec import MAX_SEED, MAX_TRIALS
from caviar.studies.stopping import MAX_STEPS

WHAT = "a SageMaker tuning job"
CONFIG = "HyperParameterTuningJobConfig"
RANGES = "ParameterRanges"
KINDS = ("IntegerParameterRanges", "ContinuousParameterRanges", "CategoricalParameterRanges")
SCALES: dict[str, Scale | None] = {
    "Linear": "linear",
    "Logarithmic": "log",
    "ReverseLogarithmic": "reverse_log",
    "Auto": None,
}
STRATEGIES = {"Bayesian": "zoom", "Random": "random", "Grid": "grid", "Hyperband": "zoom"}
GOALS = {"Maximize": "maximize", "Minimize": "minimize"}
SECONDS = 3600.0

Path = tuple[str, ...]
Given = Mapping[str, Any]


def from_sagemaker(source: Source, name: str) -> Moved:
    """``name`` is the study's where the job has none. Raises InputError with all that is wrong."""
    data, wrong = source.data, Wrong(source)
    given = data.get("HyperParameterTuningJobName")
    draft = Draft(WHAT, given if isinstance(given, str) else name)
    where: Path = (CONFIG,) if CONFIG in data else ()
    config: Given = wrong.mapping(data[CONFIG], where) if where else data
    if any(kind in config for kind in KINDS):
        ranges, place = config, where
    else:
        ranges, place = _ranges(wrong, data, config, where)
    _parameters(draft, wrong, ranges, place)
    _config(draft, wrong, config, where)
    _definition(draft, wrong, data)
    for key in data.keys() & {"WarmStartConfig", "Autotune", "Tags"}:
        draft.left_out(key, LEFT_OUT[key])
    wrong.stop()
    return draft.finish(".".join(place) or RANGES)


LEFT_OUT = {
    "WarmStartConfig": "warm_start names earlier studies and MLflow experiments",
    "Autotune": "ranges are written in a study",
    "Tags": "a study has none",
}


def _ranges(wrong: Wrong, data: Given, config: Given, where: Path) -> tuple[Given, Path]:
    """Where the ranges are: in the config, or in the job's definition."""
    if RANGES in config:
        return wrong.mapping(config[RANGES], (*where, RANGES)), (*where, RANGES)
    several = data.get("TrainingJobDefinitions")
    if isinstance(several, list) and len(several) > 1:
        reason = f"{len(several)} algorithms are tuned at once; a study trains with one"
        way_out = "Write one file for each definition, with its HyperParameterRanges."
        raise InputError(Problem(("TrainingJobDefinitions",), reason, way_out))
    path, definition = _the_definition(data)
    place = (*path, "HyperParameterRanges")
    if not isinstance(definition.get("HyperParameterRanges"), dict):
        wrong.note((*where, RANGES), "this is missing", "It has the ranges that are tuned.")
    return wrong.mapping(definition.get("HyperParameterRanges"), place), place


def _the_definition(data: Given) -> tuple[Path, Given]:
    several = data.get("TrainingJobDefinitions")
    if isinstance(several, list) and several and isinstance(several[0], dict):
        return ("TrainingJobDefinitions", "0"), several[0]
    one = data.get("TrainingJobDefinition")
    return ("TrainingJobDefinition",), one if isinstance(one, dict) else {}


def _parameters(draft: Draft, wrong: Wrong, ranges: Given, where: Path) -> None:
    for kind in KINDS:
        for place, given in enumerate(wrong.listed(ranges.get(kind), (*where, kind))):
            path = (*where, kind, str(place))
            entry = wrong.mapping(given, path)
            name = entry.get("Name")
            if not isinstance(name, str) or not name:
                wrong.note((*path, "Name"), "this is missing", "Every range has a name.")
            elif kind == "CategoricalParameterRanges":
                values = wrong.listed(entry.get("Values"), (*path, "Values"))
                if not values:
                    wrong.note((*path, "Values"), "there is no value")
                    continue
                draft.choice(name, name, values)
            else:
                _number(draft, wrong, entry, path, kind == "IntegerParameterRanges")
    if isinstance(hints := ranges.get("AutoParameters"), list):
        for hint in hints:
            said = hint.get("Name") if isinstance(hint, dict) else hint
            draft.left_out(f"AutoParameters.{said}", "SageMaker chooses its range: write one")


def _number(draft: Draft, wrong: Wrong, entry: Given, path: Path, whole: bool) -> None:
    name = str(entry["Name"])
    bounds = wrong.bounds(entry, path, ("MinValue", "MaxValue"))
    said = wrong.one_of(entry.get("ScalingType", "Auto"), (*path, "ScalingType"), tuple(SCALES))
    if bounds is None or said is None:
        return
    if whole and not all(float(bound).is_integer() for bound in bounds):
        wrong.note(path, f"{bounds[0]:g} to {bounds[1]:g} are no whole numbers")
        return
    scale = SCALES[said]
    if scale is not None:
        draft.number(name, name, Range(*bounds, scale, whole))
        return
    guess = guessed_scale(*bounds)
    note = f"Auto lets SageMaker choose the scale: here {guess}, log from three decades on"
    draft.number(name, name, Range(*bounds, guess, whole, notes=(note,)))


def _config(draft: Draft, wrong: Wrong, config: Given, where: Path) -> None:
    objective = config.get("HyperParameterTuningJobObjective")
    if isinstance(objective, dict):
        path = (*where, "HyperParameterTuningJobObjective")
        kind = wrong.one_of(objective.get("Type"), (*path, "Type"), tuple(GOALS))
        _metric(draft, wrong, objective, path, kind)
    if "Strategy" in config:
        _strategy(draft, wrong, config, where)
    limits = wrong.mapping(config.get("ResourceLimits"), (*where, "ResourceLimits"))
    budget: dict[str, Any] = {}
    path = (*where, "ResourceLimits")
    if "MaxNumberOfTrainingJobs" in limits:
        trials = wrong.number(limits, path, "MaxNumberOfTrainingJobs")
        if trials is not None and 1 <= trials <= MAX_TRIALS:
            budget["trials"] = int(trials)
            draft.carried("MaxNumberOfTrainingJobs", f"budget.trials: {trials}")
    if "MaxRuntimeInSeconds" in limits:
        seconds = wrong.number(limits, path, "MaxRuntimeInSeconds")
        if seconds is not None and seconds > 0:
            budget["hours"] = seconds / SECONDS
            draft.carried("MaxRuntimeInSeconds", f"budget.hours: {seconds / SECONDS:g}")
    if "MaxParallelTrainingJobs" in limits:
        draft.left_out("MaxParallelTrainingJobs", "a study trains on all free slots of its class")
    _completion(draft, wrong, config, where, budget)
    if budget:
        draft.sections["budget"] = budget
    if "RandomSeed" in config and (seed := wrong.number(config, where, "RandomSeed")) is not None:
        draft.sections.setdefault("search", {})["seed"] = int(abs(seed)) % (MAX_SEED + 1)
        draft.changed("RandomSeed", "search.seed, for other draws than SageMaker's")


def _metric(draft: Draft, wrong: Wrong, objective: Given, path: Path, kind: str | None) -> None:
    metric = objective.get("MetricName")
    if not isinstance(metric, str) or not metric:
        wrong.note((*path, "MetricName"), "this is missing", "The metric that is tuned.")
    elif kind is not None:
        draft.metric(path[-1], metric, GOALS[kind])


def _completion(
    draft: Draft, wrong: Wrong, config: Given, where: Path, budget: dict[str, Any]
) -> None:
    place = "TuningJobCompletionCriteria"
    criteria = wrong.mapping(config.get(place), (*where, place))
    for key in criteria:
        if key == "TargetObjectiveMetricValue":
            target = wrong.number(criteria, (*where, place), key)
            if target is not None:
                budget["target"] = float(target)
                draft.carried(key, f"budget.target: {target:g}")
        else:
            draft.left_out(key, "a study ends by its budget or its target")


def _strategy(draft: Draft, wrong: Wrong, config: Given, where: Path) -> None:
    said = wrong.one_of(config.get("Strategy"), (*where, "Strategy"), tuple(STRATEGIES))
    if said is None:
        return
    strategy = STRATEGIES[said]
    draft.sections["search"] = {"strategy": strategy}
    if strategy == said.lower():
        draft.carried("Strategy", f"search.strategy: {strategy}")
    else:
        draft.changed("Strategy", f"{said}: here {strategy}, Caviar's own search with a model")
    if said == "Hyperband":
        path = (*where, "StrategyConfig", "HyperbandStrategyConfig")
        given = wrong.mapping(config.get("StrategyConfig"), path[:-1])
        band = wrong.mapping(given.get("HyperbandStrategyConfig"), path)
        stop: dict[str, Any] = {"rule": "asha"}
        if "MinResource" in band and (least := wrong.number(band, path, "MinResource")):
            stop["min_steps"] = int(min(max(least, 1), MAX_STEPS))
        draft.sections["stop"] = stop
        draft.changed("StrategyConfig", "asynchronous successive halving ends trials early: stop")
    elif config.get("TrainingJobEarlyStoppingType") == "Auto":
        draft.changed("TrainingJobEarlyStoppingType", "Caviar's own early stopping, stop: asha")
    else:
        draft.sections["stop"] = "none"
        draft.carried("TrainingJobEarlyStoppingType", "Off: every trial trains to its end")


def _definition(draft: Draft, wrong: Wrong, data: Given) -> None:
    path, definition = _the_definition(data)
    if not definition:
        return
    fixed = wrong.mapping(definition.get("StaticHyperParameters"), (*path, "StaticHyperParameters"))
    for name, value in fixed.items():
        draft.constant(f"StaticHyperParameters.{name}", name, value)
    objective = definition.get("TuningObjective")
    if isinstance(objective, dict) and "metric" not in draft.sections:
        place = (*path, "TuningObjective")
        kind = wrong.one_of(objective.get("Type"), (*place, "Type"), tuple(GOALS))
        _metric(draft, wrong, objective, place, kind)
    draft.left_out(
        ".".join(path), "images, instances and channels of SageMaker: trainer says what trains"
    )
