"""The ledger of rounds: per parameter the side before and after, an edge that was hit, the trials behind it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from caviar.cli.numbers import number
from caviar.cli.views.parts import clean, grid, heading, indented, round_title, side_text, stacked
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
    support = ", ".join(map(str, view.support))
    behind = f"rests on trial{'s' if len(view.support) > 1 else ''} {support}"
    return stacked(
        title,
        indented(reason),
        indented(_sides(study, view)),
        indented(Text(behind, style="dim")) if support else None,
    )


def _sides(study: StudyView, view: RoundView) -> RenderableType:
    table = grid("left", "left", "left", "left", "left")
    for column in table.columns[1:]:
        column.no_wrap = False  # the widest wraps first: the words, then long lists of categories
    for parameter in study.parameters:
        side = view.box.get(parameter.name)
        if side is None:
            continue
        before = view.before.get(parameter.name)
        changed = before is not None and before != side
        edge = view.edges.get(parameter.name)
        words = Text(_turn(view, parameter.name), style="dim")
        if edge:
            words.append("; " if words else "")
            words.append(f"best {clean(edge)}", style="yellow")
        table.add_row(
            Text(clean(parameter.name)),
            Text(clean(side_text(parameter, before)), style="dim") if changed and before else "",
            Text("→", style="dim") if changed else "",
            Text(clean(side_text(parameter, side)), style="dim" if view.undone else ""),
            words,
        )
    return table


def _turn(view: RoundView, name: str) -> str:
    """``narrowed``, ``widened back``, ``kept``; nothing in a study's own first round."""
    return "" if view.kind == "start" else clean(TURN.split(view.changes.get(name, ""))[0])
