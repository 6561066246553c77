"""A study while it runs: a live picture for a terminal, plain lines for a log."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from caviar.cli.views.parts import (
    KIND_WORDS,
    box_table,
    clean,
    failures_line,
    finished_count,
    grid,
    heading,
    indented,
    last_line,
    notes_block,
    nothing_best,
    origin_line,
    round_title,
    scale_of,
    stacked,
    state_text,
    tally,
    uses_line,
    warnings_block,
    worth,
)
from caviar.contract.numbers import NOTHING, count, duration, number
from caviar.contract.views import RoundView, StudyView, TrialView

MAX_RUNNING_SHOWN = 6


def progress(study: StudyView, width: int) -> RenderableType:
    """The whole live picture. ``width`` is the terminal's, in characters."""
    strip_width = max(12, min(40, width - 60))
    searched = study.mode == "caviar"  # else there is no search
    current = study.rounds[-1] if study.rounds and searched else None
    best = study.best.params if study.best else {}
    return stacked(
        _title(study),
        origin_line(study),
        *warnings_block(study.warnings),
        *notes_block(study.notes),
        Text(),
        _meter(study, max(8, min(24, width - 60))),
        uses_line(study),
        _best(study),
        Text() if current else None,
        _round(current) if current else None,
        box_table(study.parameters, current.box, best, strip_width) if current else None,
        Text() if study.running else None,
        _running(study) if study.running else None,
        failures_line(study),
    )


def _title(study: StudyView) -> Text:
    text = Text.assemble((clean(study.name), "bold"), "  ", state_text(study.state))
    text.append(f"  {study.strategy}, {study.goal} {clean(study.metric)}", style="dim")
    if study.reason:
        text.append(f"  {clean(study.reason)}", style="dim")
    return text


def _meter(study: StudyView, width: int) -> Text:
    done = round(width * min(finished_count(study) / max(study.budget, 1), 1.0))
    return Text.assemble(
        "  ", ("━" * done, "green"), ("─" * (width - done), "dim"), f"  {tally(study)}"
    )


def _best(study: StudyView) -> Text:
    if study.best is None:
        text = Text(f"  {nothing_best(study)} yet", style="dim")
    else:
        text = Text.assemble(
            "  best ",
            clean(study.metric),
            " ",
            worth(study.best),
            (f"  trial {study.best.trial}", "dim"),
        )
    if study.state == "running" and study.left_s is not None:
        text.append(f"  about {duration(study.left_s)} left", style="dim")
    return text


def _round(current: RoundView) -> Text:
    return heading(f"Round {current.round}", clean(current.reason))


def _running(study: StudyView) -> RenderableType:
    table = grid("left", "right", "left", "left")
    for trial in study.running[:MAX_RUNNING_SHOWN]:
        table.add_row(
            Text(f"trial {trial.number}{_again(trial)}"),
            Text("starting" if trial.step is None else f"step {trial.step}", style="dim"),
            Text(number(trial.last) if trial.last is not None else ""),
            Text(KIND_WORDS.get(trial.kind, ""), style="dim"),
        )
    running = max(study.counts.get("running", 0), len(study.running))
    more = running - MAX_RUNNING_SHOWN
    return stacked(
        indented(table),
        Text(f"  and {more} more", style="dim") if more > 0 else None,
    )


def _again(trial: TrialView) -> str:
    return "" if trial.repeats is None else f", {trial.repeats} again"


def started_line(study: StudyView, resumed: bool) -> str:
    verb = "goes on" if resumed else "started"
    return (
        f"{clean(study.name)} ({study.id}) {verb}: {study.strategy}, "
        f"{count(study.budget, 'trial')}, {study.goal} {clean(study.metric)}"
    )


def trial_line(trial: TrialView, study: StudyView) -> str:
    """One finished trial, for a log."""
    scales = scale_of(study.parameters)
    params = " ".join(
        f"{clean(name)}={clean(number(value, scales.get(name)))}"
        for name, value in trial.params.items()
    )
    value = NOTHING if trial.value is None else number(trial.value)
    early = last_line(trial.error) if trial.state == "stopped" else ""
    line = f"trial {trial.number}{_again(trial)} r{trial.round} {early or trial.state}"
    line += f" {clean(study.metric)}={value}"
    if trial.beyond:
        line += f" beyond {clean(trial.beyond)}"
    if trial.state in ("failed", "quarantined"):
        line += f" ({last_line(trial.error) or 'no error text'})"
    if study.best is not None and study.best.trial == trial.number:
        line += " best"
    if trial.kind in KIND_WORDS:
        line += f" {KIND_WORDS[trial.kind]}"
    return f"{line}  {params}"


def round_line(round_view: RoundView) -> str:
    return f"round {round_title(round_view)}: {clean(round_view.reason)}"


def counts_line(study: StudyView) -> str:
    best = f", best {worth(study.best).plain}" if study.best else ""
    left = f", about {duration(study.left_s)} left" if study.left_s is not None else ""
    return f"{tally(study)}{best}{left}"
