"""Completion in the shell: click's own for commands and options, the service's answer for names of studies."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem, get_completion_class

from caviar.errors import CaviarError

PROGRAM = "caviar"
VARIABLE = "_CAVIAR_COMPLETE"


def script(app: click.Group, shell: str) -> str:
    """What the shell reads at its start."""
    kind = get_completion_class(shell)
    assert kind is not None
    return kind(app, {}, PROGRAM, VARIABLE).source()


def studies_beginning_with(begun: str) -> list[CompletionItem]:
    """Names and ids that begin so, the newest first. Nothing where no service answers: a key press shows no error."""
    from caviar.client.connection import Client, find_service

    try:
        with Client(find_service(), timeout_s=2.0) as client:
            rows = client.studies(limit=200)
    except CaviarError:
        return []
    help_of = {row.name: f"{row.state}, {row.done}/{row.budget}" for row in reversed(rows)}
    help_of |= {row.id: row.name for row in rows} if begun else {}
    return [
        CompletionItem(word, help=text) for word, text in help_of.items() if word.startswith(begun)
    ]
