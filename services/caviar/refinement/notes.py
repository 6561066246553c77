"""Markdown that MLflow shows beside a run, and the plain facts in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from caviar.adapters.sql import TrialRow
from caviar.contract.views import ParameterView, SideView
from caviar.search import Round
from caviar.studies.spec import Study


def best_trial(study: Study, trials: Sequence[TrialRow]) -> TrialRow | None:
    """The done trial with the best value; the earlier one of equals."""
    done = [row for row in trials if row.state == "done" and row.value is not None]
    if not done:
        return None
    sign = -1.0 if study.metric.goal == "maximize" else 1.0
    return min(done, key=lambda row: (sign * (row.value or 0.0), row.number))


def _range(side: ParameterView | SideView) -> str:
    if side.choices is not None:
        return ", ".join(f"`{choice}`" for choice in side.choices)
    return (
        f"{side.low:g} to {side.high:g}" if side.low is not None and side.high is not None else ""
    )


def study_note(
    study: Study,
    rounds: Sequence[Round] = (),
    best: TrialRow | None = None,
    importance: Sequence[dict[str, Any]] = (),
) -> str:
    """The study's description: the space, and once it has ended the result and what mattered."""
    shares = {entry["name"]: f"{entry['share']:.0%}, {entry['verdict']}" for entry in importance}
    lines = [
        f"**{study.metric.goal} `{study.metric.name}`** with {study.strategy} in {study.budget.trials} trials.",
        "",
    ]
    if best is not None:
        lines += [f"Best: **{best.value:g}** in trial {best.number}, round {best.round}.", ""]
    header = "| parameter | scale | tier | range |"
    lines += [
        header + (" best |" if best else "") + (" importance |" if shares else ""),
        "|---|---|---|---|" + ("---|" if best else "") + ("---|" if shares else ""),
    ]
    for view in study.space.to_views():
        row = f"| {view.name} | {view.scale or view.type} | {view.tier or ''} | {_range(view)} |"
        if best:
            value = best.params.get(view.name)
            row += (
                f" {value:.4g} |"
                if isinstance(value, float)
                else f" {'' if value is None else value} |"
            )
        if shares:
            row += f" {shares.get(view.name, '')} |"
        lines.append(row)
    if rounds:
        lines += ["", "Rounds:", ""]
        lines += [f"{round_.index}. {round_.reason}" for round_ in rounds]
    return "\n".join(lines)


def round_note(round_: Round) -> str:
    """A round's description: why, and the box on each parameter's own scale."""
    lines = [round_.reason, "", "| parameter | box | change |", "|---|---|---|"]
    for name, side in round_.box.to_views().items():
        lines.append(f"| {name} | {_range(side)} | {round_.changes.get(name, '')} |")
    return "\n".join(lines)
