"""The search space: named parameters in order, the unit cube, and which of them are active in a point."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from caviar.contract.messages import ParameterValue
from caviar.contract.views import ParameterView
from caviar.errors import InputError, Problem
from caviar.space.parameter import Floats, Parameter, same
from caviar.space.parsing import did_you_mean, read_parameters

Params = Mapping[str, ParameterValue]
"""A point of a space: a value for every active parameter and for no other."""

SAME_PLACE = 1e-9
"""Places nearer to each other are of the same value."""


@dataclass(frozen=True)
class Space:
    """Parameters in the order in which they were written.

    >>> space = Space.parse({"lr": {"type": "float", "low": 1e-4, "high": 1.0, "scale": "log"}})
    >>> round(space.from_unit([0.5])["lr"], 6)
    0.01
    """

    parameters: tuple[Parameter, ...]

    @classmethod
    def parse(cls, mapping: object) -> Space:
        """A space from plain data, as in a study file.

        Raises InputError with every problem at once; paths start at the parameter's name.
        """
        return cls(read_parameters(mapping))

    def to_json(self) -> dict[str, Any]:
        """What ``parse`` reads back to an equal space."""
        return {parameter.name: parameter.to_json() for parameter in self.parameters}

    def to_views(self) -> list[ParameterView]:
        return [parameter.to_view() for parameter in self.parameters]

    def __len__(self) -> int:
        return len(self.parameters)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.parameters)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __getitem__(self, name: str) -> Parameter:
        return self._by_name[name]

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(parameter.name for parameter in self.parameters)

    @cached_property
    def _by_name(self) -> dict[str, Parameter]:
        return {parameter.name: parameter for parameter in self.parameters}

    @cached_property
    def parents_first(self) -> tuple[tuple[int, Parameter], ...]:
        """(place, parameter), every parent before what depends on it."""
        ordered: list[tuple[int, Parameter]] = []
        waiting = list(enumerate(self.parameters))
        done: set[str] = set()
        while waiting:
            ready = [item for item in waiting if all(name in done for name, _ in item[1].when)]
            ordered += ready
            done |= {parameter.name for _, parameter in ready}
            waiting = [item for item in waiting if item[1].name not in done]
        return tuple(ordered)

    def active(self, params: Params) -> tuple[str, ...]:
        """Names of the active parameters, in order, by the values that their parents have in ``params``."""
        on: set[str] = set()
        for _, parameter in self.parents_first:
            if _applies(parameter, on, params):
                on.add(parameter.name)
        return tuple(name for name in self.names if name in on)

    def from_unit(self, vector: Sequence[float] | npt.NDArray[np.floating[Any]]) -> dict[str, Any]:
        """Shape (d,) in [0, 1] -> a point: only active parameters, in order."""
        drawn: dict[str, ParameterValue] = {}
        for place, parameter in self.parents_first:
            if not parameter.when or _applies(parameter, drawn.keys(), drawn):
                drawn[parameter.name] = parameter.from_unit(float(vector[place]))
        return {name: drawn[name] for name in self.names if name in drawn}

    def to_unit(self, params: Params) -> Floats:
        """A point -> shape (d,) in [0, 1]; an inactive parameter lies at 0.5."""
        return np.asarray(self.encode([params])[0][0])

    def encode(self, points: Sequence[Params]) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """n points -> places in [0, 1] and whether active, both of shape (n, d)."""
        units = np.full((len(points), len(self)), 0.5)
        active = np.zeros(units.shape, dtype=np.bool_)
        for place, parameter in enumerate(self.parameters):
            column = [point.get(parameter.name) for point in points]
            present = [row for row, value in enumerate(column) if value is not None]
            active[present, place] = True
            values = [value for value in column if value is not None]
            units[present, place] = parameter.to_units(values)
        return units, active

    def snap(self, units: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Vectors of the cube, (n, d) -> those of the points they stand for, and what is active in them.

        What ``encode`` answers for ``from_unit`` of every row, without building the points.
        """
        places = np.empty(units.shape)
        active = np.ones(units.shape, dtype=np.bool_)
        for place, parameter in self.parents_first:
            places[:, place] = parameter.snap(units[:, place])
            for parent, values in parameter.when:
                above = self.names.index(parent)
                wanted = self[parent].to_units(list(values))
                fits = np.abs(places[:, above, None] - wanted).min(axis=1) < SAME_PLACE
                active[:, place] &= fits & active[:, above]
            places[~active[:, place], place] = 0.5
        return places, active

    def key(self, params: Params) -> tuple[ParameterValue | None, ...]:
        """Equal for equal points, hashable."""
        return tuple(map(params.get, self.names))

    def check_point(self, params: Mapping[str, object]) -> dict[str, ParameterValue]:
        """The point in its own types and order.

        Raises InputError naming every unknown, missing, inactive or impossible value.
        """
        problems: list[Problem] = []
        checked: dict[str, ParameterValue] = {}
        for name, given in params.items():
            if name not in self:
                way_out = did_you_mean(name, self.names)
                problems.append(Problem((str(name),), "no such parameter", way_out))
                continue
            value, reason = self[name].check(given)
            if value is None:
                problems.append(Problem((name,), reason))
            else:
                checked[name] = value
        if not problems:
            active = self.active(checked)
            for name in self.names:
                if name in active and name not in checked:
                    way_out = f"Add a value for {name}."
                    problems.append(Problem((name,), "the value is missing", way_out))
                elif name not in active and name in checked:
                    way_out = f"Leave {name} out."
                    reason = f"inactive here: it applies when {_when_words(self[name])}"
                    problems.append(Problem((name,), reason, way_out))
        if problems:
            raise InputError(problems)
        return {name: checked[name] for name in self.names if name in checked}


def _applies(parameter: Parameter, active: Container[str], params: Params) -> bool:
    for parent, values in parameter.when:
        if parent not in active or parent not in params:
            return False
        if not any(same(params[parent], value) for value in values):
            return False
    return True


def _when_words(parameter: Parameter) -> str:
    return " and ".join(
        f"{parent} is {' or '.join(map(str, values))}" for parent, values in parameter.when
    )
