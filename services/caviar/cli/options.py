"""Options and arguments that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(command)


def studies_shown(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[Any]:
    from caviar.cli.completion import studies_beginning_with

    return studies_beginning_with(begun)


study_argument = click.argument("study", metavar="STUDY", shell_complete=studies_shown)
training_argument = click.argument("given", metavar="STUDY[/NUMBER]", shell_complete=studies_shown)
"""A trial; STUDY alone where one of its trials runs."""
