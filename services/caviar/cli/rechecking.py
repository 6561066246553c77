"""`caviar recheck`, `caviar champion` and `caviar history`."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path

import click

from caviar.cli.reading import console, print_json, width_of
from caviar.cli.running import load_file
from caviar.cli.views.parts import clean, scale_of
from caviar.cli.views.recheck import (
    champion_line,
    champion_view,
    check_line,
    history_view,
    policy_line,
    verdict_line,
)
from caviar.client.babysitting import request_of
from caviar.client.connection import Client, find_service
from caviar.client.study import ended_check
from caviar.contract.numbers import count, percent
from caviar.contract.recheck import (
    ChampionView,
    CheckView,
    DecideRequest,
    RecheckRequest,
    RollbackChampion,
    Word,
)
from caviar.contract.views import StudyView
from caviar.errors import InputError, Problem
from caviar.studies.code_folder import read_code, version_of

EXIT_CODES: dict[Word, int] = {"holds": 0, "moved": 3, "inconclusive": 4}
PIECE = 1024 * 1024
TELL_S = 1.0
"""Hashing tells how far it is this often; a file that takes less is not told of."""


def recheck(
    given: str,
    data: str | None,
    data_file: Path | None,
    code: Path | None,
    why: str,
    wait: bool,
    as_json: bool,
) -> int:
    version = data if data_file is None else hash_of(data_file, _tell)
    bundle = None if code is None else read_code(code)
    if bundle is not None and bundle.left_out:
        names = clean(", ".join(bundle.left_out[:10]))
        click.echo(f"warning: left out, for they look like secrets: {names}", err=True)
    asked = request_of(
        RecheckRequest,
        data_version=version,
        code_version=None if code is None else version_of(code),
        bundle=None if bundle is None else bundle.digest,
        why=why,
    )
    with Client(find_service()) as client:
        study = client.study(client.resolve(given))
        if bundle is not None:
            client.bring(bundle.digest, bundle.data, study.team)
        check = client.ask_recheck(study.id, asked)
        if wait:
            check = _followed(client, study, check)
        champions = client.recheck(study.id).champions if wait and not as_json else []
    if as_json:
        print_json(check)
        return _exit_code(check) if wait else 0
    if not wait:
        click.echo(check_line(study, check))
        click.echo(f"`caviar history {study.id}` tells its verdict.")
        return 0
    checked = next((each for each in champions if each.number == check.champion), None)
    click.echo(verdict_line(check, checked, study.goal, scale_of(study.parameters)))
    if check.verdict is not None and check.verdict.word == "moved" and check.retuned is not None:
        click.echo(f"Study {clean(check.retuned)} tunes again: `caviar watch {check.retuned}`.")
    return _exit_code(check)


def set_policy(given: str, file: Path | None, as_json: bool) -> int:
    policy = None
    if file is not None:
        _, asked = load_file(file)
        policy = asked.recheck
        if policy is None:
            way_out = "For instance `recheck: {every: 7 days}`; --off takes a policy away."
            raise InputError(Problem((str(file), "recheck"), "there is no such section", way_out))
    with Client(find_service()) as client:
        study = client.study(client.resolve(given))
        found = client.set_recheck_policy(study.id, policy)
    if as_json:
        print_json(found)
    else:
        click.echo(policy_line(found))
    return 0


def champion(given: str, as_json: bool) -> int:
    with Client(find_service()) as client:
        study = client.study(client.resolve(given))
        found = client.recheck(study.id)
    if as_json:
        shown = [each for each in found.champions if each.state in ("champion", "proposed")]
        print_json({each: _first(shown, each) for each in ("champion", "proposed")})
    else:
        console().print(champion_view(study, found))
    return 0


def promote(given: str, number: int | None, why: str, as_json: bool) -> int:
    asked = request_of(DecideRequest, number=number, why=why)
    return _decided(given, lambda client, study: client.promote(study, asked), as_json)


def reject(given: str, number: int | None, why: str, as_json: bool) -> int:
    asked = request_of(DecideRequest, number=number, why=why)
    return _decided(given, lambda client, study: client.reject(study, asked), as_json)


def rollback(given: str, why: str, as_json: bool) -> int:
    asked = request_of(RollbackChampion, why=why)
    return _decided(given, lambda client, study: client.rollback_champion(study, asked), as_json)


def history(given: str, as_json: bool) -> int:
    with Client(find_service()) as client:
        study = client.study(client.resolve(given))
        found = client.recheck(study.id)
    if as_json:
        print_json(found)
    else:
        screen = console()
        screen.print(history_view(study, found, width_of(screen)))
    return 0


def hash_of(file: Path, tell: Callable[[str], None]) -> str:
    """``sha256:`` and the hash of what is in ``file``, as the service writes it. Raises InputError."""
    found = hashlib.sha256()
    try:
        with file.open("rb") as stream:
            size, read, told = file.stat().st_size, 0, time.monotonic()
            while piece := stream.read(PIECE):
                found.update(piece)
                read += len(piece)
                if time.monotonic() - told > TELL_S:
                    told = time.monotonic()
                    share = f", {percent(read / size)}" if size else ""
                    tell(f"hashing {file}: {read / 1e9:.1f} GB{share}")
    except FileNotFoundError:
        raise InputError(Problem(("--data-file",), f"there is no file {file}")) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(Problem(("--data-file",), f"{file} cannot be read: {reason}")) from None
    return f"sha256:{found.hexdigest()}"


def _tell(line: str) -> None:
    click.secho(clean(line), dim=True, err=True)


def _followed(client: Client, study: StudyView, check: CheckView) -> CheckView:
    """Until it has ended; each change of what is known is a line on standard error. Ctrl-C leaves it to go on."""
    patient, said = client.patient(_tell), ""

    def look(check: CheckView) -> None:
        nonlocal said
        line = check_line(study, check)
        if check.state == "running" and check.study is not None:
            trained = patient.study(check.study).counts.get("done", 0)
            line += f", {count(trained, 'training')} so far"
        if line != said:
            said = line
            _tell(line)

    try:
        return ended_check(patient, study.id, check.number, look)
    except KeyboardInterrupt:
        click.echo(f"The check goes on. `caviar history {study.id}` tells its verdict.", err=True)
        raise


def _exit_code(check: CheckView) -> int:
    """1 where a check ended without a verdict."""
    return 1 if check.verdict is None else EXIT_CODES[check.verdict.word]


def _decided(given: str, decide: Callable[[Client, str], ChampionView], as_json: bool) -> int:
    with Client(find_service()) as client:
        study = client.study(client.resolve(given))
        decided = decide(client, study.id)
    if as_json:
        print_json(decided)
    else:
        click.echo(champion_line(study, decided))
    return 0


def _first(champions: list[ChampionView], state: str) -> ChampionView | None:
    """The newest of that state."""
    return next((each for each in reversed(champions) if each.state == state), None)
