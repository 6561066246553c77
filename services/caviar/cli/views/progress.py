"""A study while it runs: a live picture for a terminal, plain lines for a log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO

from rich.console import Console, RenderableType
from rich.text import Text

from caviar.cli.plot import Line, Point, plot
from caviar.cli.sparks import EARLY, as_steps, spark, step_spark
from caviar.cli.views.parts import (
    KIND_WORDS,
    box_table,
    clean,
    failures_line,
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
from caviar.contract.figures import ProgressView
from caviar.contract.numbers import NOTHING, count, duration, number
from caviar.contract.views import ParameterView, RoundView, StudyView, TrialView
from caviar.contract.words import finished_count

MAX_RUNNING_SHOWN = 6
SPARK = 24
"""Characters of a sparkline, at most."""
NARROW = 76
"""Columns from which a parameter's scale is named."""
CHART_ROWS, CHART_WIDTH = 6, 100


@dataclass(frozen=True, slots=True)
class Room:
    """How much of it is shown. What goes beyond is counted."""

    running: int = MAX_RUNNING_SHOWN
    parameters: int | None = None
    reason: int | None = None
    """Lines."""
    remarks: int | None = None
    """Warnings and notes."""
    airy: bool = True
    """Blank lines between the parts."""


@dataclass(frozen=True, slots=True)
class Course:
    """What a look at a study does not tell: how it came there."""

    curves: Mapping[int, Sequence[Point]] = field(default_factory=dict)
    """By number of a running trial, its reports."""
    best: Sequence[tuple[int, float]] = ()
    """The best so far, by the number of trials."""
    away: str = ""
    """Why the look is an old one."""


NOTHING_KNOWN, EVERYTHING = Course(), Room()


def progress(
    study: StudyView, width: int, course: Course = NOTHING_KNOWN, room: Room = EVERYTHING
) -> RenderableType:
    """Where a study stands. ``width`` is the terminal's, in characters."""
    searched = study.mode == "caviar"  # else there is no search
    current = study.rounds[-1] if study.rounds and searched else None
    gap = Text() if room.airy else None
    return stacked(
        _title(study),
        Text.assemble(("! ", "bold yellow"), (clean(course.away), "yellow"))
        if course.away
        else None,
        origin_line(study),
        *_remarks(study, room.remarks),
        gap,
        _meter(study, width),
        uses_line(study),
        *_best(study, course, width),
        *(_box(study, current, width, room, gap) if current else []),
        gap if study.running and room.running else None,
        *(_running(study, course, width, room.running) if room.running else []),
        failures_line(study),
    )


def _title(study: StudyView) -> Text:
    text = Text.assemble((clean(study.name), "bold"), "  ", state_text(study.state))
    text.append(f"  {study.strategy}, {study.goal} {clean(study.metric)}", style="dim")
    if study.reason:
        text.append(f"  {clean(study.reason)}", style="dim")
    if study.ended is not None and not study.mlflow.closed:
        text.append("  its run in MLflow is being completed", style="dim")
    return text


def _remarks(study: StudyView, most: int | None) -> list[RenderableType]:
    lines = [*warnings_block(study.warnings), *notes_block(study.notes)]
    if most is None or len(lines) <= most:
        return lines
    more = Text(f"  and {count(len(lines) - most, 'more remark')}", style="dim")
    return [*lines[:most], more] if most else []


def _meter(study: StudyView, columns: int) -> Text:
    width = max(8, min(24, columns - len(tally(study)) - 4))
    done = round(width * min(finished_count(study) / max(study.budget, 1), 1.0))
    return Text.assemble(
        "  ", ("━" * done, "green"), ("─" * (width - done), "dim"), f"  {tally(study)}"
    )


def _best(study: StudyView, course: Course, width: int) -> list[RenderableType]:
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
    drawn = step_spark(course.best, finished_count(study), min(SPARK, width - 20))
    if not drawn or len(course.best) < 2:
        return [text]
    first, last = number(course.best[0][1]), number(course.best[-1][1])
    return [text, Text.assemble("  so far ", (drawn, "green"), (f"  {first} to {last}", "dim"))]


def _box(
    study: StudyView, current: RoundView, width: int, room: Room, gap: Text | None
) -> list[RenderableType]:
    reason = heading(f"Round {current.round}", clean(current.reason).replace("\n", " "))
    if room.reason is not None:
        reason.truncate(room.reason * (width - 12), overflow="ellipsis")
    shown = telling_parameters(study, room.parameters)
    best = study.best.params if study.best else {}
    strip_width = max(12, min(40, width - 60))
    more = len(study.parameters) - len(shown)
    parts: list[RenderableType] = [] if gap is None else [gap]
    parts.append(reason)
    if shown:
        parts.append(box_table(shown, current.box, best, strip_width, scales=width >= NARROW))
    if more:
        parts.append(Text(f"  and {count(more, 'more parameter')}", style="dim"))
    return parts


def telling_parameters(study: StudyView, most: int | None) -> list[ParameterView]:
    """Those that matter most, as measured or else as declared; in the order of the study file."""
    if most is None or len(study.parameters) <= most:
        return study.parameters
    shares = {entry.name: entry.share for entry in study.importance}
    ranked = sorted(study.parameters, key=lambda p: (-shares.get(p.name, 0.0), p.tier or 9))[:most]
    return [parameter for parameter in study.parameters if parameter in ranked]


def _running(study: StudyView, course: Course, width: int, most: int) -> list[RenderableType]:
    if not study.running:
        return []
    parts: list[RenderableType] = []
    if any(trial.kind == "confirm" for trial in study.running):
        parts.append(heading("Confirmation", "the leaders train again, on new seeds"))
    table = grid("left", "right", *["left"] * (3 if course.curves else 2))
    for trial in study.running[:most]:
        curve = spark(course.curves.get(trial.number, ()), max(8, min(SPARK, width - 44)))
        table.add_row(
            Text(f"trial {trial.number}{_again(trial)}"),
            Text("starting" if trial.step is None else f"step {trial.step}", style="dim"),
            *([Text(curve, style="cyan")] if course.curves else []),
            Text(number(trial.last) if trial.last is not None else ""),
            Text(KIND_WORDS.get(trial.kind, ""), style="dim"),
        )
    parts.append(indented(table))
    more = max(study.counts.get("running", 0), len(study.running)) - most
    if more > 0:
        parts.append(Text(f"  and {more:,} more", style="dim"))
    return parts


def best_chart(course: ProgressView | None, width: int) -> list[RenderableType]:
    """The best so far, over all trials by number; the first few are cut off where they are far from all others."""
    if course is None or len(course.best.value) < 2:
        return []
    last = max((*course.best.number, *course.trials.number))
    corners = as_steps(list(zip(course.best.number, course.best.value, strict=True)), last)
    later = [corner for corner in corners if corner[0] * EARLY >= last]
    fits = len({value for _, value in later}) < 2
    lines = [Line(corners, "green", fits), Line(later, "green")]
    drawn = plot(lines, [], min(width - 2, CHART_WIDTH), CHART_ROWS)
    return [heading("Best so far", "by trial"), indented(drawn), Text()]


def fitted(study: StudyView, course: Course, width: int, height: int) -> RenderableType:
    """In at most ``height`` lines of a terminal: what is left out is what matters least."""
    rooms = [
        EVERYTHING,
        Room(remarks=2),
        Room(remarks=2, running=3),
        Room(remarks=1, running=3, reason=2),
        Room(remarks=1, running=3, reason=2, airy=False),
    ]
    over = 0
    for room in rooms:
        picture = progress(study, width, course, room)
        over = _lines(picture, width) - height
        if over <= 0:
            return picture
    fits = len(study.parameters) - over - 1  # one line says how many are left out
    for room in (
        Room(remarks=1, running=3, reason=2, parameters=max(fits, 3), airy=False),
        Room(remarks=0, running=2, reason=1, parameters=3, airy=False),
        Room(remarks=0, running=1, reason=1, parameters=0, airy=False),
    ):
        picture = progress(study, width, course, room)
        if _lines(picture, width) <= height:
            return picture
    return picture


def _lines(picture: RenderableType, width: int) -> int:
    console = Console(width=width, file=StringIO())
    return len(console.render_lines(picture, pad=False))


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
