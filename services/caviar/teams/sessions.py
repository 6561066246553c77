"""What the service signs and does not keep: a person's session, and a trial's pass to MLflow.

Both are text that anybody may read and nobody else can make. The keys are derived from the service's own token, one for
each kind, so that neither passes for the other; with another token of the service, all of them are void.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final

SESSION_S: Final = 7 * 86_400.0
"""How long a person stays logged in at most; a token that ends sooner ends its sessions."""

_SIGNATURE = r"([A-Za-z0-9_-]{43})"
_SESSION = re.compile(rf"v1\.([0-9a-z]{{1,32}})\.([0-9]{{1,12}})\.{_SIGNATURE}")
_PASS = re.compile(
    rf"cavt\.([a-z0-9][a-z0-9-]{{0,31}})\.([a-z0-9][a-z0-9-]{{0,63}})\.([0-9]{{1,10}})\.{_SIGNATURE}"
)


@dataclass(frozen=True, slots=True)
class Pass:
    """Whose trial may log to its team's experiments, while this attempt of it runs."""

    team: str
    trial: str
    attempt: int


class Signer:
    """Signs and checks with keys that are derived from ``token``, the service's own."""

    def __init__(self, token: str) -> None:
        self._session_key = _derived(token, "caviar session 1")
        self._pass_key = _derived(token, "caviar trial pass 1")

    def session(self, token_id: str, end: float) -> str:
        """A session of the token with this id until ``end``, in seconds since the epoch."""
        text = f"v1.{token_id}.{int(end)}"
        return f"{text}.{_signature(self._session_key, text)}"

    def session_token(self, text: str, now: float) -> str | None:
        """The token's id in a session; None where it is none of ours, or over."""
        found = _SESSION.fullmatch(text)
        if found is None or not _signed(self._session_key, text) or int(found[2]) <= now:
            return None
        return found[1]

    def trial_pass(self, given: Pass) -> str:
        text = f"cavt.{given.team}.{given.trial}.{given.attempt}"
        return f"{text}.{_signature(self._pass_key, text)}"

    def read_pass(self, text: str) -> Pass | None:
        """None where it is none of ours. Whether the trial still runs is the scheduler's to say."""
        found = _PASS.fullmatch(text)
        if found is None or not _signed(self._pass_key, text):
            return None
        return Pass(found[1], found[2], int(found[3]))


def _derived(token: str, purpose: str) -> bytes:
    return hmac.digest(token.encode(), purpose.encode(), hashlib.sha256)


def _signature(key: bytes, text: str) -> str:
    digest = hmac.digest(key, text.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _signed(key: bytes, text: str) -> bool:
    content, _, given = text.rpartition(".")
    return hmac.compare_digest(given, _signature(key, content))
