"""A W&B sweep: what ``wandb sweep FILE`` takes, as a study."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from caviar.moving.draft import Draft, study_name
from caviar.moving.ranges import NoRange
from caviar.moving.reading import Wrong
from caviar.moving.report import Moved
from caviar.moving.wandb_command import carry_command
from caviar.moving.wandb_ranges import RANGES, Numbers
from caviar.studies.source import Source
from caviar.studies.spec import MAX_TRIALS
from caviar.studies.stopping import MAX_REDUCTION, MAX_STEPS

WHAT = "a W&B sweep"
METHODS = {"bayes": "zoom", "random": "random", "grid": "grid", "custom": "zoom"}
NO_MEANING = {
    "description": "a study has none",
    "entity": "who owns a study is said by who submits it",
    "apiVersion": "it has no meaning here",
    "kind": "it has no meaning here",
    "controller": "Caviar's scheduler chooses the trials",
    "scheduler": "search.strategy says what chooses the trials",
    "job": "jobs of W&B Launch do not run here: trainer says what trains",
    "image_uri": "images of W&B Launch do not run here: trainer says what trains",
}
READ = (
    *("program", "project", "method", "command", "name", "run_cap", "metric", "metrics"),
    *("early_terminate", "parameters"),
)
MOST_BANDS = 100
"""W&B's own bound."""
AS_TEXT = frozenset(["yes", "no", "on", "off", "y", "n"])
"""W&B reads YAML 1.1, in which these words without quotes are true and false."""

Path = tuple[str, ...]
Given = Mapping[str, Any]


def from_wandb(source: Source, name: str) -> Moved:
    """``name`` is the study's where the sweep has none. Raises InputError with all that is wrong."""
    data, wrong = source.data, Wrong(source)
    given = data.get("name")
    draft = Draft(WHAT, given if isinstance(given, str) else name)
    if isinstance(project := data.get("project"), str):
        draft.sections["project"] = study_name(project)
        told = draft.carried if project == study_name(project) else draft.changed
        told("project", f"the MLflow experiment {study_name(project)}")
    _metric(draft, wrong, data)
    _parameters(draft, wrong, wrong.mapping(data.get("parameters"), ("parameters",)))
    if not data.get("parameters"):
        wrong.note(("parameters",), "this section is missing", "A sweep has parameters.")
    _search(draft, wrong, data)
    wrong.stop()
    carry_command(draft, data)
    _stopping(draft, wrong, data.get("early_terminate"))
    for key in data:
        if key in NO_MEANING:
            draft.left_out(key, NO_MEANING[key])
        elif key not in READ:
            draft.left_out(key, "W&B has no such key")
    wrong.stop()
    return draft.finish("parameters")


def _metric(draft: Draft, wrong: Wrong, data: Given) -> None:
    several = wrong.listed(data.get("metrics"), ("metrics",))
    where: Path = ("metric",) if not several else ("metrics", "0")
    metric = wrong.mapping(several[0] if several else data.get("metric"), where)
    for other in several[1:]:
        other_name = other.get("name") if isinstance(other, dict) else other
        draft.left_out(
            f"metrics.{other_name}", "a study tunes one metric; constraints bound others"
        )
    if not metric:
        return
    name, goal = metric.get("name"), metric.get("goal", "minimize")
    if not isinstance(name, str) or not name:
        wrong.note((*where, "name"), "this is missing", "The metric that the program logs.")
        return
    goal = wrong.one_of(goal, (*where, "goal"), ("minimize", "maximize"))
    draft.metric(".".join(where), name, goal or "minimize")
    draft.changed(".".join(where), "what wandb.log reports has to be logged to MLflow, too")
    if "target" in metric and (target := wrong.number(metric, where, "target")) is not None:
        draft.sections.setdefault("budget", {})["target"] = float(target)
        draft.carried(".".join((*where, "target")), f"budget.target: {target:g}")
    for key in sorted(metric.keys() & {"impute", "impute_while_running"}):
        draft.left_out(".".join((*where, key)), "a failed trial counts as worse than all others")


def _search(draft: Draft, wrong: Wrong, data: Given) -> None:
    method = wrong.one_of(data.get("method"), ("method",), tuple(METHODS))
    if method is None:
        return
    strategy = METHODS[method]
    draft.sections["search"] = {"strategy": strategy}
    if strategy == method:
        draft.carried("method", f"search.strategy: {strategy}")
    else:
        draft.changed("method", f"{method}: here {strategy}, Caviar's own search with a model")
    trials: float | None = None
    if "run_cap" in data:
        trials = wrong.number(data, (), "run_cap")
        if trials is not None and not 1 <= trials <= MAX_TRIALS:
            wrong.note(("run_cap",), f"{trials:g} is outside 1 to {MAX_TRIALS:,}")
        draft.carried("run_cap", f"budget.trials: {trials}")
    elif method == "grid" and (size := draft.size) is not None and size <= MAX_TRIALS:
        trials = size
        draft.changed("run_cap", f"there is none: budget.trials: {size}, the whole grid")
    if trials is not None:
        draft.sections["budget"] = {"trials": int(trials)} | draft.sections.get("budget", {})


def _stopping(draft: Draft, wrong: Wrong, given: object) -> None:
    place: Path = ("early_terminate",)
    if given is None:
        draft.sections["stop"] = "none"
        draft.carried("early_terminate", "there is none: every trial trains to its end, stop: none")
        return
    data = wrong.mapping(given, place)
    if wrong.one_of(data.get("type"), (*place, "type"), ("hyperband",)) is None:
        return
    eta = wrong.number({"eta": data.get("eta", 3)}, place, "eta")
    if eta is not None and eta <= 1:
        wrong.note((*place, "eta"), f"{eta:g} is not above 1")
    if eta is None or eta <= 1:
        return
    lowest: float | None
    if "min_iter" in data:
        lowest = wrong.number(data, place, "min_iter")
    else:
        lowest, count = (wrong.number(data, place, key) for key in ("max_iter", "s"))
        if lowest is None or count is None:
            return
        for _ in range(int(min(max(count, 0), MOST_BANDS))):
            lowest = lowest / eta if lowest / eta >= 1 else lowest
    if lowest is None:
        return
    reduction = min(max(round(eta), 2), MAX_REDUCTION)
    steps = min(max(math.floor(lowest), 1), MAX_STEPS)
    draft.sections["stop"] = {"rule": "asha", "reduction": reduction, "min_steps": steps}
    said = f"asha from step {steps} on, by {reduction}: who is nearly as good goes on, and nobody ends in the last half"
    if reduction != eta:
        said += f"; eta {eta:g} is {reduction} here"
    if "command" in draft.sections.get("trainer", {}):
        said += "; it needs a training function, a command is never stopped early"
    draft.changed("early_terminate", said)


def _parameters(draft: Draft, wrong: Wrong, given: Given, outer: Path = ()) -> None:
    for key, value in given.items():
        path = ("parameters", *(part for name in outer for part in (name, "parameters")), key)
        entry = wrong.mapping(value, path)
        if not entry:
            wrong.note(path, "nothing says which values it takes", "For instance values: [1, 2].")
        elif "parameters" in entry:
            inner = wrong.mapping(entry["parameters"], (*path, "parameters"))
            _parameters(draft, wrong, inner, (*outer, key))
        else:
            _parameter(draft, wrong, ".".join((*outer, key)), path, entry)


def _parameter(draft: Draft, wrong: Wrong, name: str, path: Path, data: Given) -> None:
    place = ".".join(("parameters", name))
    kind = data.get("distribution") or _inferred(data)
    if not isinstance(kind, str):
        wrong.one_of(kind, (*path, "distribution"), (*RANGES, "categorical", "constant"))
    elif kind == "constant":
        if "value" not in data:
            wrong.note((*path, "value"), "this is missing", "A constant has a value.")
        draft.constant(place, name, data.get("value"))
    elif kind in ("categorical", "categorical_w_probabilities"):
        values = wrong.listed(data.get("values"), (*path, "values"))
        if not values:
            wrong.note((*path, "values"), "there is no value", "For instance values: [1, 2].")
            return
        draft.choice(place, name, values, notes=_about(data, values))
    elif kind in RANGES:
        try:
            found = RANGES[kind](Numbers(wrong, path, data))
        except NoRange as reason:
            draft.left_out(place, str(reason))
            return
        if found is not None:
            draft.number(place, name, found)
    else:
        wrong.one_of(kind, (*path, "distribution"), (*RANGES, "categorical", "constant"))


def _inferred(data: Given) -> str | None:
    """As W&B does where no distribution is named."""
    if "value" in data:
        return "constant"
    if "values" in data:
        return "categorical"
    bounds = (data.get("min"), data.get("max"))
    if all(isinstance(bound, int) and not isinstance(bound, bool) for bound in bounds):
        return "int_uniform"
    return "uniform" if "min" in data or "max" in data else None


def _about(data: Given, values: list[Any]) -> tuple[str, ...]:
    notes = []
    weights = data.get("probabilities")
    if isinstance(weights, list) and len({str(weight) for weight in weights}) > 1:
        notes.append("its probabilities are not kept: each choice is as likely at first")
    if any(isinstance(value, str) and value.lower() in AS_TEXT for value in values):
        notes.append("yes and no are text here; without quotes W&B reads true and false")
    return tuple(notes)
