"""The commands of what keeps a result fresh: `caviar recheck`, `caviar champion`, `caviar history`."""

from __future__ import annotations

from pathlib import Path

import click

from caviar.cli.options import json_option, study_argument

NEWEST = 0
"""What `--promote` and `--reject` mean without a number: champions count from 1."""

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)
_why = click.option("--why", default="", metavar="TEXT", help="The reason, kept with it.")


@click.command()
@study_argument
@click.option("--data", metavar="VERSION", help="The version of the data as it is now.")
@click.option("--data-file", type=_FILE, metavar="FILE", help="The same: the hash of this file.")
@click.option("--code", type=_FOLDER, metavar="DIR", help="Check with the code in this folder.")
@_why
@click.option("--wait", is_flag=True, help="Return with the verdict: 0 holds, 3 moved, 4 unclear.")
@click.option(
    "--policy", type=_FILE, metavar="STUDY.yaml", help="Check as this file says, from now on."
)
@click.option("--off", is_flag=True, help="Check no more by itself.")
@json_option
def recheck(
    study: str,
    data: str | None,
    data_file: Path | None,
    code: Path | None,
    why: str,
    wait: bool,
    policy: Path | None,
    off: bool,
    as_json: bool,
) -> int:
    """Ask whether a study's champion still holds: a few trainings tell.

    With --policy or --off: say when that is asked by itself.
    """
    from caviar.cli import rechecking

    if data is not None and data_file is not None:
        raise click.UsageError("--data and --data-file exclude each other.")
    if policy is not None or off:
        asks = data is not None or data_file is not None or code is not None or why or wait
        if asks or (policy is not None and off):
            raise click.UsageError("--policy, --off and asking for a check exclude each other.")
        return rechecking.set_policy(study, policy, as_json)
    return rechecking.recheck(study, data, data_file, code, why, wait, as_json)


@click.command()
@study_argument
@click.option(
    "--promote",
    is_flag=False,
    flag_value=NEWEST,
    type=click.IntRange(0),
    metavar="[N]",
    help="Make a champion of N. [default: the newest proposed one]",
)
@click.option(
    "--reject",
    is_flag=False,
    flag_value=NEWEST,
    type=click.IntRange(0),
    metavar="[N]",
    help="N becomes none. [default: the newest proposed one]",
)
@click.option("--rollback", is_flag=True, help="The champion before this one is it again.")
@_why
@json_option
def champion(
    study: str, promote: int | None, reject: int | None, rollback: bool, why: str, as_json: bool
) -> int:
    """Show what a study recommends, and what is proposed; or promote, reject, take back."""
    from caviar.cli import rechecking

    if (promote is not None) + (reject is not None) + rollback > 1:
        raise click.UsageError("--promote, --reject and --rollback exclude each other.")
    if promote is not None:
        return rechecking.promote(study, promote or None, why, as_json)
    if reject is not None:
        return rechecking.reject(study, reject or None, why, as_json)
    if rollback:
        return rechecking.rollback(study, why, as_json)
    if why:
        raise click.UsageError("--why belongs to --promote, --reject or --rollback.")
    return rechecking.champion(study, as_json)


@click.command()
@study_argument
@json_option
def history(study: str, as_json: bool) -> int:
    """Show a study's champions and checks over time: what held, what moved, and by how much."""
    from caviar.cli import rechecking

    return rechecking.history(study, as_json)


FRESH_COMMANDS = (recheck, champion, history)
