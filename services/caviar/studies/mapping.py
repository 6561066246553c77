"""Results from elsewhere onto a study's space, by the names of the parameters. Pure: no I/O.

A parameter takes, of what a run has,

1. the value under its own name,
2. else under the same name but for a prefix (``optimizer.lr``, ``model/lr``), case, ``-`` and ``_``,
3. else under another usual name of the same quantity (``lr`` for ``learning_rate``: ``space.tiers.SYNONYMS``),
4. else its default.

Steps 2 and 3 are taken only where exactly one name of the run and one parameter of the space fit: with ``encoder.lr``
and ``decoder.lr`` on either side, nothing is guessed. Values are text in MLflow and are read as the parameter's type.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from caviar.contract.messages import ParameterValue
from caviar.space import Categorical, Params, Space
from caviar.space.parameter import Parameter
from caviar.space.tiers import bare_name, usual_name

NO_VALUE = "without a value"
Point = dict[str, ParameterValue]
Known = tuple[Params, float]
"""A point of the space and its value."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """What fits the space, in the order it came, and why the rest does not: reason -> how many."""

    taken: tuple[Known, ...]
    left_out: Mapping[str, int]

    def sentence(self, what: str, source: str, metric: str) -> str:
        """For instance ``23 runs read from experiment cnn, 4 left out: learning_rate outside [1e-4, 1]``."""
        count = len(self.taken)
        text = f"{count} {what if count != 1 else what.removesuffix('s')} read from {source}"
        if not self.left_out:
            return text
        reasons = [
            (f"without {metric}" if reason == NO_VALUE else reason, count)
            for reason, count in sorted(self.left_out.items(), key=lambda i: (-i[1], i[0]))
        ]
        told = [
            reason if len(reasons) == 1 else f"{count} {reason}" for reason, count in reasons[:3]
        ]
        if len(reasons) > 3:
            told.append(f"{sum(count for _, count in reasons[3:])} for other reasons")
        return f"{text}, {sum(self.left_out.values())} left out: {', '.join(told)}"


def mapped(space: Space, runs: Iterable[tuple[Mapping[str, object], float | None]]) -> Mapped:
    """Runs as (parameters, the study's metric) -> the points of ``space`` that they are."""
    taken: list[Known] = []
    left_out: Counter[str] = Counter()
    for given, value in runs:
        point, reason = _point(space, given)
        if value is None or not math.isfinite(value):
            left_out[NO_VALUE] += 1
        elif point is None:
            left_out[reason] += 1
        else:
            taken.append((point, float(value)))
    return Mapped(tuple(taken), left_out)


def _point(space: Space, given: Mapping[str, object]) -> tuple[Point | None, str]:
    """A run's point, or None and why it has none. Inactive parameters are passed over."""
    point: Point = {}
    for _, parameter in space.parents_first:
        if parameter.when and parameter.name not in space.active(point):
            continue
        name, reason = _source_of(space, parameter.name, given)
        if reason:
            return None, reason
        if name is None:
            if parameter.default is None:
                return None, f"without {parameter.name}"
            point[parameter.name] = parameter.default
            continue
        value, reason = _read(parameter, given[name])
        if value is None:
            return None, f"{parameter.name} {reason}"
        point[parameter.name] = value
    return {name: point[name] for name in space.names if name in point}, ""


def _source_of(space: Space, name: str, given: Mapping[str, object]) -> tuple[str | None, str]:
    """Which name of ``given`` a parameter is taken from; a reason where two fit equally."""
    if name in given:
        return name, ""
    alike: tuple[Callable[[str], str | None], ...] = (bare_name, usual_name)
    for likeness in alike:
        wanted = likeness(name)
        if wanted is None:
            continue
        rivals = [other for other in space.names if likeness(other) == wanted]
        found = [other for other in given if likeness(other) == wanted and other not in space]
        if len(rivals) > 1:
            return None, ""
        if len(found) > 1:
            return None, f"with two values for {name}: {', '.join(sorted(found)[:3])}"
        if found:
            return found[0], ""
    return None, ""


def _read(parameter: Parameter, given: object) -> tuple[ParameterValue | None, str]:
    """A run's value in the parameter's own type, or None and why it has no place there."""
    plain = untexted(parameter, given)
    value, _ = parameter.check(plain)
    if value is not None:
        return value, ""
    if isinstance(parameter, Categorical):
        return None, "is not one of its choices"
    if isinstance(plain, bool) or not isinstance(plain, int | float) or not math.isfinite(plain):
        return None, "is not a number"
    if parameter.low <= plain <= parameter.high:
        return None, "is not a whole number"
    return None, f"outside {parameter.range_words()}"


def untexted(parameter: Parameter, given: object) -> object:
    """What text stands for, as MLflow and a command line have it; the same where it stands for nothing there."""
    if isinstance(parameter, Categorical):
        for likeness in (str, _folded):
            found = [c for c in parameter.choices if likeness(c) == likeness(given)]
            if len(found) == 1:
                return found[0]
        return given
    if isinstance(given, str):
        with suppress(ValueError):
            return float(given)
    return given


def _folded(value: object) -> str:
    """``"Adam"`` is ``adam``, ``"true"`` is True, ``"32.0"`` is 32."""
    with suppress(ValueError):
        return repr(float(str(value)))
    return str(value).casefold()


def completed(space: Space, given: Mapping[str, object]) -> Point:
    """A point that a person gave, with the defaults of what is missing.

    Raises InputError naming every unknown, missing, inactive or impossible value.
    """
    point: dict[str, object] = dict(given)
    values: dict[str, ParameterValue] = {
        name: value for name, value in given.items() if isinstance(value, bool | int | float | str)
    }
    for _, parameter in space.parents_first:
        name = parameter.name
        if name not in point and parameter.default is not None and name in space.active(values):
            point[name] = values[name] = parameter.default
    return space.check_point(point)


def typed(space: Space, given: Mapping[str, object]) -> Point:
    """:func:`completed` for values that may be text, as a command line has them. Raises InputError like it."""
    return completed(
        space,
        {n: untexted(space[n], value) if n in space else value for n, value in given.items()},
    )


def same_point(space: Space, point: Params, others: Sequence[tuple[int, Params]]) -> int | None:
    """The number of the one of ``others`` that is the same point; None where there is none."""
    wanted = space.key(point)
    return next((number for number, other in others if space.key(other) == wanted), None)
