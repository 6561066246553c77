"""Finds what is to be told, and sends it until it is taken or given up."""

from __future__ import annotations

import logging
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

from caviar.adapters.sql import Store, Teams
from caviar.adapters.sql.webhooks import Delivery, WebhookRow, Webhooks
from caviar.webhooks.addresses import Allowed
from caviar.webhooks.events import Event, champion_events, quota_events, study_events
from caviar.webhooks.posting import DEADLINE_S, Failed, post
from caviar.webhooks.signing import signature

log = logging.getLogger("caviar.webhooks")

LOOK_S = 2.0
RETRIES_S = (5.0, 30.0, 120.0, 600.0, 3600.0, 10_800.0, 21_600.0, 43_200.0, 86_400.0)
"""Waits between tries, some two days in all. Each is drawn within a tenth of it, so that many do not come at once."""
AT_ONCE = 4
"""Webhooks that are served at once, one delivery each: a slow receiver keeps only its own waiting."""
KEPT_S = 40 * 86_400.0
"""Longer than a month: what is forgotten could be told again."""
CLAIM_S = DEADLINE_S + 20.0
"""A delivery whose sender died is taken up again after this long."""


class Courier:
    """``allowed``: what an operator allows beside public addresses."""

    def __init__(self, store: Store, teams: Teams, webhooks: Webhooks, allowed: Allowed) -> None:
        self._store = store
        self._teams = teams
        self._webhooks = webhooks
        self._allowed = allowed

    def run(self, stop: threading.Event) -> None:
        """Until ``stop``."""
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhook") as pool:
            while not stop.wait(LOOK_S):
                try:
                    self.look()
                    list(pool.map(self._serve, self._webhooks.due()))
                    self._webhooks.forget(self._webhooks.clock() - KEPT_S)
                except Exception:
                    log.exception("webhooks: this turn failed; again in %g s", LOOK_S)

    def look(self) -> None:
        """Put what happened on its way to each webhook that wants it."""
        hooks = self._webhooks.all()
        if not hooks:
            return
        known = {hook.id: self._webhooks.known_keys(hook.id) for hook in hooks}
        teams = {hook.team for hook in hooks}
        now = self._webhooks.clock()
        events = chain(
            study_events(self._store, teams, now),
            champion_events(self._store, teams, now),
            quota_events(self._store, self._teams.all(), teams, now),
        )
        for event in events:
            for hook in hooks:
                if _wants(hook, event) and (event.name, event.key) not in known[hook.id]:
                    self._webhooks.enqueue(hook.id, event.name, event.key, event.body())

    def _serve(self, webhook: str) -> None:
        """One delivery of one webhook."""
        delivery = self._webhooks.take(webhook, self._webhooks.clock() + CLAIM_S)
        if delivery is not None:
            self.deliver(delivery)

    def deliver(self, delivery: Delivery) -> None:
        now = self._webhooks.clock()
        body = delivery.body.encode()
        identifier = f"msg_{delivery.hook.id}_{delivery.id}"
        headers: dict[bytes | str, bytes | str] = {
            "content-type": "application/json",
            "user-agent": "caviar-webhooks/1",
            "webhook-id": identifier,
            "webhook-timestamp": str(int(now)),
            "webhook-signature": signature(delivery.hook.secret, identifier, int(now), body),
        }
        try:
            post(delivery.hook.url, body, headers, self._allowed)
        except Failed as failed:
            over = failed.gone or delivery.tries >= len(RETRIES_S)
            wait_s = 0.0 if over else RETRIES_S[delivery.tries] * random.uniform(0.9, 1.1)
            due = None if over else self._webhooks.clock() + wait_s
            self._webhooks.failed(delivery.id, str(failed), due)
            log.warning(
                "webhook %s: %s was not taken (%s); %s",
                delivery.hook.id,
                delivery.event,
                failed,
                "given up" if over else f"again in {wait_s:.0f} s",
            )
        else:
            self._webhooks.delivered(delivery.id)


def _wants(hook: WebhookRow, event: Event) -> bool:
    """What happened before a webhook was made is not told to it."""
    return (
        hook.team == event.team
        and event.at >= hook.created
        and (not hook.events or event.name in hook.events)
    )
