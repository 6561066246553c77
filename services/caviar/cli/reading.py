"""Commands that look at, or change the state of, what a service already has."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Any, Literal

import click
from pydantic import BaseModel, TypeAdapter
from rich.console import Console, RenderableType
from rich.text import Text

from caviar.cli.follow import course_of
from caviar.cli.views import tables
from caviar.cli.views.ledger import MOST, round_view, rounds_view
from caviar.cli.views.parts import clean, stacked
from caviar.cli.views.progress import best_chart, progress, round_line
from caviar.cli.views.result import importance_bars, result
from caviar.client.connection import Client, find_service
from caviar.client.home import user_name
from caviar.client.study import ENDED
from caviar.contract.views import Branch, RoundView, TrustedHost, Undo
from caviar.errors import InputError, Problem

UNCUT = 100_000
PAGE = 100
"""Characters of a line."""

Answer = BaseModel | Sequence[BaseModel]


class Plain(Console):
    """For files and pipes: a line is neither cut nor wrapped, and not filled up with spaces."""

    def print(self, *objects: Any, **options: Any) -> None:
        with self.capture() as captured:
            super().print(*objects, **options)
        for line in captured.get().splitlines():
            self.file.write(f"{line.rstrip()}\n")
        self.file.flush()


def console(stderr: bool = False) -> Console:
    screen = Console(stderr=stderr, highlight=False)
    return screen if screen.is_terminal else Plain(stderr=stderr, highlight=False, width=UNCUT)


def width_of(console: Console) -> int:
    """For pictures, in characters. That of a page where there is no terminal, or what COLUMNS says."""
    if isinstance(console, Plain):
        return shutil.get_terminal_size((PAGE, 0)).columns
    return console.width


def print_json(value: object) -> None:
    """One line, so that a program can read the last line."""
    click.echo(TypeAdapter(object).dump_json(value).decode())


def _print(as_json: bool, answer: Answer | None, picture: RenderableType) -> int:
    if as_json:
        print_json(answer)
    else:
        console().print(picture)
    return 0


def studies(limit: int, as_json: bool) -> int:
    with Client(find_service()) as client:
        rows = sorted(client.studies(limit), key=lambda row: -row.created)
    return _print(as_json, rows, tables.studies_table(rows, limit))


def show(given: str, as_json: bool) -> int:
    with Client(find_service()) as client:
        study = client.study(client.resolve(given))
        if as_json:
            print_json(study)
            return 0
        course = course_of(client, study.id)
    width = width_of(console())
    if study.state in ENDED:
        return _print(as_json, study, result(study, width, course=course))
    picture = stacked(
        progress(study, width),
        Text(),
        *best_chart(course, width),
        *importance_bars(study, width),
    )
    return _print(as_json, study, picture)


def best(given: str, as_json: bool) -> int:
    with Client(find_service()) as client:
        study = client.study(client.resolve(given))
    return _print(as_json, study.best, tables.best_view(study))


def rounds(given: str, number: int | None, as_json: bool) -> int:
    with Client(find_service()) as client:
        study = client.study(client.resolve(given))
        ledger: list[RoundView] = client.rounds(study.id)
    if number is not None:
        one = next((each for each in ledger if each.round == number), None)
        if one is None:
            last = f"The newest is {ledger[-1].round}." if ledger else "There is none yet."
            raise InputError(Problem(("--round",), f"there is no round {number}", last))
        return _print(as_json, one, round_view(study, one))
    screen = console()
    most = len(ledger) if isinstance(screen, Plain) else MOST
    return _print(as_json, ledger, rounds_view(study, ledger, width_of(screen), most))


def undo_round(given: str, number: int, as_json: bool) -> int:
    with Client(find_service()) as client:
        new = client.undo(client.resolve(given), number, Undo(user=user_name()))
    return _print(as_json, new, Text(round_line(new)))


def branch_off(given: str, number: int, name: str | None, as_json: bool) -> int:
    with Client(find_service()) as client:
        origin = client.resolve(given)
        submitted = client.branch(origin, number, Branch(name=name, user=user_name()))
        study = client.study(submitted.id)
    line = f"{clean(study.name)} ({study.id}) started from round {number} of {origin}."
    return _print(as_json, submitted, Text(line))


def stop_trial(given: str, as_json: bool) -> int:
    name, number = trial_name(given)
    with Client(find_service()) as client:
        stopped = client.stop_trial(client.resolve(name), number)
    said = "is cancelled" if stopped.state == "cancelled" else "is asked to stop"
    return _print(as_json, stopped, Text(f"Trial {number} of {clean(name)} {said}."))


def trial_name(given: str) -> tuple[str, int]:
    """The study and the number in ``digits-mlp/17``."""
    name, slash, number = given.rpartition("/")
    if not slash or not (number.isascii() and number.isdecimal()):
        raise InputError(
            Problem(("STUDY/NUMBER",), f"{given!r} names no trial", "For instance digits-mlp/17.")
        )
    return name, int(number)


def change(what: Literal["pause", "resume", "stop"], given: str, as_json: bool) -> int:
    with Client(find_service()) as client:
        study_id = client.resolve(given)
        match what:
            case "pause":
                study = client.pause(study_id)
            case "resume":
                study = client.resume(study_id)
            case "stop":
                study = client.stop(study_id)
    return _print(as_json, study, f"{clean(study.name)} ({study.id}) is {study.state}.")


def workers(as_json: bool) -> int:
    with Client(find_service()) as client:
        known = client.workers()
    return _print(as_json, known, tables.workers_table(known))


def trust(host: str, as_json: bool) -> int:
    with Client(find_service()) as client:
        known = client.trust(TrustedHost(host=host))
    return _print(as_json, known, Text(f"{clean(host)} gets work again."))
