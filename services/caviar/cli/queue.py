"""``caviar queue``, ``caviar quote`` and ``caviar quota``."""

from __future__ import annotations

from pathlib import Path

from caviar.cli.reading import console, print_json, width_of
from caviar.cli.running import read_study, submission_of
from caviar.cli.views.queue import queue_view, quota_view, quote_view
from caviar.client.connection import Client, find_service
from caviar.teams import DEFAULT_TEAM


def show_queue(as_json: bool) -> int:
    with Client(find_service()) as client:
        queue = client.queue()
    if as_json:
        print_json(queue)
    else:
        screen = console()
        screen.print(queue_view(queue, width_of(screen)))
    return 0


def show_quote(file: Path, as_json: bool) -> int:
    text, _ = read_study(file)
    with Client(find_service()) as client:
        quote = client.quote(submission_of(file, text, local=client.local))
    if as_json:
        print_json(quote)
    else:
        console().print(quote_view(quote))
    return 0


def show_quota(given: str | None, as_json: bool) -> int:
    """Of the caller's own team where none is named."""
    with Client(find_service()) as client:
        team = given or client.whoami().team or DEFAULT_TEAM
        lines = client.use(team)
    if as_json:
        print_json(lines)
    else:
        console().print(quota_view(team, lines))
    return 0
