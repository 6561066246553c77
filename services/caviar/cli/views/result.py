"""A study that ended, for a person and as the JSON object that programs read."""

from __future__ import annotations

from typing import Any

from rich.console import RenderableType
from rich.text import Text

from caviar.cli.strips import bar
from caviar.cli.views.ledger import reasons
from caviar.cli.views.parts import (
    clean,
    failures_line,
    grid,
    heading,
    indented,
    notes_block,
    nothing_best,
    origin_line,
    stacked,
    state_text,
    tally,
    uses_line,
    values_table,
    worth,
)
from caviar.cli.views.progress import best_chart
from caviar.cli.views.zoom import columns, zoom_table
from caviar.contract.figures import ProgressView
from caviar.contract.numbers import duration, number, percent
from caviar.contract.views import Best, StudyView

SHARE_NOTE = "share of the variation"
WIDE = 90
"""Columns from which a verdict fits beside its bar."""
REASONS = 4
"""Rounds whose reason is told."""


def result(
    study: StudyView,
    width: int,
    mlflow: str | None = None,
    course: ProgressView | None = None,
) -> RenderableType:
    """Best value, rounds, what mattered, where to look.

    ``width`` is the terminal's, in characters; ``mlflow`` says how to reach MLflow, its address by default; ``course``
    is drawn as the best so far.
    """
    return stacked(
        _title(study),
        uses_line(study),
        origin_line(study),
        failures_line(study),
        *notes_block(study.notes),
        Text(),
        *_best(study),
        *best_chart(course, width),
        *(_rounds(study, width) if study.mode == "caviar" else []),
        *importance_bars(study, width),
        *_mlflow(study, mlflow or study.mlflow.uri or ""),
    )


def _title(study: StudyView) -> Text:
    text = Text.assemble((clean(study.name), "bold"), "  ", state_text(study.state))
    text.append(f"  {tally(study)}")
    if study.ended is not None:
        text.append(f" in {duration(study.ended - study.created)}")
    if study.reason:
        text.append(f"  {clean(study.reason)}", style="dim")
    return text


def _best(study: StudyView) -> list[RenderableType]:
    if study.best is None:
        return [Text(f"There is {nothing_best(study)}."), Text()]
    title = Text.assemble(
        ("Best  ", "bold"),
        clean(study.metric),
        " ",
        worth(study.best),
        (f"  trial {study.best.trial}", "dim"),
    )
    parts: list[RenderableType] = [
        title,
        *_confirmed(study, study.best),
        *_within(study),
        values_table(study.parameters, study.best.params),
    ]
    if study.best.metrics:
        parts.append(Text("  Reported beside it:", style="dim"))
        parts.append(values_table([], study.best.metrics))
    return [*parts, Text()]


def _confirmed(study: StudyView, best: Best) -> list[RenderableType]:
    """How the headline was found, or that it is one value that was chosen for being good."""
    found = best.confirmed
    if found is None:
        early = "Not confirmed: the study ended before its leaders were trained on new seeds."
        return [indented(Text(early, style="yellow"))] if study.confirm else []
    text = f"Its own run gave {number(best.value)} and is left out: the trial was chosen by it."
    if found.rivals:
        text += f" No better on new seeds: {', '.join(map(str, found.rivals))}."
    if found.low is not None and found.low == found.high:
        text += " Every new run gave the same: does the trainer use trial.seed?"
    return [indented(Text(text, style="dim"))]


def _within(study: StudyView) -> list[RenderableType]:
    bounds = clean(", ".join(study.constraints))
    return [indented(Text(f"Within {bounds}.", style="dim"))] if bounds else []


def _rounds(study: StudyView, width: int) -> list[RenderableType]:
    """The zoom, and why it is where it is: the newest reasons."""
    if not study.rounds:
        return []
    newest = study.rounds[-REASONS:]
    note = ""
    if len(study.rounds) > REASONS:
        note = f"the last {REASONS} of {len(study.rounds)}; `caviar rounds {study.id}` has all"
    parts: list[RenderableType] = [
        heading("Rounds", note),
        indented(reasons(newest, values=False)),
        Text(),
    ]
    if len(study.rounds) > 1:
        parts += [zoom_table(study, columns(study, study.rounds, width)), Text()]
    return parts


def importance_bars(study: StudyView, width: int) -> list[RenderableType]:
    """A bar a parameter with the verdict beside it; in a narrow terminal the tier alone. Then what is said plainly."""
    if not study.importance:
        return []
    table = grid("left", "left", "right", "left")
    said = []
    for entry in sorted(study.importance, key=lambda entry: -entry.share):
        verdict, _, sentence = entry.verdict.partition(". ")
        if width < WIDE:
            verdict = f"tier {entry.tier}" if entry.tier else ""
        table.add_row(
            Text(clean(entry.name)),
            bar(entry.share, 16),
            Text(percent(entry.share)),
            Text(clean(verdict), style="dim"),
        )
        if sentence:
            said.append(Text(clean(f"  {entry.name}: {sentence[0].lower()}{sentence[1:]}")))
    return [heading("What mattered", SHARE_NOTE), indented(table), *said, Text()]


def _mlflow(study: StudyView, look: str) -> list[RenderableType]:
    where = study.mlflow
    if where.run_id is None:
        return []
    table = grid("left", "left")
    table.add_row(Text("experiment"), Text(clean(study.project)))
    table.add_row(Text("run"), Text(f"{clean(study.name)} {study.id}"))
    table.add_row(Text("open"), Text(look))
    if where.pending:
        table.add_row(Text("waiting"), Text(f"{where.pending} runs are not complete yet"))
    return [heading("In MLflow"), indented(table)]


def result_object(study: StudyView, uri: str | None = None) -> dict[str, Any]:
    """The one JSON object of ``--json``. ``uri`` outlives the service that ``study.mlflow.uri`` belongs to."""
    best = study.best
    return {
        "study": study.id,
        "name": study.name,
        "state": study.state,
        "reason": study.reason,
        "best": None
        if best is None
        else {
            "trial": best.trial,
            "value": best.value,
            "params": best.params,
            "metrics": best.metrics,
            "confirmed": best.confirmed and best.confirmed.model_dump(),
        },
        "trials": study.counts,
        "rounds": [
            {
                "round": r.round,
                "box": {name: side.model_dump(exclude_none=True) for name, side in r.box.items()},
                "reason": r.reason,
            }
            for r in study.rounds
        ],
        "importance": [entry.model_dump() for entry in study.importance],
        "mlflow": {
            "uri": uri or study.mlflow.uri,
            "experiment_id": study.mlflow.experiment_id,
            "run_id": study.mlflow.run_id,
        },
    }


def exit_code(study: StudyView) -> int:
    """0 where the study ended with a result; 1 where it failed or nothing came of it."""
    return 0 if study.state in ("done", "stopped") and study.best is not None else 1
