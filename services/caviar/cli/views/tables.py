"""Lists and single things: studies, one trial, workers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from caviar.cli.views.interventions import done_to_it
from caviar.cli.views.parts import (
    KIND_WORDS,
    clean,
    grid,
    heading,
    indented,
    nothing_best,
    stacked,
    state_text,
    values_table,
    worth,
)
from caviar.contract.numbers import duration, number
from caviar.contract.panda import InterventionView
from caviar.contract.views import StudyRow, StudyView, TrialView, WorkerView
from caviar.contract.words import origin_words


def new_table(*columns: str) -> Table:
    """A table without lines; a column whose title starts with ``>`` is set to the right."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for column in columns:
        right = column.startswith(">")
        table.add_column(column.lstrip(">"), justify="right" if right else "left", no_wrap=True)
    return table


def when(seconds: float) -> str:
    """Seconds since the epoch as local time."""
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M")


def studies_table(rows: list[StudyRow], limit: int | None = None) -> RenderableType:
    """``limit`` is how many were asked for: with as many there may be more."""
    if not rows:
        return Text("No studies yet. `caviar submit STUDY.yaml` adds one.")
    table = new_table("study", "name", "state", ">trials", ">best", "strategy", "created")
    for row in rows:
        table.add_row(
            Text(row.id),
            Text(clean(row.name)),
            state_text(row.state),
            Text(f"{row.done}/{row.budget}"),
            Text(number(row.best)),
            Text(row.strategy),
            Text(when(row.created)),
        )
    if len(rows) == limit:
        return stacked(table, Text(f"The newest {limit}; --limit N lists more.", style="dim"))
    return table


def best_view(study: StudyView) -> RenderableType:
    if study.best is None:
        return Text(f"{clean(study.name)}: {nothing_best(study)} yet.")
    return stacked(
        Text.assemble(
            clean(study.metric),
            " ",
            worth(study.best),
            (f"  trial {study.best.trial}", "dim"),
        ),
        values_table(study.parameters, study.best.params),
        values_table([], study.best.metrics) if study.best.metrics else None,
    )


def trial_view(
    study: StudyView, trial: TrialView, interventions: Sequence[InterventionView] = ()
) -> RenderableType:
    facts = grid("left", "left")
    for name, value in (
        ("round", f"r{trial.round}"),
        ("attempt", str(trial.attempt)),
        *([("trains again", f"trial {trial.repeats}")] if trial.repeats is not None else []),
        *([("origin", origin_words(trial.origin))] if trial.origin else []),
        *([("beyond", trial.beyond)] if trial.beyond else []),
        *([("took", duration(trial.seconds))] if trial.seconds is not None else []),
        *([("step", number(trial.step))] if trial.step is not None else []),
        ("on", " ".join(filter(None, (trial.host, trial.gpu))) or number(None)),
        *([("asked to stop", "by hand")] if trial.stop_asked and trial.state == "running" else []),
        ("MLflow run", trial.run_id or number(None)),
    ):
        facts.add_row(Text(name, style="dim"), Text(clean(value)))
    ended = Text(clean(trial.error), style="dim") if trial.state == "stopped" else Text()
    title = Text.assemble((f"Trial {trial.number}", "bold"), "  ", state_text(trial.state))
    if trial.kind in KIND_WORDS:
        title.append(f"  {KIND_WORDS[trial.kind]}", style="dim")
    title.append(
        f"  {clean(study.metric)} {number(trial.last if trial.value is None else trial.value)}"
    )
    failed = trial.error and trial.state != "stopped"
    return stacked(
        title,
        indented(facts),
        indented(ended) if ended else None,
        Text(),
        heading("Parameters", "that it began with" if trial.touched else ""),
        values_table(study.parameters, trial.params),
        *_section(
            "Done to it", done_to_it(interventions, study.parameters) if interventions else None
        ),
        *_section("Reported beside it", values_table([], trial.metrics) if trial.metrics else None),
        *_section("Error", Text(clean(trial.error), style="red") if failed else None),
        *_section("Last output", Text(clean(trial.output)) if trial.output else None),
    )


def _section(title: str, body: RenderableType | None) -> list[RenderableType]:
    return [] if body is None else [Text(), heading(title), indented(body)]


def workers_table(workers: list[WorkerView]) -> RenderableType:
    if not workers:
        return Text("No worker has called. `caviar worker` starts one.")
    table = new_table("host", "class", ">slots", ">GPUs", ">free", ">running", "seen")
    for worker in workers:
        table.add_row(
            Text(clean(worker.host)),
            Text(clean(worker.resource_class)),
            Text(str(worker.slots)),
            Text(str(worker.gpus) if worker.gpus else ""),
            Text(str(worker.free)),
            Text(str(worker.running)),
            Text(f"{duration(worker.seen_s)} ago"),
        )
    warnings = [
        Text(f"{clean(worker.host)}: {clean(warning)}", style="yellow")
        for worker in workers
        for warning in worker.warnings
    ]
    aside = [_aside(worker) for worker in workers if worker.aside]
    drained = [_drained(worker) for worker in workers if worker.drained_since is not None]
    return stacked(table, *aside, *drained, *warnings)


def _aside(worker: WorkerView) -> Text:
    host = clean(worker.host)
    since = f" since {when(worker.aside_since)}" if worker.aside_since is not None else ""
    text = Text(f"{host} gets no work{since}: {clean(worker.aside)}.", style="yellow")
    return text.append(f" `caviar workers trust {host}` gives it work again.", style="dim")


def _drained(worker: WorkerView) -> Text:
    host = clean(worker.host)
    since = f" since {when(worker.drained_since)}" if worker.drained_since is not None else ""
    waiting = f"; {count(worker.unshipped, 'result')} not in MLflow yet" if worker.unshipped else ""
    left = f"{count(worker.running, 'trial')} left{waiting}"
    text = Text(f"{host} is drained{since}: {left}.", style="yellow")
    return text.append(f" `caviar workers resume {host}` gives it work again.", style="dim")


def count(number: int, noun: str) -> str:
    """For instance ``1 trial``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
