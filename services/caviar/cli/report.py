"""``caviar export --html`` and ``--figures``: what a person mails, prints or puts into a paper."""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from caviar.cli.reading import console
from caviar.cli.views.page import TRIALS, Report, page
from caviar.client.connection import PAGE, Client
from caviar.client.figures import Figures, figure_html
from caviar.contract.views import StudyView, TrialView
from caviar.errors import InputError, Problem


def write_report(client: Client, study: StudyView, file: Path) -> None:
    """One file of HTML, whole or not at all; one that is there is replaced."""
    with console(stderr=True).status("Drawing the figures"):
        figures = Figures(client, study.id)
        drawn = "".join(figure_html(each) for each in figures if not each.empty)
    trials, of = best_trials(study, each_trial(client, study))
    report = Report(
        study=study,
        rounds=client.rounds(study.id),
        trials=trials,
        of=of,
        figures=drawn,
        file=client.study_file(study.id),
        service=client.read("/health", dict[str, str]).get("version", "unknown"),
    )
    text = page(report, time.time())
    partial = file.with_name(f".{file.name}.part")
    try:
        partial.write_text(text, encoding="utf-8", errors="replace")
        partial.replace(file)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        reason = error.strerror or str(error)
        raise InputError(Problem((str(file),), f"it cannot be written: {reason}")) from None


def write_figures(client: Client, study: StudyView, folder: Path) -> list[Path]:
    """An SVG and a PNG of each figure that shows something."""
    with console(stderr=True).status("Drawing the figures"):
        return Figures(client, study.id).save(folder)


def each_trial(client: Client, study: StudyView) -> Iterator[TrialView]:
    """By number."""
    after = -1
    while found := client.trials(study.id, after):
        yield from found
        after = found[-1].number
        if len(found) < PAGE:
            return


def best_trials(study: StudyView, trials: Iterable[TrialView]) -> tuple[list[TrialView], int]:
    """All by number where they are few enough, else the best, best first; and how many there are."""
    sign = -1.0 if study.goal == "maximize" else 1.0
    few: list[TrialView] | None = []
    kept: list[tuple[tuple[bool, float, float], int, TrialView]] = []
    of = 0
    for trial in trials:
        of += 1
        if few is not None:
            few.append(trial)
            if len(few) > TRIALS:
                few = None
        whole = trial.state == "done" and trial.value is not None
        value = sign * (trial.value or 0.0)
        # The heap's first is the worst: what is better is greater.
        key = (whole, -trial.violation, -value)
        entry = (key, -trial.number, trial)
        if len(kept) < TRIALS:
            heapq.heappush(kept, entry)
        else:
            heapq.heappushpop(kept, entry)
    if few is not None:
        return few, of
    return [trial for _, _, trial in sorted(kept, key=lambda each: each[:2], reverse=True)], of
