"""What came back from MLflow, and what the doctor found."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from caviar.cli.views.parts import clean, stacked, state_text
from caviar.cli.views.tables import new_table
from caviar.contract.numbers import count
from caviar.contract.upkeep import Finding, PassedOver, Rebuilt

MOST_SHOWN = 20


def rebuilt_view(found: Rebuilt) -> RenderableType:
    if not found.studies and not found.passed_over:
        return Text("MLflow has no study that the store has not.")
    table = new_table("study", "name", "state", ">rounds", ">trials", "of them")
    for study in found.studies:
        states = ", ".join(f"{number:,} {state}" for state, number in study.trials.items())
        table.add_row(
            Text(study.id),
            Text(clean(study.name)),
            state_text(study.state),
            Text(str(study.rounds)),
            Text(f"{sum(study.trials.values()):,}"),
            Text(states),
        )
    passed = [*found.passed_over, *(each for study in found.studies for each in study.passed_over)]
    paused = any(study.state == "paused" for study in found.studies)
    return stacked(
        table if found.studies else None,
        *_passed(passed),
        Text("`caviar resume STUDY` goes on with a paused study.", style="dim") if paused else None,
    )


def _passed(passed: list[PassedOver]) -> list[RenderableType]:
    if not passed:
        return []
    lines: list[RenderableType] = [
        Text(),
        Text(f"{count(len(passed), 'run')} passed over:", style="yellow"),
    ]
    lines += [
        Text(f"  {clean(each.what)} ({each.run_id}): {clean(each.reason)}")
        for each in passed[:MOST_SHOWN]
    ]
    if len(passed) > MOST_SHOWN:
        lines.append(Text(f"  and {len(passed) - MOST_SHOWN:,} more: --json has them all"))
    return lines


def findings_view(findings: list[Finding]) -> RenderableType:
    """What is wrong first, then what was mended, then what is only worth knowing."""
    if not findings:
        return Text("Nothing is wrong.", style="green")
    lines: list[RenderableType] = []
    for each in sorted(findings, key=lambda each: (each.note, each.mended)):
        word, style = ("mended", "green") if each.mended else ("wrong", "red")
        if each.note:
            word, style = "note", "dim"
        line = Text.assemble((f"{word:<7}", style), (f"{clean(each.where)}: ", "bold"))
        lines.append(line.append(clean(each.what)))
        if each.why:
            lines.append(Text(f"       {clean(each.why)}", style="dim"))
        if each.way_out and not each.mended:
            lines.append(Text(f"       {clean(each.way_out)}"))
    wrong = sum(not (each.mended or each.note) for each in findings)
    lines += [] if wrong else [Text("Nothing else is wrong.", style="green")]
    return stacked(*lines)
