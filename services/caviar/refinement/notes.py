"""Markdown that MLflow shows beside a run, and the plain facts in it.

A run's page shows its first lines and the rest on a click: where it stands and the ways on come first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from caviar.adapters.sql import RoundRow, Standing, StudyRecord, TrialRow
from caviar.contract import names, pages
from caviar.contract.markdown import link, plain
from caviar.contract.views import ParameterView, RoundView, SideView, TrialState
from caviar.studies.life import LEARNT_FROM
from caviar.studies.spec import Study

MOST_TEXT = 7_900
"""Characters of a note; MLflow cuts off a tag's text after 8,000."""
_PARAMETERS = 4_000
_RANGE = 120
"""Characters of a list of choices."""
_REASON = 500

_WORDS: dict[TrialState, str] = {
    "done": "done",
    "stopped": "stopped early",
    "failed": "failed",
    "quarantined": "quarantined",
    "cancelled": "cancelled",
}


def study_note(
    record: StudyRecord,
    study: Study,
    rounds: Sequence[RoundRow],
    stands: Standing,
    counts: Mapping[TrialState, int],
    *,
    service: str | None = None,
    pictures: Sequence[str] = (),
) -> str:
    """A study's description while it runs and once it has ended.

    Args:
        service: the address at which people reach the service; without it no link leads there.
        pictures: files of its run that are shown.
    """
    lines = [_where_it_stands(record, study, counts), "", _best(record, study, stands), ""]
    lines += [_ways(record, study, service), ""]
    lines += _fitting(_parameters(record, study, stands.best), _PARAMETERS, "More parameters")
    lines += [f"\n![{name}]({pages.artifact_file(record.run_id or '', name)})" for name in pictures]
    if record.notes:
        lines += ["", "Known before:", ""]
        lines += [f"- {plain(str(note['text'])[:_REASON])}" for note in record.notes[:20]]
    lines += ["", "| round | why |", "|---|---|"]
    # The newest come first: where not all find room, those that are left out are the oldest.
    told = [_round(record, row) for row in reversed(rounds)]
    lines += _fitting(told, MOST_TEXT - len("\n".join(lines)), "Earlier rounds")
    return "\n".join(lines)


def _where_it_stands(record: StudyRecord, study: Study, counts: Mapping[TrialState, int]) -> str:
    ended = sum(counts.get(state, 0) for state in LEARNT_FROM)
    told = [f"{counts[state]} {word}" for state, word in _WORDS.items() if counts.get(state)]
    line = f"**{record.state}**, {ended} of {study.budget.trials} trials"
    line += f" ({', '.join(told)})" if told else ""
    line += f": {study.metric.goal} {plain(study.metric.name)}, {study.strategy}."
    return line + (f" {plain(record.reason[:_REASON])}" if record.reason else "")


def _best(record: StudyRecord, study: Study, stands: Standing) -> str:
    best = stands.best
    if best is None:
        return f"No {plain(study.metric.name)} yet."
    trial = link(f"trial {best.number}", _run(record, best.run_id))
    return f"Best: {_worth(stands, best)} in {trial}, round {best.round}."


def _worth(stands: Standing, best: TrialRow) -> str:
    """The best trial's value; where it was confirmed, the mean of its new runs, with its own value behind."""
    found = stands.confirmation
    if found is None:
        return f"**{best.value:g}**"
    between = "" if found.low is None else f" ({found.low:g} to {found.high:g}, 95%)"
    runs = "on one new seed" if found.runs == 1 else f"on {found.runs} new seeds"
    return f"**{found.mean:g}**{between} {runs}, and {best.value:g}"


def _ways(record: StudyRecord, study: Study, service: str | None) -> str:
    assert record.experiment_id is not None
    trials = pages.trials_page(
        "",
        record.experiment_id,
        record.id,
        study.metric.name,
        maximize=study.metric.goal == "maximize",
    )
    ways = [f"[All trials, best first]({trials})"]
    if service is not None:
        ways.insert(0, f"[The study in Caviar]({pages.study_page(service, record.id)})")
        ways.append(f"[its champion]({pages.champion_page(service, record.id)})")
    return " · ".join(ways)


def _parameters(record: StudyRecord, study: Study, best: TrialRow | None) -> list[str]:
    shares = {
        entry["name"]: f"{entry['share']:.0%}, {plain(str(entry['verdict']))}"
        for entry in record.importance or ()
    }
    header = ["parameter", *(["best"] if best else []), *(["importance"] if shares else [])]
    header += ["range", "scale", "tier"]
    rows = [_row(header), "|" + "---|" * len(header)]
    for view in study.space.to_views():
        cells = [plain(view.name)]
        if best:
            value = best.params.get(view.name)
            shown = (
                f"{value:.4g}" if isinstance(value, float) else str("" if value is None else value)
            )
            cells.append(plain(shown[:_RANGE]))
        if shares:
            cells.append(shares.get(view.name, ""))
        rows.append(_row([*cells, _range(view), view.scale or view.type, str(view.tier or "")]))
    return rows


def _round(record: StudyRecord, row: RoundRow) -> str:
    name = link(names.round_run_name(row.index), _run(record, row.run_id))
    return _row([name.replace(" ", "&nbsp;", 1), plain(str(row.data["reason"])[:_REASON])])


def round_note(
    record: StudyRecord,
    view: RoundView,
    runs: Mapping[int, str | None],
    *,
    service: str | None = None,
    picture: str | None = None,
) -> str:
    """A round's description: why, the box before and after on each parameter's own scale, the trials behind it.

    Args:
        runs: by trial's number, its run where it is known.
        picture: the address of the round's picture.
    """
    ways = [link(f"study {record.name}", _run(record, record.run_id))]
    if service is not None:
        ways.append(f"[in Caviar]({pages.study_page(service, record.id)})")
    lines = [plain(view.reason), "", " · ".join(ways)]
    if view.support:
        trials = [link(str(number), _run(record, runs.get(number))) for number in view.support[:30]]
        lines += ["", f"It rests on trials {', '.join(trials)}."]
    rows = ["| parameter | before | box | change | best trial |", "|" + "---|" * 5]
    for name, side in view.box.items():
        before = _range(view.before[name]) if name in view.before else ""
        change, edge = view.changes.get(name, ""), view.edges.get(name, "")
        rows.append(_row([plain(name), before, _range(side), plain(change), plain(edge)]))
    shown = [] if picture is None else ["", f"![The boxes until here]({picture})"]
    room = MOST_TEXT - len("\n".join([*lines, *shown])) - 10
    return "\n".join([*lines, "", *_fitting(rows, room, "More parameters"), *shown])


def _run(record: StudyRecord, run_id: str | None) -> str | None:
    if run_id is None or record.experiment_id is None:
        return None
    return pages.run_page("", record.experiment_id, run_id)


def _range(side: ParameterView | SideView) -> str:
    if side.choices is not None:
        text = ", ".join(map(str, side.choices))
        return plain(text if len(text) <= _RANGE else f"{text[:_RANGE]} ...")
    return (
        f"{side.low:g} to {side.high:g}" if side.low is not None and side.high is not None else ""
    )


def _row(cells: Iterable[str]) -> str:
    """MLflow draws no space between cells."""
    return f"| {'&ensp; | '.join(cells)} |"


def _fitting(rows: Sequence[str], room: int, rest: str) -> list[str]:
    """As many of a table's rows, from the first, as ``room`` characters hold; then one that says so."""
    note = f"| {rest} are not shown here. |"
    held: list[str] = []
    left = room - len(note) - 1
    for row in rows:
        left -= len(row) + 1
        if left < 0:
            return [*held, note]
        held.append(row)
    return held
