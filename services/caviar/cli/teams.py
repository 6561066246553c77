"""What the commands of teams, tokens, sharing and the audit log do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

import click
from pydantic import BaseModel, ValidationError

from caviar.cli.reading import console, print_json
from caviar.cli.views import teams as views
from caviar.cli.views.parts import clean
from caviar.client.administration import Administration
from caviar.client.connection import find_service
from caviar.contract.access import AuditEntry, NewTeam, NewToken, Quota, TeamEdit
from caviar.contract.queue import StudyEdit
from caviar.errors import InputError, Problem

T = TypeVar("T", bound=BaseModel)

SHOWN = 50
PAGE = 1000
_SIZES = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def list_teams(as_json: bool) -> int:
    with Administration(find_service()) as client:
        found = client.teams()
    if as_json:
        print_json(found)
    else:
        console().print(views.teams_table(found))
    return 0


def add_team(name: str, weight: float, quotas: Sequence[str], as_json: bool) -> int:
    values = {"name": name, "weight": weight, "quota": changed_quota(Quota(), quotas)}
    with Administration(find_service()) as client:
        team = client.add_team(_made(NewTeam, values))
    if as_json:
        print_json(team)
    else:
        console().print(views.teams_table([team]))
        click.echo(f"`caviar token create NAME --team {team.name} --role admin` lets somebody in.")
    return 0


def edit_team(name: str, weight: float | None, quotas: Sequence[str], as_json: bool) -> int:
    """Lines of the quota that are not named stay."""
    if weight is None and not quotas:
        raise InputError(Problem((), "nothing to change", "--weight or --quota says what."))
    with Administration(find_service()) as client:
        quota = None
        if quotas:
            there = [team.quota for team in client.teams() if team.name == name]
            quota = changed_quota(there[0] if there else Quota(), quotas)
        team = client.edit_team(name, _made(TeamEdit, {"weight": weight, "quota": quota}))
    if as_json:
        print_json(team)
    else:
        console().print(views.teams_table([team]))
    return 0


def create_token(name: str, role: str, team: str | None, days: float | None, as_json: bool) -> int:
    """The token alone on standard output, so that TOKEN=$(caviar token create ...) has it and nothing else."""
    new = _made(NewToken, {"name": name, "role": role, "team": team, "days": days})
    with Administration(find_service()) as client:
        issued = client.create_token(new)
    if as_json:
        print_json(issued)
        return 0
    console(stderr=True).print(views.token_line(issued))
    click.echo("It is shown this once. Who is given it sets CAVIAR_TOKEN to it.", err=True)
    click.echo(issued.token)
    return 0


def list_tokens(as_json: bool) -> int:
    with Administration(find_service()) as client:
        found = client.tokens()
    if as_json:
        print_json(found)
    else:
        console().print(views.tokens_table(found))
    return 0


def revoke_token(token_id: str, as_json: bool) -> int:
    if not re.fullmatch(r"[0-9a-f]{12}", token_id):
        way_out = "`caviar token list` shows it: 12 characters. The token itself belongs nowhere."
        raise InputError(Problem((), "this is no token's id", way_out))
    with Administration(find_service()) as client:
        token = client.revoke_token(token_id)
    if as_json:
        print_json(token)
    else:
        click.echo(f"The token {token.id} of {clean(token.name)} counts no more.")
    return 0


def show_audit(
    words: Mapping[str, str | None],
    since: datetime | None,
    until: datetime | None,
    limit: int | None,
    as_json: bool,
) -> int:
    query: dict[str, int | str] = {name: word for name, word in words.items() if word is not None}
    for name, moment in (("since", since), ("until", until)):
        if moment is not None:
            query[name] = str(moment.astimezone().timestamp())
    with Administration(find_service()) as client:
        if as_json and limit is None:
            for entry in _all(client, query):
                click.echo(entry.model_dump_json())
            return 0
        newest = client.audit(query | {"newest": "true", "limit": min(limit or SHOWN, PAGE)})
    if as_json:
        for entry in reversed(newest):
            click.echo(entry.model_dump_json())
    else:
        console().print(views.audit_table(newest[::-1]))
    return 0


def _all(client: Administration, query: Mapping[str, int | str]) -> Iterator[AuditEntry]:
    """Every line, the oldest first; what is written meanwhile too."""
    after = 0
    while page := client.audit({**query, "after": after, "limit": PAGE}):
        yield from page
        after = page[-1].id


def share(given: str, shared: bool, as_json: bool) -> int:
    with Administration(find_service()) as client:
        study = client.edit_study(client.resolve(given), StudyEdit(shared=shared))
    if as_json:
        print_json(study)
        return 0
    name = f"{clean(study.name)} ({study.id})"
    click.echo(
        f"Every team may look at {name} now." if shared else f"Only its team sees {name} now."
    )
    return 0


def whoami(as_json: bool) -> int:
    with Administration(find_service()) as client:
        found = client.whoami()
    if as_json:
        print_json(found)
        return 0
    where = f"in the team {found.team}" if found.team else "in every team"
    click.echo(f"{clean(found.name)}, {found.role} {where} (token {found.token})")
    return 0


def changed_quota(quota: Quota, words: Sequence[str]) -> Quota:
    """The quota with lines as ``slots=8`` or ``storage=20GB`` set, ``slots=none`` taken out. Raises InputError."""
    values: dict[str, object] = quota.model_dump()
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name not in Quota.model_fields:
            known = ", ".join(Quota.model_fields)
            raise InputError(
                Problem(("--quota",), f"{word!r} is none of {known} with a value", "slots=8, say.")
            )
        values[name] = None if value == "none" else _size(value) if name == "storage" else value
    return _made(Quota, values)


def _size(text: str) -> object:
    found = re.fullmatch(r"([0-9.]+) ?([KMGT]B)?", text)
    try:
        return round(float(found[1]) * _SIZES[found[2] or ""]) if found else text
    except ValueError:
        return text


def _made(kind: type[T], values: Mapping[str, object]) -> T:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise InputError(
            [
                Problem(tuple(map(str, each["loc"])), each["msg"])
                for each in error.errors(include_url=False, include_input=False)
            ]
        ) from None
