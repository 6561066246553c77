"""Where a webhook may go. A URL comes from a client, the request from inside the service's network.

So only public addresses are taken, unless the operator allows others: not the cloud's metadata service, not the
database, not this machine. A name is resolved once, and the connection goes to the address that was checked: a name
that answers differently the next time gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from caviar.errors import InputError, Problem

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
WAY_OUT = "An operator allows it by CAVIAR_WEBHOOK_ALLOW."


class Refused(Exception):
    """The address is none that a webhook may go to."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """What an operator allows beside public addresses: host names, and networks."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Allowed:
        """Names and networks, with commas or blanks between them. Raises InputError naming what is neither."""
        hosts: set[str] = set()
        networks: list[Network] = []
        for word in text.replace(",", " ").split():
            try:
                networks.append(ipaddress.ip_network(word))
            except ValueError:
                if "/" in word or ":" in word:
                    raise InputError(
                        Problem(
                            ("CAVIAR_WEBHOOK_ALLOW",),
                            f"{word!r} is neither a host nor a network",
                            "For instance hooks.internal, 10.1.0.0/16.",
                        )
                    ) from None
                hosts.add(word.lower())
        return cls(frozenset(hosts), tuple(networks))

    def address(self, address: IpAddress) -> bool:
        return _public(address) or any(address in network for network in self.networks)


def check_url(url: str, allowed: Allowed) -> None:
    """Raises InputError where no delivery could go to ``url``. A name that does not resolve now may do so later."""
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        raise _wrong(f"is no address: {error}") from None
    if parts.scheme not in ("http", "https") or not host:
        raise _wrong("is not of the form https://host/path")
    if parts.username is not None or parts.password is not None:
        raise _wrong("holds a user or a password", "The signature tells the receiver who sends.")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise _wrong("holds characters that belong to no address")
    if port == 0:
        raise _wrong("names port 0")
    try:
        resolve(host, port or 443, allowed)
    except Refused as refused:
        raise _wrong(str(refused), WAY_OUT) from None
    except OSError:
        return


def resolve(host: str, port: int, allowed: Allowed) -> str:
    """An address of ``host`` that may be connected to.

    Raises:
        Refused: one of its addresses is not public; a name that mixes them is not to be trusted with either.
        OSError: it does not resolve.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]).partition("%")[0] for entry in found]
    if host.lower() not in allowed.hosts:
        for address in addresses:
            if not allowed.address(ipaddress.ip_address(address)):
                raise Refused(f"{host} is {address}, which is not a public address")
    return addresses[0]


def _public(address: IpAddress) -> bool:
    """Whether it is on the public internet, also where an IPv4 address is wrapped into it."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return _public(inner)
        if address.teredo is not None:
            return False
    return address.is_global and not address.is_multicast


def _wrong(
    reason: str, way_out: str = "For instance https://hooks.example.com/caviar."
) -> InputError:
    return InputError(Problem(("url",), reason, way_out))
