"""Champions, and the checks whether they still hold, in words and as a history."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from caviar.cli.plot import Line, Mark, plot
from caviar.cli.views.interventions import values_words
from caviar.cli.views.parts import clean, grid, heading, indented, scale_of, stacked, values_table
from caviar.cli.views.tables import when
from caviar.contract import words
from caviar.contract.numbers import NOTHING, count, interval, number
from caviar.contract.recheck import (
    ChampionView,
    CheckView,
    RecheckView,
)
from caviar.contract.views import StudyView
from caviar.contract.words import CAUSES, FOLLOWS, Scales, calls_words, drift_words

STYLES = {"holds": "green", "moved": "yellow", "inconclusive": "dim"}
VERSION_SHOWN = 20
"""Characters: a hash has 71. `--json` has all."""
PLOT_WIDTH, PLOT_HEIGHT = 60, 6
_BELOW = (0, 0, 0, 5)
"""Under a line that begins with a number."""


def verdict_line(check: CheckView, checked: ChampionView | None, goal: str, scales: Scales) -> str:
    """For instance ``moved: 0.971 -> about 0.984 with rate 0.004 instead of 0.02 (+0.013, 90%: 0.008 to 0.018), ...``.

    ``checked`` is the champion that was checked, where it is known.
    """
    return clean(words.verdict_words(check, checked, goal, scales))


def check_line(study: StudyView, check: CheckView) -> str:
    """Where a check stands, in one line."""
    name = f"check {check.number} of {study.name} ({', '.join(CAUSES[c] for c in check.causes)})"
    match check.state:
        case "due":
            state = f"waits: {check.waits}" if check.waits else "is due"
        case "running":
            state = f"runs as study {check.study}" if check.study else "runs"
        case "ended":
            state = "has ended"
    return clean(f"{name} {state}")


def champion_line(study: StudyView, champion: ChampionView) -> str:
    """What became of it, after somebody decided."""
    values = values_words(champion.params, scale_of(study.parameters))
    said = {
        "champion": "is the champion",
        "rejected": "is rejected",
        "former": "is the champion no more",
        "proposed": "is proposed",
    }[champion.state]
    return clean(f"Champion {champion.number} of {study.name} {said}: {values}.")


def policy_line(found: RecheckView) -> str:
    """When a study is checked by itself, and what follows."""
    policy = found.policy
    if policy is None:
        return clean(f"{found.name} is checked when somebody asks: `caviar recheck {found.study}`.")
    due = "" if found.next_due is None else f", next {when(found.next_due)}"
    return clean(f"{found.name} is checked {calls_words(policy)}{due}.{FOLLOWS[policy.when_moved]}")


def champion_view(study: StudyView, found: RecheckView) -> RenderableType:
    """The champion, and the newest that is proposed, with what makes it one."""
    champion = next((c for c in found.champions if c.state == "champion"), None)
    proposed = next((c for c in reversed(found.champions) if c.state == "proposed"), None)
    if champion is None and proposed is None:
        text = f"{study.name} has no champion yet: it has one when it ends with a result."
        return Text(clean(text))
    parts: list[RenderableType] = []
    if champion is not None:
        parts += _one("Champion", study, champion)
    if proposed is not None:
        parts += [Text()] if parts else []
        parts += _one("Proposed", study, proposed)
        command = f"caviar champion {study.id} --promote {proposed.number}"
        parts.append(indented(Text(f"`{command}` makes it the champion.")))
    return stacked(*parts)


def history_view(study: StudyView, found: RecheckView, width: int) -> RenderableType:
    """Champions, the metric from check to check, and what each check said. ``width`` is the terminal's."""
    return stacked(
        Text(policy_line(found)),
        Text(),
        heading("Champions"),
        *(list(_champions(study, found)) or [indented(Text("None yet.", "dim"))]),
        *_curve(study, found, width),
        Text(),
        heading("Checks"),
        *(list(_checks(study, found)) or [indented(Text("None yet.", "dim"))]),
    )


def _one(title: str, study: StudyView, champion: ChampionView) -> list[RenderableType]:
    facts = grid("left", "left")
    since = champion.created if champion.decided is None else champion.decided
    for name, value in (
        ("found", f"trial {champion.trial} of study {champion.study}"),
        ("since", when(since)),
        ("data", champion.data_version or NOTHING),
        ("code", champion.code_version or NOTHING),
        *([("by", champion.by)] if champion.by else []),
        *([("why", champion.why)] if champion.why else []),
        *([("check", str(champion.check))] if champion.check is not None else []),
        ("MLflow run", champion.run_id or NOTHING),
    ):
        facts.add_row(Text(name, style="dim"), Text(clean(value)))
    head = Text.assemble((f"{title} {champion.number}", "bold"), f" of {clean(study.name)}  ")
    head.append(f"{clean(study.metric)} ")
    head.append_text(_worth(champion))
    return [head, indented(facts), values_table(study.parameters, champion.params)]


def _worth(champion: ChampionView) -> Text:
    text = Text(number(champion.value), "bold green")
    if champion.runs > 1:
        text.append(f" on {count(champion.runs, 'run')}", style="dim")
    if champion.low is not None:
        text.append(f" (95%: {interval(champion.low, champion.high)})", style="dim")
    return text


def _champions(study: StudyView, found: RecheckView) -> Iterator[RenderableType]:
    """Each with its values on a line of their own: they are longer than a column."""
    scales = scale_of(study.parameters)
    for each in found.champions:
        since = when(each.created if each.decided is None else each.decided)
        style = "green" if each.state == "champion" else ""
        head = Text.assemble(f"{each.number:>3}  {since}  ", (each.state, style), "  ")
        head.append_text(_worth(each))
        told = f"trial {each.trial}{'' if each.study == found.study else f' of {each.study}'}"
        told += f", by {each.by}" if each.by else ""
        yield head
        yield Padding(Text(clean(told), "dim"), _BELOW)
        yield Padding(Text(values_words(each.params, scales)), _BELOW)


def _curve(study: StudyView, found: RecheckView, width: int) -> list[RenderableType]:
    """The champion's mean by the check's number; a mark where it was another champion than before."""
    ended = [(c, c.verdict.champion) for c in found.checks if c.verdict is not None]
    points = [(check.number, value) for check, value in ended if value is not None]
    if len(points) < 2:
        return []
    changed = [
        Mark(after.number, "▲", "green")
        for (before, _), (after, _) in pairwise(ended)
        if after.champion != before.champion
    ]
    note = "the champion's mean by the number of the check"
    note += "; ▲ another champion" if changed else ""
    drawn = plot([Line(points, "cyan")], changed, min(width - 2, PLOT_WIDTH), PLOT_HEIGHT)
    return [Text(), heading(clean(study.metric), note), indented(drawn)]


def _checks(study: StudyView, found: RecheckView) -> Iterator[RenderableType]:
    """Each as lines of its own: its sentence is longer than a column."""
    champions = {each.number: each for each in found.champions}
    scales = scale_of(study.parameters)
    for check in found.checks:
        word = check.state if check.verdict is None else check.verdict.word
        head = Text.assemble(
            f"{check.number:>3}  {when(check.asked)}  ", (word, STYLES.get(word, ""))
        )
        causes = ", ".join(CAUSES[cause] for cause in check.causes)
        head.append(f"  {causes}")
        for what, version in (("data", check.data_version), ("code", check.code_version)):
            if version is not None:
                head.append(f"  {what} {_shortened(version)}", "dim")
        yield head
        if check.by or check.why:
            told = ": ".join(filter(None, (check.by, check.why)))
            yield Padding(Text(clean(told), "dim"), _BELOW)
        lines = []
        if check.state == "ended":
            lines.append(verdict_line(check, champions.get(check.champion), study.goal, scales))
        elif check.state == "due" and check.waits:
            lines.append(f"waits: {check.waits}")
        elif check.study is not None:
            lines.append(f"runs as study {check.study}")
        if check.verdict is not None:
            lines += [drift_words(each) for each in check.verdict.drifts]
        if check.retuned is not None:
            lines.append(f"study {check.retuned} tuned again")
        for line in lines:
            yield Padding(Text(clean(line)), _BELOW)


def _shortened(version: str) -> str:
    shown = version if len(version) <= VERSION_SHOWN else f"{version[: VERSION_SHOWN - 1]}…"
    return clean(shown)
