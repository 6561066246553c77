"""A person's session: the cookie, and whether a request with it came from this service's own pages."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from caviar.contract.gateway import COOKIE

READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Origin:
    """Where people reach the service: ``public_url``, or where that is not told, wherever they asked for it."""

    def __init__(self, public_url: str | None) -> None:
        self._public = _origin(public_url) if public_url else None

    def is_own(self, request: Request) -> bool:
        """Whether the browser says that one of our own pages made the request. One that says nothing is not believed.

        ``Origin`` is sent with each request that may change something, ``Sec-Fetch-Site`` by the browsers of today.
        """
        site = request.headers.get("sec-fetch-site")
        if site is not None and site != "same-origin":
            return False
        given = request.headers.getlist("origin")
        if len(given) > 1:
            return False
        if not given:
            return site is not None
        own = self._public or _origin(f"{request.url.scheme}://{request.headers.get('host', '')}")
        return own is not None and _origin(given[0]) == own

    def is_secure(self, request: Request) -> bool:
        """Whether people come over TLS: the scheme is what a proxy said that the operator named, else the socket's."""
        scheme = self._public[0] if self._public else request.url.scheme
        return scheme == "https"

    def keep(self, request: Request, response: Response, session: str, seconds: float) -> None:
        response.set_cookie(
            COOKIE,
            session,
            max_age=int(seconds),
            path="/",
            secure=self.is_secure(request),
            httponly=True,
            samesite="lax",
        )

    def drop(self, request: Request, response: Response) -> None:
        response.delete_cookie(
            COOKIE, path="/", secure=self.is_secure(request), httponly=True, samesite="lax"
        )


def _origin(url: str) -> tuple[str, str, int] | None:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    if parts.hostname is None or port is None:
        return None
    return parts.scheme, parts.hostname.lower(), port


def safe_return(given: str, otherwise: str) -> str:
    """An address of this service to go back to. What could lead elsewhere becomes ``otherwise``.

    Browsers read ``//host`` and ``/\\host`` as another host, and leave out tabs and line ends before they do.
    """
    plain = given.isascii() and given.isprintable() and "\\" not in given and len(given) <= 2000
    if not plain or not given.startswith("/") or given.startswith("//"):
        return otherwise
    parts = urlsplit(given)
    return otherwise if parts.scheme or parts.netloc else given
