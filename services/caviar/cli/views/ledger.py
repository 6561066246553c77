"""The ledger of rounds: per parameter the side before and after, an edge that was hit, the trials behind it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from caviar.cli.views.parts import clean, grid, heading, indented, round_title, side_text, stacked
from caviar.cli.views.zoom import columns, zoom_table
from caviar.contract.numbers import count, number
from caviar.contract.views import RoundView, StudyView

MOST = 20
"""So many rounds are told one by one, in a terminal."""
NEWEST = 5
TURN = re.compile(r" to |[,;:]")
"""Where the numbers begin in a change (``narrowed to [1, 2], a third of before``): they have columns of their own."""


def rounds_view(
    study: StudyView, rounds: Sequence[RoundView], width: int, most: int = MOST
) -> RenderableType:
    """The zoom as a picture ``width`` characters wide, and below why the box is where it is: of at most ``most``
    rounds each, of more those in the picture and the newest."""
    if not rounds:
        return Text("No round yet.")
    standing = [each for each in rounds if not each.undone] or list(rounds)
    shown = columns(study, standing, width)
    told = list(rounds)
    if len(rounds) > most:
        numbers = {each.round for each in (*shown, *rounds[-NEWEST:])}
        told = [each for each in rounds if each.round in numbers]
    return stacked(
        _title(study, rounds, shown),
        Text(),
        zoom_table(study, shown),
        Text(),
        reasons(told),
        Text(),
        Text(_more(study, len(rounds) - len(told)), style="dim"),
    )


def _title(study: StudyView, rounds: Sequence[RoundView], shown: Sequence[RoundView]) -> Text:
    note = count(len(rounds), "round")
    if len(shown) < len(rounds):
        note += f", {len(shown)} of them in the picture: where the box moved"
    return heading(clean(study.name), note)


def _more(study: StudyView, left_out: int) -> str:
    numbers = f"`caviar rounds {study.id} --round N` has a round's box in numbers."
    if not left_out:
        return numbers
    return f"{left_out:,} more are told by `caviar rounds {study.id} | cat`. {numbers}"


def reasons(rounds: Sequence[RoundView], values: bool = True) -> RenderableType:
    """A line a round; one that was taken back says so. With ``values`` the best by then."""
    table = grid("left", "left", *["left"] * values, "left")
    table.columns[-1].no_wrap = False
    for each in rounds:
        reason = Text("taken back: " if each.undone else "", style="yellow")
        reason.append(clean(each.reason).replace("\n", " "), style="dim" if each.undone else "")
        value = Text("" if each.best is None else f"best {number(each.best)}", style="dim")
        kind = Text(clean(each.kind), style="dim")
        table.add_row(Text(f"r{each.round}"), kind, *[value] * values, reason)
    return table


def round_view(study: StudyView, view: RoundView) -> RenderableType:
    """One round with all that it says; one that was taken back is dim."""
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
