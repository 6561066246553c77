"""Pieces that several views share."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from caviar.cli.strips import strip
from caviar.contract.messages import ParameterValue
from caviar.contract.numbers import count, interval, number
from caviar.contract.views import (
    Best,
    Note,
    ParameterView,
    RoundView,
    SideView,
    StudyView,
    TrialView,
)
from caviar.contract.words import failed_count

STATE_STYLE = {
    "running": "cyan",
    "done": "green",
    "paused": "yellow",
    "stopped": "yellow",
    "failed": "red",
    "quarantined": "red",
    "cancelled": "yellow",
}


def clean(text: str) -> str:
    """Other people's text without the control characters that would steer the terminal."""
    return "".join(
        character if character == "\n" or character.isprintable() else " "
        for character in text.replace("\t", "    ")
    )


def last_line(text: str) -> str:
    """The last line with anything in it: in a Python traceback, the error itself."""
    lines = [line.strip() for line in clean(text).splitlines() if line.strip()]
    return lines[-1] if lines else ""


def grid(*justify: str) -> Table:
    table = Table.grid(padding=(0, 2))
    for side in justify:
        table.add_column(justify="right" if side == "right" else "left", no_wrap=True)
    return table


def indented(renderable: RenderableType) -> Padding:
    return Padding(renderable, (0, 0, 0, 2), expand=False)


def heading(title: str, note: str = "") -> Text:
    text = Text(title, style="bold")
    if note:
        text.append(f"  {note}", style="dim")
    return text


def state_text(state: str) -> Text:
    return Text(state, style=STATE_STYLE.get(state, ""))


def tally(study: StudyView) -> str:
    """For instance ``23 of 60 trials done, 2 running, 1 failed``."""
    parts = [f"{study.counts.get('done', 0):,} of {count(study.budget, 'trial')} done"]
    for state, amount in (
        ("running", study.counts.get("running", 0)),
        ("failed", failed_count(study)),
        ("stopped early", study.counts.get("stopped", 0)),
        ("cancelled", study.counts.get("cancelled", 0)),
    ):
        if amount:
            parts.append(f"{amount:,} {state}")
    return ", ".join(parts)


def uses_line(study: StudyView) -> Text | None:
    """For instance ``1.5 of 4 slot-hours, 0.8 of 2 hours``; None where the study does not limit them."""
    parts = [
        f"{_hours(use.spent)} of {use.limit:g} {use.name.replace('_', '-')}"
        for use in study.uses
        if use.limit is not None
    ]
    return Text(f"  {', '.join(parts)}", style="dim") if parts else None


def _hours(spent: float) -> str:
    return f"{spent:,.{2 if spent < 10 else 1 if spent < 100 else 0}f}"


def worth(best: Best) -> Text:
    """What the best trial is worth: its value, or what its new seeds say where it was confirmed."""
    found = best.confirmed
    if found is None:
        return Text(number(best.value), "bold green")
    text = Text.assemble((number(found.mean), "bold green"))
    text.append(f" on {count(found.runs, 'new seed')}", style="dim")
    if found.low is not None:
        text.append(f" (95%: {interval(found.low, found.high)})", style="dim")
    return text


def nothing_best(study: StudyView) -> str:
    """Why there is no best trial."""
    if study.constraints and study.counts.get("done"):
        return f"no trial within {clean(', '.join(study.constraints))}"
    return "no result"


def scale_of(parameters: list[ParameterView]) -> dict[str, str | None]:
    return {parameter.name: parameter.scale for parameter in parameters}


def values_table(
    parameters: list[ParameterView], values: Mapping[str, ParameterValue]
) -> RenderableType:
    """Each value of ``values`` beside its name, in the order of the study file."""
    scales = scale_of(parameters)
    table = grid("left", "left")
    for name in [*(n for n in scales if n in values), *(n for n in values if n not in scales)]:
        table.add_row(
            Text(clean(name)), Text(clean(number(values[name], scales.get(name))), "bold")
        )
    return indented(table)


def box_table(
    parameters: list[ParameterView],
    box: Mapping[str, SideView],
    best: Mapping[str, ParameterValue],
    strip_width: int,
    scales: bool = True,
) -> RenderableType:
    """The box: each parameter's strip with the interval in numbers; with ``scales`` the scale by name."""
    table = grid("left", "left", "left", "left")
    for parameter in parameters:
        side = box.get(parameter.name, SideView())
        drawn = strip(parameter, side, best.get(parameter.name), strip_width)
        if parameter.choices is not None:
            table.add_row(Text(clean(parameter.name)), drawn, Text(), Text())
            continue
        low = parameter.low if side.low is None else side.low
        high = parameter.high if side.high is None else side.high
        table.add_row(
            Text(clean(parameter.name)),
            drawn,
            Text(interval(low, high, parameter.scale)),
            Text(parameter.scale or "" if scales else "", style="dim"),
        )
    return indented(table)


def side_text(parameter: ParameterView, side: SideView) -> str:
    if parameter.choices is not None:
        return ", ".join(number(choice) for choice in side.choices or parameter.choices)
    low = parameter.low if side.low is None else side.low
    high = parameter.high if side.high is None else side.high
    return interval(low, high, parameter.scale)


def warnings_block(warnings: list[str]) -> list[RenderableType]:
    return [Text.assemble(("! ", "bold yellow"), (clean(text), "yellow")) for text in warnings]


def notes_block(notes: list[Note]) -> list[RenderableType]:
    """What came of each source of a warm start."""
    return [
        Text.assemble(("! ", "bold yellow"), (clean(note.text), "yellow"))
        if note.warning
        else Text(f"  {clean(note.text)}", style="dim")
        for note in notes
    ]


KIND_WORDS = {"added": "added by hand", "fork": "a fork"}
"""How a trial came to be, where not by the search's own choice."""


def failures_line(study: StudyView) -> Text | None:
    """How many trials failed, and the newest error's last line."""
    if not failed_count(study):
        return None
    text = Text(f"{count(failed_count(study), 'trial')} failed", style="red")
    if study.failures:
        newest: TrialView = max(study.failures, key=lambda trial: trial.number)
        text.append(f", trial {newest.number}: {last_line(newest.error) or 'no error text'}")
    return text


def origin_line(study: StudyView) -> Text | None:
    """Where a branch comes from."""
    if study.branched_from is None:
        return None
    return Text(
        f"branched from round {study.branched_round} of {clean(study.branched_from)}", style="dim"
    )


def round_title(round_view: RoundView) -> str:
    trials = f", from {count(round_view.trials, 'trial')}" if round_view.trials else ""
    return f"r{round_view.round} {round_view.kind}{trials}"


def stacked(*parts: RenderableType | None) -> Group:
    return Group(*(part for part in parts if part is not None))
