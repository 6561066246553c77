"""Pictures as files. One is drawn at a time, in a thread of its own: who waits for his keeps no thread from others."""

from __future__ import annotations

import re
from typing import Final

from anyio import CapacityLimiter, to_thread
from starlette.concurrency import run_in_threadpool

from caviar.adapters.sql import StudyRecord
from caviar.api.gallery import Gallery
from caviar.contract.figures import FigureName, Format
from caviar.figures.drawing import draw

KEPT = 48
"""Files that were asked for last and are kept: half a megabyte each, about."""
TYPES: Final[dict[Format, str]] = {"svg": "image/svg+xml", "png": "image/png"}


class Drawings:
    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._one = CapacityLimiter(1)
        self._kept: dict[tuple[str, FigureName, Format], tuple[str, bytes]] = {}
        """Only the one thread touches it."""

    async def file(self, record: StudyRecord, name: FigureName, format: Format, tag: str) -> bytes:
        """``tag`` is the picture's entity tag."""
        await run_in_threadpool(self._gallery.view, record, name, tag)
        return await to_thread.run_sync(self._drawn, record, name, format, tag, limiter=self._one)

    def _drawn(self, record: StudyRecord, name: FigureName, format: Format, tag: str) -> bytes:
        key = record.id, name, format
        known = self._kept.pop(key, None)
        if known is None or known[0] != tag:
            known = tag, draw(name, self._gallery.view(record, name, tag), format)
        self._kept[key] = known
        if len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]
        return known[1]


def headers_of(record: StudyRecord, name: FigureName, format: Format, tag: str) -> dict[str, str]:
    """Opened by itself, an SVG may do nothing but look as it does; saved, it has a name that says what it is."""
    study = re.sub(r"[^A-Za-z0-9._-]+", "-", record.name).strip("-.") or record.id
    headers = {
        "ETag": tag,
        "Content-Disposition": f'inline; filename="{study}-{name}.{format}"',
        "X-Content-Type-Options": "nosniff",
    }
    if format == "svg":
        headers["Content-Security-Policy"] = (
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
        )
    return headers
