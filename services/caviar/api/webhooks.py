"""The routes of webhooks: an admin's, for the own team; an operator's for each."""

from __future__ import annotations

import json
import secrets
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request

from caviar.adapters.sql.webhooks import WebhookRow, Webhooks
from caviar.api.access import Admin
from caviar.api.audit import note
from caviar.api.studies import team_of
from caviar.contract.webhooks import DeliveryView, IssuedWebhook, NewWebhook, WebhookView
from caviar.errors import NotAllowed
from caviar.teams import Caller
from caviar.webhooks import Allowed, check_url, new_secret

MOST = 20
"""Webhooks of one team."""


def webhook_routes(webhooks: Webhooks, allowed: Allowed) -> APIRouter:
    router = APIRouter(prefix="/api/v1/webhooks", tags=["webhooks"])

    def own(identifier: str, caller: Caller) -> WebhookRow:
        row = webhooks.find(identifier)
        if row is None or not caller.belongs_to(row.team):
            raise HTTPException(
                404, f"There is no webhook {identifier}. `caviar webhook list` lists them."
            )
        return row

    @router.post("", status_code=201, name="webhook.add")
    def add(request: Request, caller: Admin, new: NewWebhook) -> IssuedWebhook:
        team = team_of(request.app.state.access, caller, new.team)
        check_url(new.url, allowed)
        if len(webhooks.all(team)) >= MOST:
            raise NotAllowed(f"The team {team} has {MOST} webhooks. Remove one first.")
        row = WebhookRow(
            secrets.token_hex(6), team, new.url, new_secret(), new.events, webhooks.clock()
        )
        webhooks.add(row)
        note(request, row.id, team, after={"url": row.url, "events": list(row.events)})
        return IssuedWebhook(**webhook_view(webhooks, row).model_dump(), secret=row.secret)

    @router.get("")
    def listed(caller: Admin) -> list[WebhookView]:
        return [webhook_view(webhooks, row) for row in webhooks.all(caller.team)]

    @router.delete("/{webhook_id}", status_code=204, name="webhook.remove")
    def remove(request: Request, webhook_id: str, caller: Admin) -> None:
        row = own(webhook_id, caller)
        webhooks.remove(row.id)
        note(request, row.id, row.team, before={"url": row.url, "events": list(row.events)})

    @router.post("/{webhook_id}/test", status_code=202, name="webhook.test")
    def test(request: Request, webhook_id: str, caller: Admin) -> WebhookView:
        """Send a ``ping``: its delivery tells how it went."""
        row = own(webhook_id, caller)
        body = json.dumps({"type": "ping", "data": {"by": caller.name, "team": row.team}})
        webhooks.enqueue(row.id, "ping", secrets.token_hex(8), body)
        note(request, row.id, row.team)
        return webhook_view(webhooks, row)

    @router.get("/{webhook_id}/deliveries")
    def deliveries(
        webhook_id: str, caller: Admin, limit: Annotated[int, Query(ge=1, le=500)] = 50
    ) -> list[DeliveryView]:
        return webhooks.deliveries(own(webhook_id, caller).id, limit)

    @router.post("/{webhook_id}/deliveries/{number}/again", status_code=202, name="webhook.again")
    def again(request: Request, webhook_id: str, number: int, caller: Admin) -> WebhookView:
        row = own(webhook_id, caller)
        if not 0 < number < 2**31 or not webhooks.again(row.id, number):
            raise HTTPException(404, f"Webhook {row.id} has no delivery {number}.")
        note(request, row.id, row.team, after={"delivery": number})
        return webhook_view(webhooks, row)

    return router


def webhook_view(webhooks: Webhooks, row: WebhookRow) -> WebhookView:
    waiting, error = webhooks.standing([row.id])[row.id]
    return WebhookView(
        id=row.id,
        team=row.team,
        url=row.url,
        events=row.events,
        created=row.created,
        waiting=waiting,
        error=error,
    )
