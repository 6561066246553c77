"""The nurse of a study: what she may do, what she did, and her last day."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from caviar.cli.views.interventions import done_to_it
from caviar.cli.views.parts import clean, grid, heading, indented, scale_of, stacked
from caviar.contract.numbers import interval, number
from caviar.contract.panda import NurseView
from caviar.contract.views import StudyView

ACTS_SHOWN = 10
"""The newest ones; `--json` has all, and the whole report, which tells her last day's one by one as well."""


def nurse_view(study: StudyView, nurse: NurseView) -> RenderableType:
    scale = scale_of(study.parameters).get(nurse.parameter)
    facts = grid("left", "left")
    wasted = f", {number(nurse.wasted)} of them taken back" if nurse.wasted else ""
    for name, value in (
        ("may change", f"{nurse.parameter}, {interval(nurse.low, nurse.high, scale)}"),
        ("steps", f"{number(nurse.trained)} of {number(nurse.steps)} trained{wasted}"),
    ):
        facts.add_row(Text(name, style="dim"), Text(clean(value)))
    title = Text.assemble(("Nurse", "bold"), f" of {clean(study.name)}  ")
    title.append("on" if nurse.on else "off", "green" if nurse.on else "yellow")
    acts = nurse.acts[-ACTS_SHOWN:]
    more = len(nurse.acts) - len(acts)
    done = done_to_it(acts, study.parameters, lambda act: clean(act.why))
    report = clean(nurse.report).splitlines()[:1]
    return stacked(
        title,
        indented(facts),
        Text(),
        heading("Report"),
        indented(Text(report[0] if report else "Nothing yet.")),
        Text(),
        heading("Done by her", f"the last {len(acts)} of {len(nurse.acts)}" if more else ""),
        indented(done if acts else Text("Nothing yet.", "dim")),
    )
