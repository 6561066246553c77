"""A study that ended, for a person and as the JSON object that programs read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from caviar.cli.strips import bar, strip
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
from caviar.contract.numbers import duration, number, percent
from caviar.contract.views import Best, ParameterView, RoundView, SideView, StudyView

SHARE_NOTE = "share of the variation"
WIDE = 90
"""Columns from which a verdict fits beside its bar."""


def result(study: StudyView, width: int, mlflow: str | None = None) -> RenderableType:
    """Best value, rounds, what mattered, where to look.

    ``width`` is the terminal's, in characters; ``mlflow`` says how to reach MLflow, its address by default.
    """
    return stacked(
        _title(study),
        uses_line(study),
        origin_line(study),
        failures_line(study),
        *notes_block(study.notes),
        Text(),
        *_best(study),
        *(_rounds(study, width) if study.mode == "caviar" else []),
        *_importance(study, width),
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
    if not study.rounds:
        return []
    reasons = grid("left", "left", "right")
    reasons.columns[2].no_wrap = False
    reasons.columns[2].justify = "left"
    for round_view in study.rounds:
        reasons.add_row(
            Text(f"r{round_view.round}"),
            Text(round_view.kind, style="dim"),
            Text(clean(round_view.reason)),
        )
    parts: list[RenderableType] = [heading("Rounds"), indented(reasons), Text()]
    if len(study.rounds) > 1:
        parts += [zoom_table(study, width), Text()]
    return parts


def zoom_table(study: StudyView, width: int) -> RenderableType:
    """Parameters down, rounds across: how the box moved. As many rounds as fit, the first and last among them."""
    labels = max((len(parameter.name) for parameter in study.parameters), default=0) + 4
    strip_width = 10
    shown = thinned(study.rounds, max(2, (width - labels) // (strip_width + 2)))
    table = grid("left", *("left" for _ in shown))
    table.add_row(Text(), *(Text(f"r{round_view.round}", style="dim") for round_view in shown))
    best = study.best.params if study.best else {}
    for parameter in study.parameters:
        cells = [
            _cell(parameter, r.box.get(parameter.name, SideView()), best, strip_width)
            for r in shown
        ]
        table.add_row(Text(clean(parameter.name)), *cells)
    return indented(table)


def _cell(parameter: ParameterView, side: SideView, best: dict[str, Any], width: int) -> Text:
    if parameter.choices is None:
        return strip(parameter, side, best.get(parameter.name), width)
    words = [number(choice) for choice in side.choices or parameter.choices]
    text = Text(clean(" ".join(words)), style="cyan")
    if len(text) > width:
        text = Text(f"{len(words)} of {len(parameter.choices)}", style="cyan")
    text.truncate(width, overflow="ellipsis")
    return text


def thinned(rounds: Sequence[RoundView], most: int) -> list[RoundView]:
    """At most ``most`` (two or more) of ``rounds``, evenly spread, with the first and the last."""
    if len(rounds) <= most:
        return list(rounds)
    indices = [round(i * (len(rounds) - 1) / (most - 1)) for i in range(most)]
    return [rounds[i] for i in indices]


def _importance(study: StudyView, width: int) -> list[RenderableType]:
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
