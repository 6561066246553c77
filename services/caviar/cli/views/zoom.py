"""The zoom as one picture: parameters down, rounds across."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

from rich.console import RenderableType
from rich.text import Text

from caviar.cli.strips import position, strip
from caviar.cli.views.parts import clean, grid, indented
from caviar.contract.messages import ParameterValue
from caviar.contract.numbers import number
from caviar.contract.views import ParameterView, RoundView, SideView, StudyView

STRIP = 10
"""Characters of one strip."""
LONGEST_NAME = 24
STANDING = 0.25
"""All rounds alike count for so much of what the box moved in all: a long plateau has a column as well."""


def columns(study: StudyView, rounds: Sequence[RoundView], width: int) -> list[RoundView]:
    """The rounds that ``zoom_table`` has room for."""
    names = max((len(parameter.name) for parameter in study.parameters), default=0)
    room = width - min(names, LONGEST_NAME) - 4
    return telling(study.parameters, rounds, max(2, room // (STRIP + 2)))


def zoom_table(study: StudyView, shown: Sequence[RoundView]) -> RenderableType:
    """How the box moved: ``━`` is the box, ``●`` the best trial, of categories as many as are left."""
    table = grid("left", *("left" for _ in shown))
    table.columns[0].max_width = LONGEST_NAME
    table.columns[0].overflow = "ellipsis"
    table.add_row(Text(), *(Text(f"r{each.round}", style="dim") for each in shown))
    best = study.best.params if study.best else {}
    for parameter in study.parameters:
        cells = [
            _cell(parameter, each.box.get(parameter.name, SideView()), best.get(parameter.name))
            for each in shown
        ]
        table.add_row(Text(clean(parameter.name)), *cells)
    return indented(table)


def _cell(parameter: ParameterView, side: SideView, best: ParameterValue | None) -> Text:
    if parameter.choices is None:
        return strip(parameter, side, best, STRIP)
    words = [number(choice) for choice in side.choices or parameter.choices]
    text = Text(clean(" ".join(words)), style="cyan")
    if text.cell_len > STRIP:
        text = Text(f"{len(words)} of {len(parameter.choices)}", style="cyan")
    text.truncate(STRIP, overflow="ellipsis")
    return text


def telling(
    parameters: Sequence[ParameterView], rounds: Sequence[RoundView], most: int
) -> list[RoundView]:
    """At most ``most`` (two or more) of ``rounds``, the first and the last among them, the others where the box moved:
    between two neighbours it moved about as far as between any other two."""
    if len(rounds) <= most:
        return list(rounds)
    moves = [_moved(parameters, *pair) for pair in pairwise(rounds)]
    each = (STANDING * sum(moves) or 1.0) / len(moves)
    moved = list(accumulate((move + each for move in moves), initial=0.0))
    picked = [0]
    for place in range(1, most - 1):
        wanted = moved[-1] * place / (most - 1)
        left = range(picked[-1] + 1, len(rounds) - (most - 1 - place))
        picked.append(min(left, key=lambda index: abs(moved[index] - wanted)))
    return [rounds[index] for index in (*picked, len(rounds) - 1)]


def _moved(parameters: Sequence[ParameterView], one: RoundView, other: RoundView) -> float:
    """How far the sides of the box moved, each as a share of its range."""
    total = 0.0
    for parameter in parameters:
        ends = [_ends(parameter, each.box.get(parameter.name, SideView())) for each in (one, other)]
        total += abs(ends[0][0] - ends[1][0]) + abs(ends[0][1] - ends[1][1])
    return total


def _ends(parameter: ParameterView, side: SideView) -> tuple[float, float]:
    if parameter.choices is not None:
        left = parameter.choices if side.choices is None else side.choices
        return 0.0, len(left) / max(len(parameter.choices), 1)
    low, high = parameter.low, parameter.high
    if low is None or high is None:
        return 0.0, 1.0
    return (
        position(low if side.low is None else side.low, low, high, parameter.scale),
        position(high if side.high is None else side.high, low, high, parameter.scale),
    )
