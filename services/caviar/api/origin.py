"""Where a request comes from, and whether it meant this service."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from caviar.api.problems import problem

_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^\[\]:@/#?]+?)\.?)(?::[0-9]*)?")
LOCAL = "local"
"""A caller without an address: on a unix socket."""
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def address_of(request: HTTPConnection) -> str:
    """The caller's IP address.

    Behind a proxy that the operator named it is the one that the proxy saw: uvicorn has replaced it by then, and reads
    no such header of anybody else. What is no address is not repeated: it would be a stranger's text in the log.
    """
    if request.client is None:
        return LOCAL
    found = _parsed(request.client.host)
    return str(found) if found else "unknown"


def is_loopback(host: str) -> bool:
    """Whether an address, or a name that a socket is bound to, is this machine's own."""
    found = _parsed(host)
    return found.is_loopback if found else host in ("localhost", LOCAL)


def neighbourhood(address: str) -> str:
    """Who an address counts as: an IPv6 network of 64 bits is one customer, who has all of its addresses."""
    found = _parsed(address)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, 64), strict=False))
    return address


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        return found.ipv4_mapped
    return found


class OnlyHosts:
    """Refuses requests whose ``Host`` is none of ``names``.

    A page in a browser may let its own name point to 127.0.0.1 and then ask the service there as if it were its own
    (DNS rebinding). The name in ``Host`` is still the page's.
    """

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] in ("http", "websocket")
            and _name(Headers(scope=scope)) not in self._names
        ):
            told = (
                "This service does not answer to that name. CAVIAR_HOSTS lists those it answers to."
            )
            await problem("misdirected", told)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _name(headers: Headers) -> str:
    """The name in ``Host``, without the port: ``[::1]:8642`` is ``::1``. Two of them are none."""
    given = headers.getlist("host")
    if len(given) != 1:
        return ""
    found = _HOST.fullmatch(given[0].lower())
    return (found[1] or found[2]) if found else ""
