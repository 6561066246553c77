"""The commands of webhooks."""

from __future__ import annotations

from collections.abc import Sequence

import click
from rich.table import Table

from caviar.cli.reading import console, print_json
from caviar.cli.views.parts import clean
from caviar.cli.views.tables import new_table, when
from caviar.client.connection import Client, find_service
from caviar.contract.webhooks import DeliveryView, EventName, NewWebhook, WebhookView


def add(url: str, events: Sequence[EventName], team: str | None, as_json: bool) -> int:
    with Client(find_service()) as client:
        issued = client.add_webhook(NewWebhook(url=url, events=tuple(events), team=team))
    if as_json:
        print_json(issued)
        return 0
    console(stderr=True).print(
        f"Webhook {issued.id} of team {issued.team}. Its secret is shown this once; deliveries are signed with it:"
    )
    click.echo(issued.secret)
    return 0


def listed(as_json: bool) -> int:
    with Client(find_service()) as client:
        rows = client.webhooks()
    if as_json:
        print_json(rows)
        return 0
    if not rows:
        console().print("No webhooks. `caviar webhook add URL` adds one.")
        return 0
    console().print(_table(rows))
    return 0


def remove(identifier: str, as_json: bool) -> int:
    with Client(find_service()) as client:
        client.remove_webhook(identifier)
    if as_json:
        print_json({"removed": identifier})
        return 0
    console().print(f"Webhook {identifier} is removed.")
    return 0


def ping(identifier: str, as_json: bool) -> int:
    with Client(find_service()) as client:
        view = client.test_webhook(identifier)
    if as_json:
        print_json(view)
    else:
        console().print(
            f"A ping is on its way. `caviar webhook deliveries {identifier}` tells how it went."
        )
    return 0


def deliveries(identifier: str, again: int | None, as_json: bool) -> int:
    with Client(find_service()) as client:
        if again is not None:
            client.deliver_again(identifier, again)
        rows = client.deliveries(identifier)
    if as_json:
        print_json(rows)
        return 0
    table = new_table(">number", "event", "at", ">tries", "")
    for row in rows:
        table.add_row(str(row.id), row.event, when(row.created), str(row.tries), _state(row))
    console().print(table if rows else "Nothing was sent to it yet.")
    return 0


def _table(rows: Sequence[WebhookView]) -> Table:
    table = new_table("webhook", "team", "url", "events", "")
    for row in rows:
        events = ", ".join(row.events) or "all"
        state = f"{row.waiting} wait: {clean(row.error)}" if row.waiting and row.error else ""
        table.add_row(row.id, row.team, clean(row.url), events, state or clean(row.error))
    return table


def _state(row: DeliveryView) -> str:
    if row.delivered is not None:
        return f"taken {when(row.delivered)}"
    if row.due is None:
        return f"given up: {clean(row.error)}"
    return f"again {when(row.due)}: {clean(row.error)}" if row.tries else "on its way"
