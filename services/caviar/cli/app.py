"""The commands. Each one imports what it needs inside, so that `caviar --help` is quick."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from caviar import __version__
from caviar.cli.administering import COMMANDS
from caviar.cli.by_hand import TRIAL_COMMANDS, nurse
from caviar.cli.options import json_option as _json_option
from caviar.cli.options import study_argument as _study
from caviar.cli.options import training_argument as _training
from caviar.cli.still_holds import FRESH_COMMANDS

F = TypeVar("F", bound=Callable[..., Any])

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


def _embedded_options(command: F) -> F:
    command = click.option(
        "--home",
        type=_FOLDER,
        help="Folder of the embedded service. [default: CAVIAR_HOME or ~/.caviar]",
    )(command)
    return click.option(
        "--workers",
        type=click.IntRange(1, 1024),
        help="Trials trained at once. [default: one for each core]",
    )(command)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="caviar", message="%(prog)s %(version)s")
def app() -> None:
    """Caviar tunes hyperparameters, coarse to fine, and records every trial in MLflow.

    `caviar run STUDY.yaml` needs nothing else. STUDY in the other commands is a study's name (the newest of that
    name), its id or the start of its id.
    """


@app.command()
@click.argument("file", type=_FILE, metavar="STUDY.yaml")
@_embedded_options
@_json_option
def run(file: Path, workers: int | None, home: Path | None, as_json: bool) -> int:
    """Run one study on this machine, print the result, stop."""
    from caviar.cli.running import run_study

    return run_study(file, workers, home, as_json)


@app.command()
@_embedded_options
@click.option(
    "--bind",
    metavar="ADDRESS",
    help="Listen there too, for other machines. Wants that somebody has a token.",
)
def up(workers: int | None, home: Path | None, bind: str | None) -> int:
    """Keep a service running on this machine until Ctrl-C."""
    from caviar.cli.running import stay_up

    return stay_up(workers, home, bind)


@app.command()
@click.argument("file", type=_FILE, metavar="STUDY.yaml")
@click.option("--code", type=_FOLDER, metavar="DIR", help="Bring the code in this folder along.")
@click.option("--team", metavar="TEAM", help="Whose study it is, where an operator submits it.")
@_json_option
def submit(file: Path, code: Path | None, team: str | None, as_json: bool) -> int:
    """Hand a study to the service and return at once."""
    from caviar.cli.running import submit_study

    return submit_study(file, code, team, as_json)


@app.command()
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=50,
    metavar="N",
    help="The newest N. [default: 50]",
)
@_json_option
def studies(limit: int, as_json: bool) -> int:
    """List the studies, newest first."""
    from caviar.cli import reading

    return reading.studies(limit, as_json)


@app.command()
@_study
@_json_option
def show(study: str, as_json: bool) -> int:
    """Show where a study stands, or its result."""
    from caviar.cli import reading

    return reading.show(study, as_json)


@app.command("open")
@click.argument("study", metavar="[STUDY]", required=False)
@_json_option
def open_pages(study: str | None, as_json: bool) -> int:
    """Open the pages in a browser, logged in; of a study, its own."""
    from caviar.cli.opening import open_in_browser

    return open_in_browser(study, as_json)


@app.command()
@_training
@_json_option
def watch(given: str, as_json: bool) -> int:
    """Follow a study until it ends; of a trial, or a study by hand, the learning curve."""
    from caviar.cli import watching

    return watching.watch(given, as_json)


@app.command()
@_study
@_json_option
def best(study: str, as_json: bool) -> int:
    """Print the best trial's value and hyperparameters."""
    from caviar.cli import reading

    return reading.best(study, as_json)


@app.command()
@_study
@click.option(
    "--round", "number", type=int, metavar="N", help="Only round N, with its box in numbers."
)
@click.option("--undo", type=int, metavar="N", help="Take back round N and all after it.")
@click.option("--branch", type=int, metavar="N", help="Start another study from round N.")
@click.option("--name", help="The branch's name. [default: the study's, with the round]")
@_json_option
def rounds(
    study: str,
    number: int | None,
    undo: int | None,
    branch: int | None,
    name: str | None,
    as_json: bool,
) -> int:
    """Print how the box became smaller round by round, and why; or undo a round, or branch from it."""
    from caviar.cli import reading

    if sum(each is not None for each in (number, undo, branch)) > 1:
        raise click.UsageError("--round, --undo and --branch exclude each other.")
    if name is not None and branch is None:
        raise click.UsageError("--name belongs to --branch.")
    if undo is not None:
        return reading.undo_round(study, undo, as_json)
    if branch is not None:
        return reading.branch_off(study, branch, name, as_json)
    return reading.rounds(study, number, as_json)


@app.group()
def trial() -> None:
    """Look at single trials, add one, stop one; change one while it trains, take it back, try something."""


@trial.command("stop")
@click.argument("trial_name", metavar="STUDY/NUMBER")
@_json_option
def trial_stop(trial_name: str, as_json: bool) -> int:
    """Stop one trial: it ends with its last value, the study goes on."""
    from caviar.cli import reading

    return reading.stop_trial(trial_name, as_json)


@trial.command("add")
@_study
@click.argument("values", metavar="NAME=VALUE...", nargs=-1, required=True)
@click.option("--value", type=float, help="Its result, where it is known: nothing is trained.")
@_json_option
def trial_add(study: str, values: tuple[str, ...], value: float | None, as_json: bool) -> int:
    """Have a point of your own trained next, or tell a result that you know.

    What is left out takes its default from the study file.
    """
    from caviar.cli.adding import add_trial

    return add_trial(study, values, value, as_json)


@app.command()
@_study
@_json_option
def pause(study: str, as_json: bool) -> int:
    """Start no more trials of a study; running ones go on."""
    from caviar.cli import reading

    return reading.change("pause", study, as_json)


@app.command()
@_study
@_json_option
def resume(study: str, as_json: bool) -> int:
    """Go on with a paused study."""
    from caviar.cli import reading

    return reading.change("resume", study, as_json)


@app.command()
@_study
@_json_option
def stop(study: str, as_json: bool) -> int:
    """End a study for good; its results stay."""
    from caviar.cli import reading

    return reading.change("stop", study, as_json)


@app.command()
@_study
@click.argument("level", metavar="N", type=click.IntRange(0, 9))
@_json_option
def priority(study: str, level: int, as_json: bool) -> int:
    """Set a study's priority inside its team, from 0 to 9: the higher goes first."""
    from caviar.cli.turns import set_priority

    return set_priority(study, level, as_json)


@app.group(invoke_without_command=True)
@_json_option
@click.pass_context
def queue(context: click.Context, as_json: bool) -> int:
    """Show whose turn it is: why each study waits, and when it likely starts and ends."""
    if context.invoked_subcommand is not None:
        return 0
    from caviar.cli.queue import show_queue

    return show_queue(as_json)


@queue.command("move")
@_study
@click.option("--first", "place", flag_value="first", help="Before all others of every team.")
@click.option("--normal", "place", flag_value="normal", help="Where shares and priorities have it.")
@click.option("--last", "place", flag_value="last", help="After all others of every team.")
@_json_option
def queue_move(study: str, place: Any, as_json: bool) -> int:
    """Put a study before or after all others, whatever shares and priorities say (an operator)."""
    from caviar.cli.turns import move

    if place is None:
        raise click.UsageError("One of --first, --normal and --last is needed.")
    return move(study, place, as_json)


@app.command()
@click.argument("file", type=_FILE, metavar="STUDY.yaml")
@_json_option
def quote(file: Path, as_json: bool) -> int:
    """Tell what a study would cost and when it would start, going by trials that ended. Nothing is submitted."""
    from caviar.cli.queue import show_quote

    return show_quote(file, as_json)


@app.command()
@click.argument("team", required=False)
@_json_option
def quota(team: str | None, as_json: bool) -> int:
    """Show what a team has used of its quota; one's own by default."""
    from caviar.cli.queue import show_quota

    return show_quota(team, as_json)


@app.group(invoke_without_command=True)
@_json_option
@click.pass_context
def workers(context: click.Context, as_json: bool) -> int:
    """List the workers that called, their free slots, and who gets no work."""
    if context.invoked_subcommand is not None:
        return 0
    from caviar.cli import reading

    return reading.workers(as_json)


@workers.command("trust")
@click.argument("host", metavar="HOST")
@_json_option
def workers_trust(host: str, as_json: bool) -> int:
    """Give a host work again that was set aside because trials failed there."""
    from caviar.cli import reading

    return reading.trust(host, as_json)


@workers.command("drain")
@click.argument("host", metavar="HOST")
@click.option("--now", is_flag=True, help="What it trains saves, ends and goes back to the queue.")
@click.option("--wait", is_flag=True, help="Return when nothing is left there.")
@_json_option
def workers_drain(host: str, now: bool, wait: bool, as_json: bool) -> int:
    """Give a host no more work, so that its machine can be taken away (an operator)."""
    from caviar.cli import draining

    return draining.drain(host, now, wait, as_json)


@workers.command("resume")
@click.argument("host", metavar="HOST")
@_json_option
def workers_resume(host: str, as_json: bool) -> int:
    """Give a drained host work again (an operator)."""
    from caviar.cli import draining

    return draining.resume(host, as_json)


@app.group()
def webhook() -> None:
    """Have the service call an address of yours when something happens."""


_webhook_id = click.argument("webhook_id", metavar="WEBHOOK")


@webhook.command("add")
@click.argument("url")
@click.option(
    "--event",
    "events",
    multiple=True,
    type=click.Choice(["study.finished", "study.failed", "study.stale", "quota.near"]),
    help="Only this event; may be given several times. [default: all]",
)
@click.option("--team", help="Another team than one's own: an operator's.")
@_json_option
def webhook_add(url: str, events: tuple[Any, ...], team: str | None, as_json: bool) -> int:
    """Send events to URL from now on; prints the secret that they are signed with, this once."""
    from caviar.cli import webhooks

    return webhooks.add(url, events, team, as_json)


@webhook.command("list")
@_json_option
def webhook_list(as_json: bool) -> int:
    """List the team's webhooks and what their newest delivery met."""
    from caviar.cli import webhooks

    return webhooks.listed(as_json)


@webhook.command("remove")
@_webhook_id
@_json_option
def webhook_remove(webhook_id: str, as_json: bool) -> int:
    """Send nothing more to a webhook."""
    from caviar.cli import webhooks

    return webhooks.remove(webhook_id, as_json)


@webhook.command("test")
@_webhook_id
@_json_option
def webhook_test(webhook_id: str, as_json: bool) -> int:
    """Send a ping."""
    from caviar.cli import webhooks

    return webhooks.ping(webhook_id, as_json)


@webhook.command("deliveries")
@_webhook_id
@click.option("--again", type=int, metavar="NUMBER", help="Send this one again, now.")
@_json_option
def webhook_deliveries(webhook_id: str, again: int | None, as_json: bool) -> int:
    """List what was sent to a webhook, the newest first, and how it went."""
    from caviar.cli import webhooks

    return webhooks.deliveries(webhook_id, again, as_json)


@app.command()
@click.option("--mend", is_flag=True, help="Mend what can be mended.")
@_json_option
def doctor(mend: bool, as_json: bool) -> int:
    """Look for what waits, is stuck, doubled or lost; exit code 0 where nothing is wrong."""
    from caviar.cli.upkeep import see_doctor

    return see_doctor(mend, as_json)


@app.command()
@click.option(
    "--home",
    type=_FOLDER,
    help="Folder of the embedded service. [default: CAVIAR_HOME or ~/.caviar]",
)
@click.option("--mlflow", metavar="URI", help="The MLflow to read. [default: the service's own]")
@click.option("--missing", is_flag=True, help="Bring back what a store with studies has not.")
@_json_option
def rebuild(home: Path | None, mlflow: str | None, missing: bool, as_json: bool) -> int:
    """Write the database again from MLflow, while the service is stopped.

    For the embedded service, or with CAVIAR_DATABASE_URL set and no --home for the one of these settings.
    """
    from caviar.cli.upkeep import rebuild_store

    return rebuild_store(home, mlflow, missing, as_json)


for command in (*COMMANDS, *FRESH_COMMANDS, nurse):
    app.add_command(command)
for command in TRIAL_COMMANDS:
    trial.add_command(command)


@app.command("import")
@click.argument("where", metavar="FILE")
@click.option(
    "--from",
    "kind",
    type=click.Choice(("wandb", "optuna", "ray", "hyperopt", "sagemaker", "vizier")),
    help="The tool that it is of. [default: seen from the file]",
)
@click.option("--study", metavar="NAME", help="Which study of an Optuna storage with several.")
@click.option(
    "-o", "--out", type=_FILE, metavar="STUDY.yaml", help="Write the study to a new file."
)
@_json_option
def import_(
    where: str, kind: str | None, study: str | None, out: Path | None, as_json: bool
) -> int:
    """Read another tool's search as a study, and report what could not be carried.

    FILE is a W&B sweep, a SageMaker tuning job, a Vizier study, distributions of Optuna (YAML or JSON), or an Optuna
    storage, for instance sqlite:///study.db.
    """
    from caviar.cli.moving import import_study

    return import_study(where, kind, study, out, as_json)


@app.command()
@_study
@click.option("--csv", type=_FILE, metavar="FILE", help="Write a CSV file.")
@click.option("--parquet", type=_FILE, metavar="FILE", help="Write a Parquet file.")
@click.option("--optuna", metavar="URL", help="Write a new Optuna storage: sqlite:///FILE.db.")
@click.option(
    "--html",
    metavar="[FILE]",
    is_flag=False,
    flag_value="",
    help="Write a report: one file for mail. [default: the study's name]",
)
@click.option("--figures", type=_FOLDER, metavar="FOLDER", help="Write each figure as SVG and PNG.")
@_json_option
def export(
    study: str,
    csv: Path | None,
    parquet: Path | None,
    optuna: str | None,
    html: str | None,
    figures: Path | None,
    as_json: bool,
) -> int:
    """Write all trials of a study to files that other tools read, its figures, or a report."""
    from caviar.cli.moving import Wanted, export_study

    return export_study(study, Wanted(csv, parquet, optuna, html, figures), as_json)


@app.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]), metavar="SHELL")
def completion(shell: str) -> int:
    """Print what makes the shell complete commands, options and names of studies.

    For bash: `caviar completion bash > ~/.local/share/bash-completion/completions/caviar`.
    """
    from caviar.cli.completion import script

    click.echo(script(app, shell))
    return 0


@app.command()
@click.option(
    "--restored",
    is_flag=True,
    help="They are of a backup: what workers have of the time after it is kept apart.",
)
def migrate(restored: bool) -> None:
    """Bring the databases of a team's service up to date, and end (a process of the service)."""
    from caviar.bootstrap import run_migrate

    run_migrate(restored)


@app.command()
def scheduler() -> None:
    """Run the scheduler with its API (a process of the service)."""
    from caviar.bootstrap import run_scheduler

    run_scheduler()


@app.command()
def refiner() -> None:
    """Run the refinement job (a process of the service)."""
    from caviar.bootstrap import run_refiner

    run_refiner()


@app.command()
def mlflow() -> None:
    """Run MLflow's server for a gateway (a process of the service)."""
    from caviar.bootstrap import run_mlflow

    run_mlflow()


@app.command()
def worker() -> int:
    """Run a worker that trains trials (a process of the service)."""
    import os

    from caviar_worker.agent import main
    from caviar_worker.settings import WorkerSettings

    return main(WorkerSettings.from_environ(os.environ))
