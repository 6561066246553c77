"""The queue, a quote, and what a team has of its quota."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from caviar.cli.views.parts import clean, heading, indented, stacked
from caviar.cli.views.tables import new_table
from caviar.contract.numbers import NOTHING, count, duration, number, percent
from caviar.contract.queue import QueueRow, QueueView, QuotaUse, Quote, TeamShare
from caviar.contract.views import Projection

WIDE = 140
"""Characters from which on the reasons have room in the table itself."""


def queue_view(queue: QueueView, width: int) -> RenderableType:
    """``width`` is the terminal's, in characters."""
    slots = _slots(queue)
    if not queue.studies:
        return stacked(Text("No study is in the queue."), slots)
    wide = width >= WIDE
    columns = [">place", "study", "team", "state", ">runs", ">left", ">starts in", ">ends in"]
    table = new_table(*columns, *(["why"] if wide else []))
    if wide:
        table.columns[-1].no_wrap = False
    else:
        table.columns[1].no_wrap = False
    for place, row in enumerate(queue.studies, start=1):
        cells = [
            Text(str(place)),
            _study(row),
            Text(clean(row.team)),
            Text("" if row.state == "running" else row.state, style="yellow"),
            Text(str(row.running)),
            Text(NOTHING if row.left is None else f"{row.left:,}"),
            Text(_soon(row.starts_s)),
            Text(_soon(row.ends_s)),
        ]
        table.add_row(*cells, *([Text(clean(row.why))] if wide else []))
    reasons = [
        Text.assemble((f"{place:>5}  ", "dim"), clean(row.why))
        for place, row in enumerate(queue.studies, start=1)
        if row.why
    ]
    below = [] if wide or not reasons else [Text(), *reasons]
    return stacked(table, *below, Text(), slots, *_teams(queue.teams))


def _study(row: QueueRow) -> Text:
    if row.study is None:
        return Text(row.name, style="dim")
    text = Text.assemble(clean(row.name), (f" {row.study}", "dim"))
    marks = [f"priority {row.priority}"] if row.priority else []
    marks += [f"put {row.place}"] if row.place != "normal" else []
    return text.append(f" ({', '.join(marks)})", style="dim") if marks else text


def _soon(seconds: float | None) -> str:
    if seconds is None:
        return NOTHING
    return "now" if seconds < 0.5 else duration(seconds)


def _slots(queue: QueueView) -> Text:
    parts = [
        f"{queue.free.get(name, 0)} of {count(slots, 'slot')} of class {clean(name)} free"
        for name, slots in queue.slots.items()
    ]
    return Text(", ".join(parts) or "No worker has called.", style="dim")


def _teams(teams: list[TeamShare]) -> list[RenderableType]:
    if len(teams) < 2:
        return []
    table = new_table("team", ">weight", ">runs", ">had of late", ">its due")
    for team in teams:
        table.add_row(
            Text(clean(team.team)),
            Text(number(team.weight)),
            Text(str(team.running)),
            Text(percent(team.share)),
            Text(percent(team.due)),
        )
    return [Text(), heading("Teams"), indented(table)]


def slot_time(hours: float) -> str:
    """For instance ``42 s``, ``12 min 05 s``, ``3.25 slot-hours``."""
    return f"{hours:.3g} slot-hours" if hours >= 1 else f"{duration(hours * 3600)} of slots"


def cost(projection: Projection) -> str:
    """For instance ``3.2 slot-hours (90%: 2.1 … 5 slot-hours)``; empty where nothing is known."""
    if projection.slot_hours is None:
        return ""
    text = slot_time(projection.slot_hours)
    if projection.low is not None and projection.high is not None:
        text += f" (90%: {slot_time(projection.low)} … {slot_time(projection.high)})"
    return text


def quote_line(quote: Quote) -> str:
    """One line for after a submission; empty where nothing is known."""
    if not quote.learned_from:
        return ""
    parts = [f"It likely takes {cost(quote)}"]
    if quote.starts_s:
        parts.append(f"starts in {duration(quote.starts_s)}")
    if quote.ends_s is not None:
        parts.append(f"ends in {duration(quote.ends_s)}")
    return ", ".join(parts) + "."


def quote_view(quote: Quote) -> RenderableType:
    table = new_table("", "")
    table.show_header = False

    def line(name: str, value: str) -> None:
        table.add_row(Text(name, style="dim"), Text(value))

    line("trials", f"{quote.trials:,}")
    line("takes", cost(quote) or "nothing is known: no trial of such a study has ended")
    if quote.quota_share is not None:
        line("", f"{percent(quote.quota_share)} of the team's slot-hours of a month")
    line("starts in", _soon(quote.starts_s))
    line("ends in", _soon(quote.ends_s))
    if quote.learned_from:
        source = f" of {clean(quote.source)}" if quote.source else ""
        line("learned from", f"{count(quote.learned_from, 'trial')}{source}")
    for column in table.columns:
        column.no_wrap = False
    told = [Text(f"! {clean(note)}", style="yellow") for note in quote.notes]
    if quote.advice:
        told.append(Text(clean(quote.advice)))
    return stacked(table, *told)


QUOTA_WORDS = {
    "slots": "slots at once",
    "slot_hours": "slot-hours this month",
    "studies": "studies that go on",
    "trials": "trials to come",
    "storage": "code that is kept",
}


def quota_view(team: str, lines: list[QuotaUse]) -> RenderableType:
    table = new_table("quota", ">used", ">of", "")
    for each in lines:
        near = each.limit is not None and each.limit > 0 and each.used / each.limit
        table.add_row(
            Text(QUOTA_WORDS[each.name]),
            Text(_amount(each.name, each.used)),
            Text(NOTHING if each.limit is None else _amount(each.name, each.limit)),
            Text(percent(near) if near else "", style="yellow" if near and near > 0.8 else "dim"),
        )
    return stacked(heading(f"Team {clean(team)}"), table)


def _amount(name: str, value: float) -> str:
    if name == "storage":
        return f"{value / 1e6:,.1f} MB"
    return number(float(f"{value:.3g}")) if name == "slot_hours" else f"{value:,.0f}"
