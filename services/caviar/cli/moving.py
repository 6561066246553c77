"""``caviar import`` and ``caviar export``: from and to other tools."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from caviar.cli.reading import console, print_json
from caviar.cli.report import write_figures, write_report
from caviar.cli.views.parts import clean
from caviar.client.connection import PAGE, Client, find_service
from caviar.contract.numbers import count
from caviar.contract.views import StudyView, TrialView
from caviar.errors import InputError, Problem
from caviar.moving.columns import table_of
from caviar.moving.extras import optuna_package, parquet_package
from caviar.moving.files import write_csv, write_parquet
from caviar.moving.importing import read_moved
from caviar.moving.optuna_out import not_kept, storage_file, write_optuna
from caviar.moving.report import summary, table


def import_study(
    where: str, kind: str | None, study: str | None, out: Path | None, as_json: bool
) -> int:
    """Print the study, or write it to ``out``, and the report."""
    if out is not None and out.exists():
        raise InputError(_there(out))
    moved = read_moved(where, kind, study)
    if out is not None:
        _write(out, moved.text)
    if as_json:
        print_json(
            {
                "study": moved.text,
                "file": None if out is None else str(out),
                "source": moved.source,
                "report": [
                    {"place": line.place, "fate": line.fate, "said": line.said}
                    for line in moved.lines
                ],
                "counts": moved.counts,
                "warnings": list(moved.warnings),
            }
        )
        return 0
    if out is None:
        click.echo(moved.text, nl=False)
    for line in [*table(moved.lines), *(f"warning: {warning}" for warning in moved.warnings)]:
        click.echo(clean(line), err=out is None)
    written = "" if out is None else f" {out} is written."
    click.echo(f"{moved.source}: {summary(moved.counts)}.{written}", err=out is None)
    return 0


def _there(out: Path) -> Problem:
    return Problem((str(out),), "it is there already", "Choose another name, or remove it.")


def _write(out: Path, text: str) -> None:
    """A new file, whole or not at all."""
    try:
        with out.open("x", encoding="utf-8") as stream:
            try:
                stream.write(text)
                stream.flush()
            except OSError:
                out.unlink()
                raise
    except FileExistsError:
        raise InputError(_there(out)) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(Problem((str(out),), f"it cannot be written: {reason}")) from None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What ``caviar export`` writes."""

    csv: Path | None
    parquet: Path | None
    optuna: str | None
    html: str | None
    """Empty: a file of the study's name."""
    figures: Path | None


def export_study(given: str, wanted: Wanted, as_json: bool) -> int:
    """Write the trials of a study into each of the files that are named, its figures and its report."""
    csv, parquet, optuna = wanted.csv, wanted.parquet, wanted.optuna
    storage = None if optuna is None else storage_file(optuna)
    if parquet is not None:
        parquet_package()
    if storage is not None:
        optuna_package()
    files = [file for file in (csv, parquet, storage) if file is not None]
    if not files and wanted.html is None and wanted.figures is None:
        way_out = "Give --csv, --parquet, --optuna, --html or --figures."
        raise InputError(Problem((), "nothing says where to", way_out))
    if len({file.absolute() for file in files}) < len(files):
        raise InputError(Problem((str(files[0]),), "this file is given twice"))
    with Client(find_service()) as client:
        study = client.study(client.resolve(given))
        written, number = list[str](), sum(study.counts.values())
        if files:
            with table_of(study, _pages(client, study)) as trials:
                if csv is not None:
                    write_csv(trials, csv)
                if parquet is not None:
                    write_parquet(trials, parquet)
                if storage is not None:
                    write_optuna(study, trials.trials(), storage)
                number = trials.count
            written.append(f"{number:,} trials in {', '.join(map(str, files))}")
        if wanted.html is not None:
            page = Path(wanted.html or f"{_file_name(study.name)}.html")
            write_report(client, study, page)
            files.append(page)
            written.append(f"a report in {page}")
        if wanted.figures is not None:
            drawn = write_figures(client, study, wanted.figures)
            files += drawn
            written.append(f"{count(len(drawn), 'figure file')} in {wanted.figures}")
    lost = not_kept(study) if storage is not None else []
    if as_json:
        print_json(
            {
                "study": study.id,
                "trials": number,
                "files": [str(file) for file in files],
                "not_kept": lost,
            }
        )
        return 0
    for line in lost:
        click.echo(clean(line), err=True)
    click.echo(clean(f"{study.name} ({study.id}): {'; '.join(written)}"))
    return 0


def _file_name(name: str) -> str:
    """A study's name as a file's: letters, digits, dots and hyphens, and no path."""
    kept = re.sub(r"[^\w.-]+", "-", name).strip(".-")
    return kept or "study"


def _pages(client: Client, study: StudyView) -> Iterator[list[TrialView]]:
    """All trials in the order of their numbers, with the count on a terminal."""
    after = -1
    with console(stderr=True).status("Reading the trials") as status:
        while page := client.trials(study.id, after):
            yield page
            after = page[-1].number
            status.update(f"{after + 1:,} trials")
            if len(page) < PAGE:
                return
