"""Where a point lies in its space, parameter by parameter: what templates draw as strips and tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from caviar.contract.messages import ParameterValue
from caviar.contract.numbers import interval, number
from caviar.contract.views import SideView
from caviar.space import Categorical, Parameter, Space

Values = Mapping[str, ParameterValue]


@dataclass(frozen=True, slots=True)
class Place:
    """One parameter of a point beside that of another one. Places are in [0, 1] on the parameter's own scale."""

    name: str
    scale: str
    range: str
    """In words: "0.0001 … 1", "adam, sgd"."""
    value: str
    other: str
    """Empty where the other point has none."""
    same: bool
    at: float
    other_at: float | None
    bands: tuple[tuple[float, float], ...]
    """Begin and width of what a box leaves."""
    live: bool
    """It may be changed while the trial trains."""
    now: str
    """The value in effect; empty where it is the one that it began with."""


def places(
    space: Space,
    params: Values,
    other: Values | None = None,
    box: Mapping[str, SideView] | None = None,
    live: Values | None = None,
) -> list[Place]:
    """In the order of the study file; parameters that the point does not have are left out."""
    other, box, live = other or {}, box or {}, live or {}
    return [
        _place(each, params[each.name], other.get(each.name), box.get(each.name), live)
        for each in space
        if each.name in params
    ]


def _place(
    parameter: Parameter,
    value: ParameterValue,
    other: ParameterValue | None,
    side: SideView | None,
    live: Values,
) -> Place:
    scale = parameter.to_view().scale
    now = live.get(parameter.name, value)
    return Place(
        name=parameter.name,
        scale=(scale or "categories").replace("_", "-"),
        range=range_words(parameter),
        value=number(value, scale),
        other="" if other is None else number(other, scale),
        same=other == value,
        at=parameter.to_unit(value),
        other_at=None if other is None else parameter.to_unit(other),
        bands=_bands(parameter, side),
        live=parameter.live or parameter.name in live,
        now="" if now == value else number(now, scale),
    )


def range_words(parameter: Parameter) -> str:
    if isinstance(parameter, Categorical):
        return ", ".join(number(choice) for choice in parameter.choices)
    view = parameter.to_view()
    return interval(view.low, view.high, view.scale)


def _bands(parameter: Parameter, side: SideView | None) -> tuple[tuple[float, float], ...]:
    if side is None:
        return ()
    if isinstance(parameter, Categorical):
        share = 1 / len(parameter.choices)
        return tuple((parameter.to_unit(each) - share / 2, share) for each in side.choices or ())
    if side.low is None or side.high is None:
        return ()
    low, high = parameter.to_unit(side.low), parameter.to_unit(side.high)
    return ((low, high - low),)


@dataclass(frozen=True, slots=True)
class Field:
    """What a form asks for of one parameter."""

    name: str
    hint: str
    now: str
    step: str
    """Of a number's field: any, or 1."""
    choices: tuple[ParameterValue, ...]


def fields(space: Space, now: Values, names: Collection[str]) -> list[Field]:
    """Of the parameters called ``names``, in the order of the study file; ``now`` are the values in effect."""
    found = []
    for each in space:
        if each.name not in names or each.name not in now:
            continue
        view = each.to_view()
        scale = (view.scale or "linear").replace("_", "-")
        on = "" if scale == "linear" else f", {scale} scale"
        found.append(
            Field(
                name=each.name,
                hint=f"{range_words(each)}{on}",
                now=number(now[each.name], view.scale),
                step="1" if view.type == "int" else "any",
                choices=each.choices if isinstance(each, Categorical) else (),
            )
        )
    return found
