"""What a study's parts are called on its page: sides of boxes, counts, and what each picture says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from caviar.contract.numbers import count, interval, number, percent
from caviar.contract.views import Best, ParameterView, RoundView, SideView, StudyView, Use
from caviar.contract.words import failed_count, finished_count

TURN: Final = re.compile(r" to |[,;:]")
"""Where the numbers begin in a change (``narrowed to [1, 2], a third of before``): they have columns of their own."""


def side_words(parameter: ParameterView, side: SideView) -> str:
    """``0.005 … 0.3``, or ``sgd, adam``."""
    if parameter.choices is not None:
        return ", ".join(number(choice) for choice in side.choices or parameter.choices)
    low = parameter.low if side.low is None else side.low
    high = parameter.high if side.high is None else side.high
    return interval(low, high, parameter.scale)


def range_words(parameter: ParameterView) -> str:
    """The whole of it."""
    return side_words(parameter, SideView())


def when_words(parameter: ParameterView) -> str:
    """``with solver = sgd``; empty where it is always there."""
    parts = [
        f"{name} = {' or '.join(number(value) for value in values)}"
        for name, values in (parameter.when or {}).items()
    ]
    return f"with {' and '.join(parts)}" if parts else ""


@dataclass(frozen=True, slots=True)
class SideRow:
    """One parameter in one round. ``before`` is empty where the side stayed as it was."""

    name: str
    before: str
    after: str
    change: str
    edge: str


def side_rows(study: StudyView, view: RoundView) -> list[SideRow]:
    """Of a round, in the order of the study file."""
    rows = []
    for parameter in study.parameters:
        side = view.box.get(parameter.name)
        if side is None:
            continue
        before = view.before.get(parameter.name, side)
        rows.append(
            SideRow(
                parameter.name,
                side_words(parameter, before) if before != side else "",
                side_words(parameter, side),
                TURN.split(view.changes.get(parameter.name, ""))[0],
                view.edges.get(parameter.name, ""),
            )
        )
    return rows


def tally(study: StudyView) -> str:
    """For instance ``2 running, 1 failed, 3 stopped early``."""
    parts = [("running", study.counts.get("running", 0)), ("failed", failed_count(study))]
    parts += [("stopped early", study.counts.get("stopped", 0))]
    parts += [("cancelled", study.counts.get("cancelled", 0))]
    return ", ".join(f"{amount:,} {word}" for word, amount in parts if amount)


def use_words(use: Use) -> str:
    """For instance ``1.5 of 4 slot-hours``."""
    return f"{use.spent:.3g} of {use.limit:g} {use.name.replace('_', '-')}"


def confirmed_words(best: Best) -> str:
    """How the headline was found, where leaders were trained on new seeds."""
    found = best.confirmed
    if found is None:
        return ""
    text = f"Mean of {count(found.runs, 'new seed')}"
    if found.low is not None:
        text += f", 95% between {number(found.low)} and {number(found.high)}"
    text += f". Its own run gave {number(best.value)} and is left out: the trial was chosen by it."
    if found.rivals:
        text += f" No better on new seeds: trials {', '.join(map(str, found.rivals))}."
    if found.low is not None and found.low == found.high:
        text += " Every new run gave the same: does the trainer use trial.seed?"
    return text


def picture_words(study: StudyView) -> dict[str, str]:
    """What each picture says, for who reads and for who cannot see it."""
    best = study.best
    return {
        "progress": _progress(study),
        "zoom": f"{_rounds(study)} Each strip is a parameter on its own scale, each dot a trial: bright is good, "
        "dark is bad. The band is the box that trials are drawn from.",
        "parallel": f"Each line is a trial across {count(len(study.parameters), 'parameter')}: bright is good, dark "
        "is bad. Drag along an axis to keep only the lines through it.",
        "curves": f"{study.metric} step by step, the best in bold."
        + (
            f" {count(study.counts['stopped'], 'trial')} stopped early: a mark where each ended."
            if study.counts.get("stopped")
            else ""
        ),
        "importance": _importance(study),
        "confirmation": "No leader was trained on new seeds yet."
        if best is None or best.confirmed is None
        else f"Trial {best.trial}: {confirmed_words(best)}",
    }


def _progress(study: StudyView) -> str:
    best, ended = study.best, count(finished_count(study), "trial")
    if best is None:
        return f"No value of {study.metric} yet."
    if best.confirmed is not None:
        return f"The best single value so far, through {ended}. On new seeds trial {best.trial} came out best."
    return f"Best so far {number(best.value)} after {ended}, found by trial {best.trial}."


def _rounds(study: StudyView) -> str:
    newest = next((each for each in reversed(study.rounds) if not each.undone), None)
    if newest is None or newest.round == 0:
        return "The whole space so far."
    return f"{count(newest.round + 1, 'round')} so far."


def _importance(study: StudyView) -> str:
    shares = sorted(study.importance, key=lambda entry: -entry.share)[:3]
    if not shares:
        return "Measured once enough trials have ended."
    told = ", ".join(f"{entry.name} {percent(entry.share)}" for entry in shares)
    end = " …" if len(study.importance) > 3 else "."
    return f"Share of the variation of {study.metric} that each explains: {told}{end}"
