"""Pages of a list: ``limit`` says how long, ``after`` goes on behind the last entry of the page before.

The header ``Link`` of an answer names the next page (RFC 8288); where it is missing the list is at its end.
"""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import Request, Response


def link_next(
    request: Request, response: Response, page: Sequence[object], limit: int, after: str | int
) -> None:
    """Name the page behind ``after``, unless ``page`` is not full: then nothing follows."""
    if len(page) < limit:
        return
    url = request.url.include_query_params(after=after, limit=limit)
    query = f"?{url.query}" if url.query else ""
    response.headers["Link"] = f'<{url.path}{query}>; rel="next"'
