"""Events of MLflow's model registry as its own webhooks send them: signed, and a stranger's text until checked."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ValidationError

from caviar.contract import names
from caviar.errors import NotAllowed

SIGNATURE: Final = "x-mlflow-signature"
DELIVERY: Final = "x-mlflow-delivery-id"
TIMESTAMP: Final = "x-mlflow-timestamp"
OLDEST_S: Final = 300.0
"""An event that was signed longer ago, or so far in the future, may be a replay."""
_OWN_ALIASES: Final = frozenset({names.ALIAS_CHAMPION, names.ALIAS_PROPOSED})
WORDS: Final = 400

_ENTITIES: Final = frozenset({"model_version", "model_version_alias"})
_ID: Final = re.compile(r"[\x21-\x7e]{1,100}")
_TIME: Final = re.compile(r"[0-9]{1,12}")
_NO_SECRET: Final = secrets.token_hex(32)


class NotSigned(NotAllowed):
    """MLflow did not send this, or not now. It says no more: whoever guesses learns nothing."""

    def __init__(self) -> None:
        super().__init__(
            "This is not signed with the secret of this hook, or was more than five minutes ago. MLflow signs where its"
            " webhook has the secret that `POST /api/v1/studies/STUDY/recheck/hook` showed; both clocks must be right."
        )


@dataclass(frozen=True, slots=True)
class Event:
    """``words``: what happened, in one line of bounded length."""

    model: str
    words: str
    run_id: str = ""
    """That logged the version."""


class _Body(BaseModel):
    entity: str
    action: str
    data: dict[str, object] = {}


def delivery_of(headers: Mapping[str, str], body: bytes, secret: str | None, now: float) -> str:
    """The id of a delivery that MLflow signed with ``secret``; None as secret takes as long as a wrong one.

    Raises NotSigned. ``now`` is in seconds since the epoch.
    """
    given = {name.lower(): value for name, value in headers.items()}
    identifier, at = given.get(DELIVERY, ""), given.get(TIMESTAMP, "")
    signed = f"{identifier}.{at}.".encode() + body
    digest = hmac.new((secret or _NO_SECRET).encode(), signed, hashlib.sha256).digest()
    wanted = f"v1,{base64.b64encode(digest).decode()}".encode()
    right = hmac.compare_digest(wanted, given.get(SIGNATURE, "").encode()) and secret is not None
    if not (right and _ID.fullmatch(identifier) and _TIME.fullmatch(at)):
        raise NotSigned
    if abs(now - int(at)) > OLDEST_S:
        raise NotSigned
    return identifier


def event_of(body: bytes) -> Event | None:
    """What happened to a version or an alias of a model. None: something else, or what the service did itself."""
    try:
        read = _Body.model_validate_json(body)
    except ValidationError:
        return None
    tags = read.data.get("tags")
    own = _text(read.data, "alias") in _OWN_ALIASES or (
        isinstance(tags, dict) and names.TAG_STUDY in tags
    )
    if read.entity not in _ENTITIES or own:
        return None
    words = [read.entity.replace("_", " "), read.action]
    model = _text(read.data, "name")
    words += [model, *_named(read.data, "version"), *_named(read.data, "alias")]
    line = " ".join(filter(None, words))
    words_of_it = "".join(c if c.isprintable() else " " for c in line)[:WORDS]
    return Event(model, words_of_it, _text(read.data, "run_id")[:64])


def _named(data: Mapping[str, object], key: str) -> list[str]:
    found = _text(data, key)
    return [f"{key} {found}"] if found else []


def _text(data: Mapping[str, object], key: str) -> str:
    found = data.get(key)
    return found if isinstance(found, str) else ""
