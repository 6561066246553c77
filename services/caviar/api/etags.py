"""Entity tags: what a client that polls need not read again, and what it may not overwrite unseen.

A tag has two parts: the first is of what people edit, the second of all that is shown. ``If-None-Match`` looks at both;
``If-Match`` at the first alone, since a trial that ended meanwhile is no reason to refuse an edit.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from fastapi import Request

from caviar.api.problems import Refused


def etag(edited: Any, shown: Any = None) -> str:
    """Of values that JSON can write."""
    return f'"{_digest(edited)}-{_digest(shown)}"'


def unchanged(request: Request, tag: str) -> bool:
    """Whether the client has what ``tag`` stands for already."""
    given = request.headers.get("if-none-match")
    return given is not None and tag in _listed(given)


def refuse_stale(request: Request, edited: Any) -> None:
    """Raises Refused (412) where ``If-Match`` names another state of what is to be edited."""
    given = request.headers.get("if-match")
    if given is None or given.strip() == "*":
        return
    mine = f'"{_digest(edited)}-'
    if not any(tag.startswith(mine) for tag in _listed(given)):
        detail = "It was edited since you read it. Read it again, then decide whether your edit still fits."
        raise Refused("changed-meanwhile", detail)


def _listed(header: str) -> list[str]:
    return [tag.strip().removeprefix("W/") for tag in header.split(",")]


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(errors="replace"), digest_size=8).hexdigest()
