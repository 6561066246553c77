"""The ledger of rounds: per parameter the side before and after, an edge that was hit, the trials behind it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from caviar.cli.views.parts import clean, grid, heading, indented, round_title, side_text, stacked
from caviar.contract.numbers import number
from caviar.contract.views import RoundView, StudyView

TURN = re.compile(r" to |[,;:]")
"""Where the numbers begin in a change (``narrowed to [1, 2], a third of before``): they have columns of their own."""


def rounds_view(study: StudyView, rounds: Sequence[RoundView]) -> RenderableType:
    """Every round with its reason and its table; one that was taken back is dim."""
    parts: list[RenderableType] = []
    for round_view in rounds:
        parts += [_round(study, round_view), Text()]
    return stacked(*parts[:-1]) if parts else Text("No round yet.")


def _round(study: StudyView, view: RoundView) -> RenderableType:
    notes = [] if view.best is None else [f"best {number(view.best)}"]
    if view.undone:
        notes.append("taken back")
    title = heading(round_title(view), ", ".join(notes))
    reason = Text(clean(view.reason))
    if view.undone:
        title.stylize("dim")
        reason.stylize("dim")
    edges, support = _edges(view), ", ".join(map(str, view.support))
    behind = f"rests on trial{'s' if len(view.support) > 1 else ''} {support}"
    return stacked(
        title,
        indented(reason),
        indented(_sides(study, view)),
        indented(Text(f"best trial {edges}", style="yellow")) if edges else None,
        indented(Text(behind, style="dim")) if support else None,
    )


def _edges(view: RoundView) -> str:
    """``at the study's own upper bound in units, layers; below the box in momentum``."""
    places: dict[str, list[str]] = {}
    for name, edge in view.edges.items():
        places.setdefault(edge, []).append(clean(name))
    return "; ".join(f"{clean(edge)} in {', '.join(names)}" for edge, names in places.items())


def _sides(study: StudyView, view: RoundView) -> RenderableType:
    """Rows of parameter, side before, arrow, side after, what it did; kept sides once, in the column of those after."""
    moved = any(name in view.before and view.before[name] != view.box[name] for name in view.box)
    turned = view.kind != "start"
    table = grid("left", "left", *["left", "left"] * moved, *["left"] * turned)
    for column in table.columns[1:]:
        column.no_wrap = False  # a long list of categories wraps
    for parameter in study.parameters:
        side = view.box.get(parameter.name)
        if side is None:
            continue
        before = view.before.get(parameter.name, side)
        old = clean(side_text(parameter, before)) if before != side else ""
        after = Text(clean(side_text(parameter, side)), style="dim" if view.undone else "")
        change = clean(TURN.split(view.changes.get(parameter.name, ""))[0])
        last = [Text(change, style="dim")] if turned else []
        first = [Text(old, style="dim"), Text("→" if old else "", style="dim")] if moved else []
        table.add_row(Text(clean(parameter.name)), *first, after, *last)
    return table
