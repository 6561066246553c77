"""Commands that start something: `run`, `up` and `submit`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from caviar.cli import INTERRUPTED
from caviar.client.home import default_home, user_name
from caviar.contract.views import StudyView, Submission
from caviar.errors import CaviarError, InputError, Problem
from caviar.studies.source import MAX_BYTES, read_source
from caviar.studies.spec import Study, load_study, refuse_missing
from caviar.studies.trainer_check import check_trainer

if TYPE_CHECKING:
    from caviar import embedded
    from caviar.client.connection import Client

# The client and the views are imported in functions: `run` starts the service first, and the first trial sooner.

PLAIN = (
    "Warning: this is plain HTTP: whoever sees the network's traffic can read the tokens in it. Use it in a network "
    "that you trust, or put a proxy with TLS in front (docs/how-to/teams.md)."
)


def run_study(file: Path, workers: int | None, home: Path | None, as_json: bool) -> int:
    """Check the study, start a service unless one runs in ``home``, follow the study, print its result."""
    text, study = read_study(file)
    refuse_missing(study, text)
    from caviar import embedded

    said: list[str] = []

    def notice(line: str) -> None:
        said.append(line)
        click.secho(line, dim=True, err=as_json)

    home = default_home() if home is None else home
    stopping = f"Stopping. `caviar run {file}` goes on where it was."
    try:
        with embedded.service(home.absolute(), workers, notice, only_this_study=True) as service:
            if not service.owned:
                stopping = f"The study goes on in the service at {service.url}."
            try:
                ended = _followed(service, file, text, study, as_json, said)
            except KeyboardInterrupt:
                # Told before the service is taken down, which takes a moment.
                click.echo(stopping, err=True)
                return INTERRUPTED
    except KeyboardInterrupt:
        click.echo(stopping, err=True)
        return INTERRUPTED
    from caviar.cli.reading import console, print_json, width_of
    from caviar.cli.views.result import exit_code, result, result_object

    if as_json:
        print_json(result_object(ended, service.tracking_uri if service.owned else None))
    else:
        look = "`caviar up` starts it and prints its address" if service.owned else None
        screen = console()
        screen.print(result(ended, width_of(screen), look))
    return exit_code(ended)


def _followed(
    service: embedded.Service,
    file: Path,
    text: str,
    study: Study,
    as_json: bool,
    said: Sequence[str],
) -> StudyView:
    """Submit the study to ``service`` and follow it to its end. InputError where the trainer does not import.

    What is ``said`` while a picture has the whole screen is said again after it.
    """
    trainer = study.trainer.model_copy(update={"folder": str(_folder(file))})
    checked = _in_background(lambda: service.check_trainer(trainer))
    submission = submission_of(file, text, local=True)
    from caviar.client.connection import Address, Client

    with Client(Address(service.url, service.token)) as client:
        wrong = checked.result()
        if wrong:
            from caviar.cli.views.parts import clean

            place = ("trainer", "function")
            line = read_source(text).line(place)
            raise InputError(Problem(place, f"it does not import: {clean(wrong)}", line=line))
        submitted = client.submit(submission)
        from caviar.cli.follow import follow, is_live
        from caviar.cli.reading import console
        from caviar.cli.views.progress import started_line
        from caviar.cli.watching import follow_by_hand

        click.secho(
            started_line(client.study(submitted.id), submitted.resumed), dim=True, err=as_json
        )
        follows = follow_by_hand if study.mode == "panda" else follow
        screen, before = console(stderr=as_json), len(said)
        try:
            return follows(client, submitted.id, screen)
        finally:
            if is_live(screen):
                for told in said[before:]:
                    click.secho(told, dim=True, err=as_json)


def _in_background(work: Callable[[], str | None]) -> Future[str | None]:
    """Run ``work`` in a thread that does not keep the program from ending."""
    future: Future[str | None] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def stay_up(workers: int | None, home: Path | None, bind: str | None) -> int:
    """Keep the embedded service until Ctrl-C or SIGTERM, which the service turns into the same."""
    from caviar import embedded

    home = default_home() if home is None else home
    try:
        with embedded.service(
            home.absolute(), workers, click.echo, only_this_study=False, bind=bind
        ) as service:
            if not service.owned:
                click.echo(f"A service already runs in {home}: {service.url}")
                return 0
            click.echo(f"Service  {service.url}")
            if service.elsewhere:
                click.echo(f"         {service.elsewhere} from other machines, for who has a token")
            click.echo("Pages    `caviar open` in another terminal opens them in a browser")
            click.echo(f"MLflow   {service.mlflow_url}")
            click.echo(f"Home     {home}")
            if service.elsewhere:
                click.secho(PLAIN, fg="yellow", err=True)
            click.echo("`caviar submit STUDY.yaml` in another terminal adds a study. Ctrl-C stops.")
            try:
                threading.Event().wait()
            except KeyboardInterrupt:
                click.echo("Stopping. Unfinished studies go on at the next `caviar up`.", err=True)
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def submit_study(file: Path, folder: Path | None, team: str | None, as_json: bool) -> int:
    """Submit the study, with the code in ``folder`` where one is given."""
    from caviar.cli.reading import print_json
    from caviar.cli.views.parts import clean
    from caviar.cli.views.progress import started_line
    from caviar.client.connection import Client, find_service
    from caviar.studies.code_folder import read_code

    text, study_asked = load_file(file)
    code = None
    if folder is not None:
        _need_code(study_asked, text)
        check_code(study_asked, text, folder)
        code = read_code(folder)
        if code.left_out:
            names = clean(", ".join(code.left_out[:10]))
            click.echo(f"warning: left out, for they look like secrets: {names}", err=True)
    with Client(find_service()) as client:
        if code is None and client.local:
            check_code(study_asked, text, _folder(file))
        submission = submission_of(file, text, local=client.local and code is None)
        submission = submission.model_copy(update={"team": team})
        if code is not None:
            client.bring(code.digest, code.data, team)
            submission = submission.model_copy(update={"bundle": code.digest})
        submitted = client.submit(submission)
        study = client.study(submitted.id)
        known = "" if as_json else _quote_line(client, submission)
    if as_json:
        print_json(submitted)
        return 0
    for warning in submitted.warnings:
        click.echo(f"warning: {clean(warning)}", err=True)
    click.echo(started_line(study, submitted.resumed))
    if known:
        click.echo(known)
    click.echo(f"`caviar watch {submitted.id}` follows it.")
    return 0


def _quote_line(client: Client, submission: Submission) -> str:
    """Empty where nothing is known. The study is submitted: nothing fails any more."""
    from caviar.cli.views.queue import quote_line

    try:
        return quote_line(client.quote(submission))
    except CaviarError:
        return ""


def read_study(file: Path) -> tuple[str, Study]:
    """The file's text and what it says, its trainer beside it; raises InputError before anything has started."""
    text, study = load_file(file)
    check_code(study, text, _folder(file))
    return text, study


def load_file(file: Path) -> tuple[str, Study]:
    """The file's text and what it says. Raises InputError."""
    try:
        if file.stat().st_size > MAX_BYTES:
            raise InputError(Problem((str(file),), f"larger than {MAX_BYTES // 1024} KB"))
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(Problem((str(file),), "there is no such file")) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(Problem((str(file),), f"it cannot be read: {reason}")) from None
    except UnicodeDecodeError:
        raise InputError(Problem((str(file),), "it is not UTF-8 text")) from None
    return text, load_study(text, str(file))


def check_code(study: Study, text: str, folder: Path) -> None:
    """Raises InputError where the study's function is not in ``folder``, nor in an installed package."""
    wrong = check_trainer(study.trainer, folder)
    if wrong is not None:
        raise InputError(replace(wrong, line=read_source(text).line(wrong.path)))


def _need_code(study: Study, text: str) -> None:
    if study.trainer.name is not None:
        place = ("trainer", "name")
        reason = "a trainer that is installed on the workers takes no --code"
        way_out = "Name a function or a command, or leave --code out."
        raise InputError(Problem(place, reason, way_out, read_source(text).line(place)))


def _folder(file: Path) -> Path:
    return file.absolute().parent


def submission_of(file: Path, text: str, local: bool) -> Submission:
    folder = _folder(file)
    from caviar.studies.code_folder import version_of

    return Submission(
        text=text,
        filename=file.name,
        folder=str(folder) if local else None,
        code_version=version_of(folder),
        user=user_name(),
    )
