"""The pages' own files, each with its hash in its address: a browser keeps it for good, and never keeps an old one."""

from __future__ import annotations

import hashlib
import mimetypes
from functools import lru_cache
from pathlib import Path
from typing import Final

from fastapi import APIRouter, HTTPException
from starlette.responses import FileResponse, Response

PREFIX: Final = "/static"
FOLDER: Final = Path(__file__).parent / "static"
FOR_GOOD: Final = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "X-Content-Type-Options": "nosniff",
}
_SERVED: Final = frozenset({".css", ".js", ".svg"})


@lru_cache(maxsize=1)
def version() -> str:
    """A hash over all files: modules name one another without one, so they change their address together."""
    digest = hashlib.sha256()
    for path in sorted(FOLDER.rglob("*")):
        if path.suffix in _SERVED:
            digest.update(path.relative_to(FOLDER).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def address(name: str) -> str:
    """Where a page finds ``name``, for instance ``vendor/htmx.min.js``. Raises FileNotFoundError."""
    if not (FOLDER / name).is_file():
        raise FileNotFoundError(name)
    return f"{PREFIX}/{version()}/{name}"


def static_routes() -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get(PREFIX + "/{hash_}/{name:path}", name="static")
    def file(hash_: str, name: str) -> Response:
        """They are the same for everybody and say nothing: no login."""
        if name not in _names():
            raise HTTPException(404, "There is no such file.")
        headers = FOR_GOOD if hash_ == version() else {"Cache-Control": "no-store"}
        kind = mimetypes.guess_type(name)[0]
        return FileResponse(FOLDER / name, headers=headers, media_type=kind)

    @router.get("/favicon.ico", name="favicon")
    def favicon() -> Response:
        """What a browser asks for by itself, before the page that has no icon of its own."""
        return FileResponse(FOLDER / "caviar.svg", media_type="image/svg+xml")

    return router


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    return frozenset(
        path.relative_to(FOLDER).as_posix()
        for path in FOLDER.rglob("*")
        if path.suffix in _SERVED and path.is_file()
    )
