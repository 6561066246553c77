"""The commands of teams, tokens, sharing and the audit log."""

from __future__ import annotations

from datetime import datetime

import click

from caviar.cli.options import json_option, study_argument

_quota = click.option(
    "--quota",
    "quotas",
    metavar="NAME=VALUE",
    multiple=True,
    help="slots, slot_hours, studies, trials or storage; none: no limit.",
)


@click.group()
def team() -> None:
    """List the teams, add one, or change its weight and quota."""


@team.command("list")
@json_option
def team_list(as_json: bool) -> int:
    """List the teams: your own, and all for an operator."""
    from caviar.cli import teams

    return teams.list_teams(as_json)


@team.command("add")
@click.argument("name", metavar="NAME")
@click.option(
    "--weight", type=float, default=1.0, metavar="W", help="Beside the others'. [default: 1]"
)
@_quota
@json_option
def team_add(name: str, weight: float, quotas: tuple[str, ...], as_json: bool) -> int:
    """Add a team (an operator's command)."""
    from caviar.cli import teams

    return teams.add_team(name, weight, quotas, as_json)


@team.command("edit")
@click.argument("name", metavar="NAME")
@click.option("--weight", type=float, metavar="W", help="Beside the others'.")
@_quota
@json_option
def team_edit(name: str, weight: float | None, quotas: tuple[str, ...], as_json: bool) -> int:
    """Change a team's weight, or lines of its quota (an operator's command)."""
    from caviar.cli import teams

    return teams.edit_team(name, weight, quotas, as_json)


@click.group()
def token() -> None:
    """Make, list and revoke tokens."""


@token.command("create")
@click.argument("name", metavar="NAME")
@click.option(
    "--role",
    type=click.Choice(["viewer", "submitter", "admin", "operator", "worker"]),
    default="submitter",
    help="What it may do. [default: submitter]",
)
@click.option("--team", "team_name", metavar="TEAM", help="Whose it is. [default: your own]")
@click.option(
    "--days", type=float, default=90.0, metavar="N", help="Until it expires. [default: 90]"
)
@click.option("--forever", is_flag=True, help="It does not expire.")
@json_option
def token_create(
    name: str, role: str, team_name: str | None, days: float, forever: bool, as_json: bool
) -> int:
    """Make a token for NAME, a person or a machine, and print it this once."""
    from caviar.cli import teams

    return teams.create_token(name, role, team_name, None if forever else days, as_json)


@token.command("list")
@json_option
def token_list(as_json: bool) -> int:
    """List the team's tokens, without their secrets."""
    from caviar.cli import teams

    return teams.list_tokens(as_json)


@token.command("revoke")
@click.argument("token_id", metavar="TOKEN_ID")
@json_option
def token_revoke(token_id: str, as_json: bool) -> int:
    """Revoke a token: it counts no more from this moment."""
    from caviar.cli import teams

    return teams.revoke_token(token_id, as_json)


@click.command()
@click.option("--limit", type=click.IntRange(1), metavar="N", help="The newest N. [default: 50]")
@click.option("--team", "team_name", metavar="TEAM", help="What was done to this team.")
@click.option("--actor", metavar="NAME", help="What this person or machine did.")
@click.option("--action", metavar="ACTION", help="For instance study.stop.")
@click.option("--target", metavar="ID", help="What was done to this study, token, team or host.")
@click.option("--since", type=click.DateTime(), help="From this local time on.")
@click.option("--until", type=click.DateTime(), help="Before this local time.")
@json_option
def audit(
    limit: int | None,
    team_name: str | None,
    actor: str | None,
    action: str | None,
    target: str | None,
    since: datetime | None,
    until: datetime | None,
    as_json: bool,
) -> int:
    """Show who changed what, when and from where; with --json all of it, a line each."""
    from caviar.cli import teams

    words = {"team": team_name, "actor": actor, "action": action, "target": target}
    return teams.show_audit(words, since, until, limit, as_json)


@click.command()
@study_argument
@click.option("--off", is_flag=True, help="Let only its own team look at it again.")
@json_option
def share(study: str, off: bool, as_json: bool) -> int:
    """Let every team look at a study. Only its own may change it."""
    from caviar.cli import teams

    return teams.share(study, not off, as_json)


@click.command()
@json_option
def whoami(as_json: bool) -> int:
    """Say who you are to the service: name, role and team."""
    from caviar.cli import teams

    return teams.whoami(as_json)


COMMANDS = (team, token, audit, share, whoami)
