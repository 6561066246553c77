"""Tokens: ``cav_ID_SECRET``. The service keeps a digest; the token itself is shown once, when it is made.

The secret has 256 random bits, so that a plain SHA-256 of it is enough: there is no dictionary to try.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

_TOKEN = re.compile(r"cav_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Fresh:
    """A token that was just made."""

    id: str
    text: str
    digest: str

    def __repr__(self) -> str:
        return f"Fresh(id={self.id!r})"


def new_token() -> Fresh:
    """A token that nobody has had before."""
    identifier = secrets.token_hex(6)
    text = f"cav_{identifier}_{secrets.token_urlsafe(32)}"
    return Fresh(identifier, text, digest_of(text))


def digest_of(token: str) -> str:
    """What is kept of a token: 64 hexadecimal digits."""
    return hashlib.sha256(token.encode()).hexdigest()


def identifier_of(token: str) -> str | None:
    """The id in a token; None where it has not the form of one."""
    found = _TOKEN.fullmatch(token)
    return found[1] if found else None
