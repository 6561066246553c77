"""Markdown that MLflow shows beside a run, and the plain facts in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from caviar.adapters.sql import Standing, StudyRecord, TrialRow
from caviar.contract.views import ParameterView, RoundView, SideView
from caviar.search import Round
from caviar.studies.spec import Study


def _range(side: ParameterView | SideView) -> str:
    if side.choices is not None:
        return ", ".join(f"`{choice}`" for choice in side.choices)
    return (
        f"{side.low:g} to {side.high:g}" if side.low is not None and side.high is not None else ""
    )


def study_note(
    study: Study,
    rounds: Sequence[Round] = (),
    stands: Standing | None = None,
    importance: Sequence[dict[str, Any]] = (),
    stopped: int = 0,
) -> str:
    """The study's description: the space, and once it has ended the result and what mattered."""
    shares = {entry["name"]: f"{entry['share']:.0%}, {entry['verdict']}" for entry in importance}
    lines = [
        f"**{study.metric.goal} `{study.metric.name}`** with {study.strategy} in {study.budget.trials} trials.",
        "",
    ]
    best = stands.best if stands else None
    if stands and best:
        lines += [f"Best: {_worth(stands, best)} in trial {best.number}, round {best.round}.", ""]
    if stopped:
        lines += [
            f"{stopped} of {study.budget.trials} trials were stopped early: others were better.",
            "",
        ]
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


def _worth(stands: Standing, best: TrialRow) -> str:
    """The best trial's value; where it was confirmed, the mean of its new runs, with its own value behind."""
    found = stands.confirmation
    if found is None:
        return f"**{best.value:g}**"
    between = "" if found.low is None else f" ({found.low:g} to {found.high:g}, 95%)"
    runs = "on one new seed" if found.runs == 1 else f"on {found.runs} new seeds"
    return f"**{found.mean:g}**{between} {runs}, and {best.value:g}"


def round_note(view: RoundView) -> str:
    """A round's description: why, the box before and after on each parameter's own scale, the trials behind it."""
    lines = [
        view.reason,
        "",
        "| parameter | before | box | change | best trial |",
        "|" + "---|" * 5,
    ]
    for name, side in view.box.items():
        before = _range(view.before[name]) if name in view.before else ""
        change, edge = view.changes.get(name, ""), view.edges.get(name, "")
        lines.append(f"| {name} | {before} | {_range(side)} | {change} | {edge} |")
    if view.support:
        lines += ["", f"It rests on trials {', '.join(map(str, view.support))}."]
    return "\n".join(lines)


def known_before(record: StudyRecord) -> str:
    """What a warm start read, to be put behind a study's note; empty where nothing was to be read."""
    if not record.notes:
        return ""
    return "\n".join(["", "", "Known before:", "", *(f"- {note['text']}" for note in record.notes)])
