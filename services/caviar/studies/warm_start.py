"""The study file's ``warm_start``: where earlier results are, and points to try first."""

from __future__ import annotations

from collections.abc import Mapping

from caviar.contract.messages import ParameterValue
from caviar.errors import InputError, Problem
from caviar.space import Space
from caviar.studies.fields import Fields, kind
from caviar.studies.mapping import completed, same_point
from caviar.studies.source import Source

KEYS = ("studies", "experiments", "points")
MOST_SOURCES = 32
LONGEST_NAME = 250

Section = tuple[tuple[str, ...], tuple[str, ...], tuple[Mapping[str, ParameterValue], ...]]
"""The names of studies, those of MLflow experiments, and points."""


def read_warm_start(
    root: Fields, source: Source, space: Space | None, trials: int, problems: list[Problem]
) -> Section:
    """Without a space (it was wrong itself) the points are not looked at."""
    example = "{studies: [digits-mlp], points: [{learning_rate: 0.01}]}"
    fields = root.section("warm_start", example, required=False)
    fields.only(*KEYS)
    studies = _names(fields, "studies", "digits-mlp")
    experiments = _names(fields, "experiments", "my-team")
    points = () if space is None else _points(fields, source, space, trials, problems)
    return studies, experiments, points


def warnings(strategy: str, section: Section) -> list[str]:
    """What of the section will not be used."""
    studies, experiments, _ = section
    if strategy == "zoom" or not (studies or experiments):
        return []
    return [
        f"{strategy} does not learn from results elsewhere: warm_start.studies and warm_start.experiments are read for "
        "strategy zoom alone. Points are trained in any case."
    ]


def _names(fields: Fields, key: str, example: str) -> tuple[str, ...]:
    value = fields.raw(key)
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > MOST_SOURCES:
        reason = (
            f"a list of names belongs here, not {kind(value)}"
            if not isinstance(value, list)
            else f"{len(value)} names; at most {MOST_SOURCES} are read"
        )
        fields.problem(key, reason, f"For instance [{example}].")
        return ()
    names: list[str] = []
    for name in value:
        if not isinstance(name, str) or not 0 < len(name.strip()) <= LONGEST_NAME:
            way_out = "Put it in quotes." if isinstance(name, int | float) else ""
            told = f"{kind(name)}: {str(name)[:40]}" if name else "nothing"
            fields.problem(key, f"a name is text, not {told}", way_out)
        elif name.strip() not in names:
            names.append(name.strip())
    return tuple(names)


def _points(
    fields: Fields, source: Source, space: Space, trials: int, problems: list[Problem]
) -> tuple[Mapping[str, ParameterValue], ...]:
    value = fields.raw("points")
    if value is None:
        return ()
    example = "For instance [{learning_rate: 0.01}]."
    if not isinstance(value, list):
        fields.problem("points", f"a list of points belongs here, not {kind(value)}", example)
        return ()
    budget_is_known = not any(problem.path[:1] == ("budget",) for problem in problems)
    if budget_is_known and len(value) > trials:
        fields.problem(
            "points",
            f"{len(value)} points, but the budget is {trials} trials",
            "Each point is trained as one of them: name fewer, or raise budget.trials.",
        )
        return ()
    points: list[tuple[int, Mapping[str, ParameterValue]]] = []
    for place, given in enumerate(value):
        path = ("warm_start", "points", str(place))
        if not isinstance(given, dict):
            reason = f"a point is a mapping of names to values, not {kind(given)}"
            problems.append(Problem(path, reason, example, source.line(path)))
            continue
        try:
            point = completed(space, given)
        except InputError as error:
            for problem in error.problems:
                here = (*path, *problem.path)
                problems.append(Problem(here, problem.reason, problem.way_out, source.line(here)))
            continue
        twin = same_point(space, point, points)
        if twin is not None:
            reason = f"the same point as number {twin + 1} of the list"
            problems.append(Problem(path, reason, "Remove it.", source.line(path)))
            continue
        points.append((place, point))
    return tuple(point for _, point in points)
