"""The commands of those who babysit a training: those under `caviar trial`, and `caviar nurse`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from caviar.cli.options import json_option, study_argument, training_argument

_why = click.option(
    "--why", default="", metavar="TEXT", help="The reason, kept with the change and in MLflow."
)
_wait = click.option(
    "--wait/--no-wait", default=True, help="Return when the training has answered. [default]"
)


_one = click.argument("given", metavar="STUDY/NUMBER")


@click.command("show")
@training_argument
@json_option
def show(given: str, as_json: bool) -> int:
    """Show one trial, with what was done to it, its error and last output."""
    from caviar.cli import babysitting

    return babysitting.show(given, as_json)


@click.command("set")
@training_argument
@click.argument("values", metavar="NAME=VALUE...", nargs=-1, required=True)
@_why
@_wait
@json_option
def set_(given: str, values: tuple[str, ...], why: str, wait: bool, as_json: bool) -> int:
    """Change parameters of a running trial; the training takes them after its next report.

    For parameters that its training reads as it goes: trial.live("learning_rate").
    """
    from caviar.cli import babysitting

    return babysitting.set_values(given, values, why, wait, as_json)


@click.command("rollback")
@training_argument
@click.option(
    "--to-step",
    type=click.IntRange(0),
    required=True,
    metavar="N",
    help="The newest checkpoint at or before it.",
)
@click.argument("values", metavar="[NAME=VALUE...]", nargs=-1)
@_why
@_wait
@json_option
def rollback(
    given: str, to_step: int, values: tuple[str, ...], why: str, wait: bool, as_json: bool
) -> int:
    """Go back to a checkpoint and the values of that moment, but for those that are given.

    It goes on as another trial from there. What is left behind stays, marked as abandoned.
    """
    from caviar.cli import babysitting

    return babysitting.rollback(given, to_step, values, why, wait, as_json)


@click.command("fork")
@training_argument
@click.option(
    "--set",
    "values",
    multiple=True,
    metavar="NAME=VALUE",
    help="A value that is other in the copy; may be given several times.",
)
@click.option(
    "--at-step",
    type=click.IntRange(0),
    metavar="N",
    help="The newest checkpoint at or before it. [default: the newest]",
)
@click.option(
    "--steps", type=click.IntRange(1), metavar="N", help="After so many steps the two are compared."
)
@click.option("--in-place", is_flag=True, help="The original ends: where there is one slot.")
@click.option(
    "--keep",
    type=click.Choice(["ask", "better"]),
    default="ask",
    help="Once compared: both go on until `trial keep`, or the better one. [default: ask]",
)
@_why
@_wait
@json_option
def fork(
    given: str,
    values: tuple[str, ...],
    at_step: int | None,
    steps: int | None,
    in_place: bool,
    keep: Any,
    why: str,
    wait: bool,
    as_json: bool,
) -> int:
    """Train a copy from a checkpoint with other values, beside the trial or in its place."""
    from caviar.cli import babysitting

    if keep == "better" and steps is None:
        raise click.UsageError("--keep better compares the two after --steps N.")
    return babysitting.fork(given, values, at_step, steps, in_place, keep, why, wait, as_json)


@click.command("spread")
@training_argument
@click.option(
    "--children",
    type=click.IntRange(1, 32),
    required=True,
    metavar="N",
    help="So many copies.",
)
@_why
@_wait
@json_option
def spread(given: str, children: int, why: str, wait: bool, as_json: bool) -> int:
    """Train N copies from the newest checkpoint, each with live numbers a little different."""
    from caviar.cli import babysitting

    return babysitting.spread(given, children, why, wait, as_json)


@click.command("keep")
@_one
@json_option
def keep(given: str, as_json: bool) -> int:
    """Of a trial, its forks and theirs, keep this one: the others end."""
    from caviar.cli import babysitting

    return babysitting.keep(given, as_json)


@click.command("panda")
@_one
@click.option(
    "--name", help="The new study's name. [default: the study's with the trial, digits-t17 say]"
)
@json_option
def panda(given: str, name: str | None, as_json: bool) -> int:
    """Go on by hand with a trial that has ended, as a study of its own.

    From its last checkpoint where that was kept (`checkpoints: {after: keep}`), else from its start.
    """
    from caviar.cli import babysitting

    return babysitting.panda(given, name, as_json)


@click.command("schedule")
@training_argument
@json_option
def schedule(given: str, as_json: bool) -> int:
    """Print how a trial was trained: parameters, seed and every change by its step, as YAML."""
    from caviar.cli import schedules

    return schedules.schedule(given, as_json)


@click.command("replay")
@study_argument
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE")
@json_option
def replay(study: str, file: Path, as_json: bool) -> int:
    """Have a fresh trial follow a schedule from its first step on."""
    from caviar.cli import schedules

    return schedules.replay(study, file, as_json)


@click.command()
@study_argument
@click.option("--on/--off", "on", default=None, help="Let her act, or only watch.")
@json_option
def nurse(study: str, on: bool | None, as_json: bool) -> int:
    """Show what a study's nurse may do, what she did, and her day's report; or switch her on or off."""
    from caviar.cli import babysitting

    return babysitting.nurse(study, on, as_json)


TRIAL_COMMANDS = (show, set_, rollback, fork, spread, keep, panda, schedule, replay)
"""Of the group `caviar trial`."""
