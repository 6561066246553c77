"""A study as one page of HTML that needs nothing else: no script, no other address. For mail, archives and printers.

What people wrote is escaped, all of it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from string import Template

from caviar import __version__
from caviar.cli.views.parts import (
    KIND_WORDS,
    last_line,
    nothing_best,
    scale_of,
    side_text,
    tally,
)
from caviar.contract.numbers import NOTHING, count, duration, interval, number, percent
from caviar.contract.views import Best, RoundView, StudyFile, StudyView, TrialView

TRIALS = 200
"""In the table, at most."""
ERROR = 160
"""Letters of an error."""

WARNS, ROOMY, STRUCK = ' class="warn"', ' class="long"', ' class="off"'

_PAGE = Template(
    """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>$title</title>
<style>
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5f6872; --line: #d9dee3; --paper: #ffffff; --card: #f6f8fa;
  --warn: #8a4b00; --good: #0b6e4f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebee; --soft: #a3adb7; --line: #363d45; --paper: #15191d;
  --card: #1e242a; --warn: #f0b35a; --good: #66cfa8; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 2rem 1.2rem 4rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .3rem; }
h2 { font-size: 1.15rem; margin: 2.4rem 0 .6rem; }
p { margin: .3rem 0; }
.soft, caption, figcaption { color: var(--soft); }
.lead { font-size: 1.05rem; max-width: 46rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1rem 1.2rem;
  margin-top: 1.2rem; }
.card b { color: var(--good); font-size: 1.35rem; }
.warn { color: var(--warn); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .86rem; font-variant-numeric: tabular-nums; }
.side { display: flex; flex-wrap: wrap; gap: 0 3rem; margin-top: .6rem; }
caption { text-align: left; padding: .2rem 0 .4rem; }
th, td { text-align: left; padding: .28rem .9rem .28rem 0; border-bottom: 1px solid var(--line); vertical-align: top;
  overflow-wrap: normal; }
td.long { min-width: 16rem; overflow-wrap: anywhere; }
th { color: var(--soft); font-weight: 600; white-space: nowrap; }
tr.off td { color: var(--soft); text-decoration: line-through; }
figure { margin: 0 0 1.2rem; break-inside: avoid; }
figure img { display: block; background: #fff; border: 1px solid var(--line); border-radius: 10px; padding: .7rem;
  max-width: 100%; height: auto; }
figcaption { font-size: .86rem; padding-top: .3rem; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1rem; font-size: .82rem;
  white-space: pre-wrap; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: .8rem; font-size: .82rem;
  color: var(--soft); }
@media print { :root { --ink: #000; --soft: #444; --line: #bbb; --paper: #fff; --card: #fff; --warn: #633600;
  --good: #000; } body { max-width: none; padding: 0; font-size: 11pt; } .wide { overflow: visible; }
  table { font-size: 8pt; } thead { display: table-header-group; } tr { break-inside: avoid; }
  h2 { break-after: avoid; } }
</style>
</head>
<body>
$body
</body>
</html>
"""
)


@dataclass(frozen=True, slots=True)
class Report:
    """All that the page shows."""

    study: StudyView
    rounds: Sequence[RoundView]
    trials: Sequence[TrialView]
    """At most ``TRIALS``."""
    of: int
    """So many there are."""
    figures: str
    """HTML that the client made."""
    file: StudyFile
    service: str
    """Its version."""


def page(report: Report, now_s: float) -> str:
    study = report.study
    parts = [
        f"<header><h1>{escape(study.name)}</h1>",
        f'<p class="lead">{escape(in_words(study))}</p>',
        *(f'<p class="warn">{escape(text)}</p>' for text in study.warnings),
        "</header>",
        _best(study),
        "<h2>Figures</h2>" + report.figures if report.figures else "",
        _rounds(study, report.rounds),
        _importance(study),
        _trials(report),
        _notes(study),
        f"<h2>{escape(report.file.name)}</h2><pre>{escape(report.file.text)}</pre>",
        _footer(report, now_s),
    ]
    title = f"{study.name}: {study.metric}"
    return _PAGE.substitute(title=escape(title), body="\n".join(part for part in parts if part))


def in_words(study: StudyView) -> str:
    """How it went, in a few sentences."""
    aim = {"minimize": "as low", "maximize": "as high"}[study.goal]
    ended = {"done": "It is done", "stopped": "It was stopped", "failed": "It failed"}
    state = ended.get(study.state, f"It is {study.state}")
    reason = f" ({study.reason})" if study.reason else ""
    said = [
        f"The study looked for {study.metric} {aim} as possible, with the strategy {study.strategy}.",
        f"{state}{reason}: {tally(study)}.",
    ]
    if study.ended is not None:
        said.append(f"It took {duration(study.ended - study.created)}.")
    if study.best is None:
        said.append(f"There is no best trial: {nothing_best(study)}.")
    else:
        said.append(_worth(study, study.best))
    if study.importance:
        first = max(study.importance, key=lambda entry: entry.share)
        said.append(f"{first.name} mattered most, with {percent(first.share)} of the variation.")
    return " ".join(said)


def _worth(study: StudyView, best: Best) -> str:
    found = best.confirmed
    if found is None:
        return f"The best {study.metric} is {number(best.value)}, of trial {best.trial}."
    between = (
        f" (95%: {interval(found.low, found.high)})"
        if found.low is not None and found.high is not None
        else ""
    )
    return (
        f"The best is trial {best.trial}: trained again on {count(found.runs, 'new seed')}, its {study.metric} is "
        f"{number(found.mean)}{between}; the run that made it the leader had {number(best.value)}."
    )


def _best(study: StudyView) -> str:
    best = study.best
    if best is None:
        return ""
    found = best.confirmed
    value = best.value if found is None else found.mean
    seeds = "" if found is None else f", the mean of {count(found.runs, 'new seed')}"
    scales = scale_of(study.parameters)
    table = _table(
        ("parameter", "value"),
        [(name, number(v, scales.get(name))) for name, v in best.params.items()],
    )
    metrics = ""
    if best.metrics:
        metrics = _table(("metric", "value"), [(n, number(v)) for n, v in best.metrics.items()])
    within = f'<p class="soft">Within {escape(", ".join(study.constraints))}.</p>'
    values = f'<div class="side">{table}{metrics}</div>'
    return (
        f'<section class="card"><p><b>{number(value)}</b> {escape(study.metric)} <span class="soft">trial '
        f"{best.trial}{seeds}</span></p>{within if study.constraints else ''}{values}</section>"
    )


def _rounds(study: StudyView, rounds: Sequence[RoundView]) -> str:
    if not rounds:
        return ""
    rows = [(str(each.round), each.kind, each.reason, _sides(study, each)) for each in rounds]
    off = {index for index, each in enumerate(rounds) if each.undone}
    caption = (
        "Why the box is where it is. Rounds that were taken back are struck through." if off else ""
    )
    table = _table(
        ("round", "kind", "reason", "what it changed"), rows, off, caption=caption, long=(2, 3)
    )
    return f"<h2>The zoom, round by round</h2>{table}"


def _sides(study: StudyView, each: RoundView) -> str:
    """The sides that are other than before; in the first round, all."""
    said = []
    for parameter in study.parameters:
        side, before = each.box.get(parameter.name), each.before.get(parameter.name)
        if side is not None and side != before:
            said.append(f"{parameter.name} {side_text(parameter, side)}")
    return "; ".join(said)


def _importance(study: StudyView) -> str:
    if not study.importance:
        return ""
    entries = sorted(study.importance, key=lambda entry: -entry.share)
    rows = [
        (each.name, percent(each.share), str(each.tier or NOTHING), each.verdict)
        for each in entries
    ]
    table = _table(("parameter", "share", "declared tier", "verdict"), rows)
    return f"<h2>What mattered</h2>{table}"


def _trials(report: Report) -> str:
    study, scales = report.study, scale_of(report.study.parameters)
    if not report.trials:
        return ""
    failed = any(trial.error for trial in report.trials)
    rows = []
    for trial in report.trials:
        kind = {"confirm": "again, new seed", **KIND_WORDS}.get(trial.kind, "")
        values = [
            number(trial.params[name], scales[name]) if name in trial.params else ""
            for name in scales
        ]
        error = last_line(trial.error)
        error = error if len(error) <= ERROR else error[:ERROR] + "…"
        row = [str(trial.number), number(trial.value), trial.state, str(trial.round), kind]
        rows.append([*row, *values, duration(trial.seconds), *([error] if failed else [])])
    names = ("trial", study.metric, "state", "round", "kind", *scales, "time")
    head = [*names, *(["error"] if failed else [])]
    caption = ""
    if report.of > len(report.trials):
        caption = f"The best {len(report.trials):,} of {report.of:,} trials."
    long = (len(head) - 1,) if failed else ()
    return f"<h2>Trials</h2>{_table(head, rows, caption=caption, long=long)}"


def _notes(study: StudyView) -> str:
    if not study.notes:
        return ""
    lines = "".join(
        f"<li{WARNS if note.warning else ''}>{escape(note.text)}</li>" for note in study.notes
    )
    return f"<h2>Known before</h2><ul>{lines}</ul>"


def _footer(report: Report, now_s: float) -> str:
    study, mlflow = report.study, report.study.mlflow
    facts: Mapping[str, str] = {
        "study": study.id,
        "experiment in MLflow": study.project,
        "run in MLflow": mlflow.run_id or "",
        "created": _when(study.created),
        "ended": "" if study.ended is None else _when(study.ended),
        "this report": _when(now_s),
        "Caviar": f"{report.service} (service), {__version__} (this report)",
    }
    said = " · ".join(f"{escape(name)}: {escape(value)}" for name, value in facts.items() if value)
    return f"<footer>{said}</footer>"


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))


def _table(
    head: Iterable[str],
    rows: Iterable[Sequence[str]],
    off: Iterable[int] = (),
    caption: str = "",
    long: Iterable[int] = (),
) -> str:
    """Cells are text. ``off``: rows that count no more; ``long``: columns that need room."""
    struck, roomy = set(off), set(long)
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    body = []
    for index, row in enumerate(rows):
        cells = "".join(
            f"<td{ROOMY if place in roomy else ''}>{escape(cell)}</td>"
            for place, cell in enumerate(row)
        )
        body.append(f"<tr{STRUCK if index in struck else ''}>{cells}</tr>")
    told = f"<caption>{escape(caption)}</caption>" if caption else ""
    return (
        f'<div class="wide"><table>{told}<thead><tr>{top}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )
