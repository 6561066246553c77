"""Events of a model registry as MLflow's own sender signs them."""

from __future__ import annotations

from typing import Any, cast

import requests
from mlflow.entities.webhook import Webhook, WebhookEvent
from mlflow.webhooks.delivery import _send_webhook_request

VERSION = {"name": "digits", "version": "7", "source": "models:/1", "run_id": "r", "tags": {}}


class _Kept:
    """A session that keeps what it is asked to send."""

    def post(self, _url: str, data: bytes, headers: dict[str, str], **_more: Any) -> None:
        self.sent = headers, data


def signed(
    secret: str | None, event: str = "model_version.created", **data: Any
) -> tuple[dict[str, str], bytes]:
    """Headers and body; a new version of ``digits`` apart from what ``data`` says."""
    found = WebhookEvent.from_str(cast(Any, event))
    hook = Webhook("w", "caviar", "https://8.8.8.8/hook", [found], 0, 0, secret=secret)
    session = _Kept()
    payload = cast(Any, {**VERSION, **data})
    _send_webhook_request(hook, payload, found, cast(requests.Session, session))
    return session.sent
