"""The sockets of the API. They outlive the scheduler: while it restarts, requests wait instead of failing."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path

from caviar.errors import InputError, Problem, ServiceError

BACKLOG = 256


def refuse_open(home: Path, bind: str) -> None:
    """Raises InputError where ``bind`` can be reached from elsewhere and no token of a person is in ``home``."""
    from caviar import bootstrap

    address = str(_resolved(bind, 0)[1][0])
    bootstrap.refuse_open_store(f"sqlite:///{home / 'caviar.db'}", [address])


def listen(preferred: int, bind: str | None = None) -> list[socket.socket]:
    """Sockets on loopback, where the service's own parts find it, and on ``bind``, with the same port.

    ``preferred`` is the port if it is free. The first socket can be reached on loopback.

    Raises:
        InputError: ``bind`` is no address of this machine.
        ServiceError: no port is free.
    """
    if bind is None:
        return [on_loopback(preferred)]
    family, address = _resolved(bind, preferred)
    for port in (preferred, 0):
        if address[0] in ("0.0.0.0", "127.0.0.1"):  # noqa: S104 - it was asked for, and there is a token
            first, rest = _bound(socket.AF_INET, (address[0], port)), []
        else:
            first = _bound(socket.AF_INET, ("127.0.0.1", port))
            if first is None:
                continue
            second = _bound(family, (address[0], first.getsockname()[1]))
            if second is None:
                first.close()
                continue
            rest = [second]
        if first is not None:
            return [first, *rest]
    raise InputError(
        Problem(("--bind",), f"{bind} is no address of this machine, or its ports are in use")
    )


def on_loopback(preferred: int) -> socket.socket:
    for port in (preferred, 0):
        found = _bound(socket.AF_INET, ("127.0.0.1", port))
        if found is not None:
            return found
    raise ServiceError("No port is free on 127.0.0.1.")


def url(bind: str, port: int) -> str:
    """Where other machines look for it. An address for all networks has the machine's name."""
    host = str(_resolved(bind, port)[1][0])
    if host in ("0.0.0.0", "::"):  # noqa: S104
        host = socket.gethostname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _bound(family: int, address: tuple[str, int]) -> socket.socket | None:
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        with suppress(OSError):  # loopback of IPv4 has a socket of its own
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        return None
    return listener


def _resolved(bind: str, port: int) -> tuple[int, tuple[str, int]]:
    """Raises InputError."""
    try:
        found = socket.getaddrinfo(bind, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise InputError(
            Problem(
                ("--bind",),
                f"{bind!r} is no address",
                "For instance 0.0.0.0, or this machine's own.",
            )
        ) from None
    family, _, _, _, address = found[0]
    return int(family), (str(address[0]), port)
